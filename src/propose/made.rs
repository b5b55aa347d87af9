//! Rows made of rows: where a table takes groups only, or where the source keeps patterns in the place of days, what the
//! mapping's sections could be. Nothing of it stands: a person decides.

use std::fmt::Write;
use std::sync::Arc;

use super::decide::{FieldProposal, Outcome, TableProposal};
use super::pair::{Origin, Pair, Target};
use super::reading;
use super::terms::Terms;
use super::write::{Place, line, open_value, quoted};
use crate::finding::Text;
use crate::source::TableShape;
use crate::standard::{FieldIdx, FieldType, Format, KeyPart, Required, Standard, TablePlan};

/// The least likeness of titles from which on rows are taken to be cases of what a table counts.
const TITLED: f32 = 0.7;

/// A table that takes groups only, and the rows that could be counted for it.
#[derive(Debug, Clone)]
pub struct Grouping {
    /// The standard's table.
    pub plan: Arc<TablePlan>,
    /// The source's table.
    pub object: String,
    /// Its column with the day.
    pub date: String,
    /// Whether the day has a time behind it.
    pub timed: bool,
    /// Columns that say of what kind a case is, with the fields that they are.
    pub by: Vec<(FieldIdx, String)>,
    /// How surely the rows are such cases, 0 to 1.
    pub chance: f32,
    /// Why.
    pub reason: Text,
}

/// The columns of a timetable's pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// The lesson's number.
    pub lesson: String,
    /// Year and term.
    pub term: Vec<String>,
    /// The weeks.
    pub weeks: String,
    /// The weekday.
    pub weekday: String,
    /// The periods.
    pub periods: String,
    /// The field of the day, which the calendar gives.
    pub day: FieldIdx,
}

/// Single rows that could be counted for tables that take groups only: of each table the best.
pub(super) fn groups(
    standard: &Standard,
    shapes: &[TableShape],
    origins: &[Origin],
    targets: &[Target<'_>],
    pairs: &[(usize, usize, Pair)],
) -> Vec<Grouping> {
    let mut out: Vec<Grouping> = Vec::new();
    for (at, target) in targets.iter().enumerate().filter(|(_, target)| target.plan.anonymous) {
        let own =
            pairs.iter().filter(|(source, to, pair)| *to == at && pair.title >= TITLED && !origins[*source].table.is_machinery);
        let mut own: Vec<&(usize, usize, Pair)> = own.collect();
        own.sort_by(|a, b| b.2.title.total_cmp(&a.2.title).then(b.2.explained.total_cmp(&a.2.explained)));
        out.extend(own.into_iter().find_map(|(source, _, pair)| {
            grouping(standard.tables()[at].clone(), target, &shapes[*source], &origins[*source], pair)
        }));
    }
    out
}

fn grouping(plan: Arc<TablePlan>, target: &Target<'_>, shape: &TableShape, origin: &Origin, pair: &Pair) -> Option<Grouping> {
    let dated = |field: FieldIdx| plan.field(field).ty == FieldType::Text(Format::Date);
    let day = target.fields.iter().position(|field| dated(field.idx))?;
    let chosen = pair.chosen.get(day)?.as_ref()?;
    let date = shape.columns[chosen.scored.column].name.to_string();
    let counted = |field: FieldIdx| matches!(plan.field(field).ty, FieldType::Integer { .. });
    // Rows that are counted already need no counting.
    let has_count = target.fields.iter().zip(&pair.chosen).any(|(field, own)| {
        counted(field.idx)
            && plan.field(field.idx).required == Required::Mandatory
            && own.as_ref().is_some_and(|own| own.scored.chance > 0.7)
    });
    let by = |(field, own): (&super::field::Field, &Option<super::pair::Chosen>)| {
        let own = own.as_ref().filter(|own| own.scored.chance >= 0.6 && own.scored.take.is_none())?;
        let plain = !plan.field(field.idx).sensitivity.is_sensitive() && !counted(field.idx) && !dated(field.idx);
        plain.then(|| (field.idx, shape.columns[own.scored.column].name.to_string()))
    };
    let by = target.fields.iter().zip(&pair.chosen).filter_map(by).collect();
    let profile = &origin.views[chosen.scored.column].profile;
    let timed = profile.values().any(|value| value.contains(':'));
    (!has_count).then(|| Grouping {
        object: shape.name.clone(),
        date,
        timed,
        by,
        chance: pair.title.min(0.9),
        reason: Text::new(
            format!("{} 只上报汇总数据，{} 像是逐人逐次的记录：在来源处按天计数，单行数据不离开来源", plan.label_zh, shape.name),
            format!("{} takes groups only, {} seems to have one row a case: they are counted by day in the source, and no single row leaves it", plan.label_en, shape.name),
        ),
        plan,
    })
}

/// A mapping to decide on for a table that takes groups only: it passes the check, but nothing uses it before a person has
/// looked at it and given its file the ending `.toml`.
pub fn draft(own: &Grouping, place: &Place<'_>) -> Option<String> {
    let product = place.product?;
    let plan = &own.plan;
    let name = |column: &str| product.quoted(column);
    let day = if own.timed { format!("date({})", name(&own.date)) } else { name(&own.date) };
    let mut columns = vec![format!("{day} AS {}", name("day"))];
    columns.extend(own.by.iter().map(|(_, column)| name(column)));
    let mut keys = vec![day];
    keys.extend(own.by.iter().map(|(_, column)| name(column)));
    let mut out = String::new();
    let _ = writeln!(
        out,
        "# {} {} ← {} {}\n# 待定的映射，由 xiaoshu init 提出，把握 {:.2}：{}\n# 核对后把文件名结尾的 .draft 去掉即启用\n\
         # A mapping to decide on, proposed by xiaoshu init, confidence {:.2}: {}\n# Take .draft from the end of the file's name to use it",
        plan.name,
        line(&plan.label_zh),
        place.source,
        line(&own.object),
        own.chance,
        own.reason.zh,
        own.chance,
        own.reason.en
    );
    let _ = writeln!(out, "table = {}\nsource = {}\nmode = \"automatic\"\n\n[read]", quoted(&plan.name), quoted(place.source));
    let _ = writeln!(
        out,
        "query = {}\n\n[groups]\ncount = \"cases\"\ndate = \"day\"\nwithin = \"week\"",
        quoted(&format!(
            "SELECT {}, count(*) AS {} FROM {} GROUP BY {}",
            columns.join(", "),
            name("cases"),
            product.quoted_path(&own.object),
            keys.join(", ")
        ))
    );
    if !own.by.is_empty() {
        let by: Vec<String> = own.by.iter().map(|(_, column)| quoted(column)).collect();
        let _ = writeln!(out, "by = [{}]", by.join(", "));
    }
    let _ = writeln!(out, "\n[fields]");
    let mut counted = false;
    for (idx, field) in plan.indexed() {
        let roles = plan.roles;
        if [roles.record_key, roles.school_code, roles.collected_at, roles.data_state].contains(&Some(idx)) {
            continue;
        }
        let by = own.by.iter().find(|(field, _)| *field == idx);
        let needed = field.required == Required::Mandatory;
        let first_count = !counted && needed && matches!(field.ty, FieldType::Integer { .. }) && field.label.ends_with('次');
        counted |= first_count;
        match by {
            _ if field.ty == FieldType::Text(Format::Date) => drop(writeln!(out, "{} = \"day\"", field.name)),
            Some((_, column)) => drop(writeln!(out, "{} = {}", field.name, quoted(column))),
            None if first_count => drop(writeln!(out, "{} = \"cases\"", field.name)),
            None if needed => drop(writeln!(out, "# {}\n{} = {}", line(&field.label), field.name, open_value())),
            None => {}
        }
    }
    Some(out)
}

/// The pattern that a timetable's rows are: weeks, weekday and periods in the place of a day.
pub(super) fn pattern(terms: &Terms, shapes: &[TableShape], table: &TableProposal) -> Option<Pattern> {
    let day = table.plan.roles.due_on?;
    let shape = shapes.iter().find(|shape| shape.name == table.object)?;
    let active = |wanted: &dyn Fn(FieldIdx) -> bool| {
        let own = |own: &&FieldProposal| own.outcome == Outcome::Active && own.through.is_none() && wanted(own.field);
        table.fields.iter().find(own)?.column.as_ref().map(|column| column.column.clone())
    };
    if active(&|field| field == day).is_some() {
        return None;
    }
    let periods = active(&|field| table.plan.field(field).ty == FieldType::Text(Format::Periods))?;
    let named = |word: &str, fits: &dyn Fn(&str) -> bool| {
        (0..shape.columns.len()).find(|at| {
            let column = &shape.columns[*at];
            let said = column.comment.iter().flat_map(|text| reading::of_comment(terms, text));
            let mut all = said.chain(reading::of_name(terms, &column.name));
            let means = terms.known(word).map(|at| terms.entry(at).means.clone()).unwrap_or_default();
            let spelled = super::pinyin::initials(word).contains(&column.name.to_ascii_uppercase());
            let called = spelled || all.any(|own| own.trust > 0.8 && means.iter().all(|term| own.terms.contains(term)));
            let mut values = shape.samples.column(*at).flatten().map(str::trim).filter(|value| !value.is_empty()).peekable();
            called && values.peek().is_some() && values.all(fits)
        })
    };
    let weeks = named("周次", &is_weeks)?;
    let weekday = named("星期", &is_weekday).or_else(|| named("星期几", &is_weekday))?;
    let year = active(&|field| table.plan.roles.school_year == Some(field));
    let term = active(&|field| table.plan.roles.term == Some(field));
    let mut both: Vec<String> = year.into_iter().chain(term).collect();
    both.dedup();
    let keyed = |field: FieldIdx| table.plan.key.parts.contains(&KeyPart::Field(field));
    let number = active(&|field| {
        let own = table.plan.field(field);
        keyed(field) && own.reference.is_none() && own.label.ends_with('号')
    });
    Some(Pattern {
        lesson: number.or_else(|| table.source_id.clone())?,
        term: if both.is_empty() { return None } else { both },
        weeks: shape.columns[weeks].name.to_string(),
        weekday: shape.columns[weekday].name.to_string(),
        periods,
        day,
    })
}

/// 1-16周, 1-8,10 … : more than one week.
fn is_weeks(value: &str) -> bool {
    value.chars().any(|c| c.is_ascii_digit()) && value.chars().all(|c| c.is_ascii_digit() || "-,，、~周单双()（） ".contains(c))
}

fn is_weekday(value: &str) -> bool {
    let last = value.chars().last();
    last.is_some_and(|c| "1234567一二三四五六日天".contains(c)) && value.chars().count() <= 3
}

/// The section for a timetable's pattern, as a comment.
pub(super) fn timetable(table: &TableProposal, out: &mut String) {
    let Some(own) = &table.pattern else { return };
    let field = table.plan.field(own.day);
    let term: Vec<String> = own.term.iter().map(|column| quoted(column)).collect();
    let _ = writeln!(
        out,
        "\n# ---- 待定：来源存的是周次规律而不是日期，可由 [timetable] 按校历展开成每天一行（“{}”由此得出）；\n\
         #      先在 CORE 校历表中登记学期，调课另见部署手册 /\n\
         #      to decide: the source keeps patterns of weeks, no days: [timetable] makes a row a day of them by the calendar ----\n\
         # [timetable]\n# lesson = {}\n# term = [{}]\n# weeks = {}\n# weekday = {}\n# periods = {}\n\
         # 并把 [fields] 中的这一行改为 / and in [fields] this line becomes: {} = \"date\"",
        line(&field.label),
        quoted(&own.lesson),
        term.join(", "),
        quoted(&own.weeks),
        quoted(&own.weekday),
        quoted(&own.periods),
        field.name
    );
}

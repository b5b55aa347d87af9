//! Which proposals stand, which wait for a person.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::codes::{self, CodeProposal};
use super::field::Field;
use super::foreign;
use super::link::{Links, Through};
use super::made::{self, Grouping, Pattern};
use super::pair::{Chosen, OTHER_KIND, Origin, Pair, Target};
use super::score::View;
use super::terms::Terms;
use super::title::{self, Subject, Table};
use super::wordlist::Wordlists;
use crate::finding::Text;
use crate::source::TableShape;
use crate::standard::{FieldIdx, KeyPart, Required, Standard, TablePlan};

/// From this chance on two tables are taken to mean the same.
const TABLE: f32 = 0.6;
/// From this chance on a line is active.
const ACTIVE: f32 = 0.72;
/// By how much an active line is ahead of what else could be meant.
const AHEAD: f32 = 0.04;
/// From this chance on a line is worth a person's look.
const SHOWN: f32 = 0.35;

/// What is proposed for one source.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// Tables that are recognised, the standard's order.
    pub tables: Vec<TableProposal>,
    /// Tables of the standard that take groups only, with the table of the source whose rows could be counted.
    pub groups: Vec<Grouping>,
    /// Tables of the source that feed nothing, with why, where there is a reason.
    pub left: Vec<(String, Text)>,
}

/// One table of the standard with the table of the source that feeds it.
#[derive(Debug, Clone)]
pub struct TableProposal {
    /// The standard's table.
    pub plan: Arc<TablePlan>,
    /// The source's table, as `[read] object` calls it.
    pub object: String,
    /// Its comment.
    pub comment: Option<String>,
    /// Its rows, as far as known.
    pub rows: Option<u64>,
    /// How surely the two mean the same, 0 to 1.
    pub chance: f32,
    /// All fields that a mapping can name, in printed order.
    pub fields: Vec<FieldProposal>,
    /// A column of the source that numbers its rows, for keys by `@id`.
    pub source_id: Option<String>,
    /// Columns to order by: those of the table's own key.
    pub order_by: Vec<String>,
    /// Other tables of the source that could be meant, with their chances.
    pub rivals: Vec<(String, f32)>,
    /// The columns of a timetable's pattern, where the source keeps patterns in the place of days.
    pub pattern: Option<Pattern>,
}

/// What is proposed for one field.
#[derive(Debug, Clone)]
pub struct FieldProposal {
    /// The field.
    pub field: FieldIdx,
    /// Whether the table needs it: mandatory, or part of its key.
    pub needed: bool,
    /// Whether the line stands.
    pub outcome: Outcome,
    /// The column that it comes from; none where there is no candidate.
    pub column: Option<Candidate>,
    /// Other columns that could be meant.
    pub others: Vec<Candidate>,
    /// How the value is reached, where the column itself does not hold it.
    pub through: Option<Through>,
    /// The part of the value that is wanted, as mappings say it.
    pub take: Option<&'static str>,
    /// Why this column.
    pub reasons: Vec<Text>,
    /// Own values to codes.
    pub codes: Option<CodeProposal>,
}

/// A column that may be meant.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Its name.
    pub column: String,
    /// How surely, 0 to 1.
    pub chance: f32,
}

/// Whether a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Sure enough to stand.
    Active,
    /// For a person to decide.
    Decide,
    /// No column could be meant.
    Open,
}

/// Proposes mappings of a source onto the standard.
pub fn propose(standard: &Standard, terms: &Terms, shapes: &[TableShape]) -> Proposal {
    let targets = targets(standard, terms);
    let prefixes = title::prefixes(terms, shapes);
    let lists = Wordlists::of(terms, shapes);
    let origins: Vec<Origin> = shapes
        .iter()
        .map(|shape| Origin {
            table: Table::of(terms, &lists, shape, &prefixes),
            views: (0..shape.columns.len()).map(|at| View::of(terms, &lists, shape, at)).collect(),
            sampled: shape.samples.rows(),
        })
        .collect();
    let mut pairs: Vec<(usize, usize, Pair)> = Vec::new();
    for (source, origin) in origins.iter().enumerate() {
        let found = targets.iter().enumerate().filter_map(|(at, target)| Some((source, at, Pair::of(terms, origin, target)?)));
        pairs.extend(found.filter(|(_, _, pair)| pair.chance > 0.2).collect::<Vec<_>>());
    }
    let kept = kept(standard, terms, &targets, &pairs);
    let mut tables: Vec<TableProposal> = Vec::new();
    for (at, (source, target, pair)) in pairs.iter().enumerate() {
        if kept.contains(&at) {
            let elsewhere = |other: usize| kept.iter().any(|at| pairs[*at].0 == other);
            let rivals = pairs.iter().filter(|(other, same, rival)| {
                same == target && other != source && rival.chance >= TABLE - 0.1 && !elsewhere(*other)
            });
            let rivals = rivals.map(|(other, _, rival)| (shapes[*other].name.clone(), rival.chance)).collect();
            let plan = standard.tables()[*target].clone();
            tables.push(table(plan, &targets[*target], &shapes[*source], &origins[*source], pair, rivals));
        }
    }
    tables.sort_by_key(|table| table.plan.id);
    foreign::strengthen(shapes, &mut tables);
    foreign::twins(&mut tables);
    Links { terms, targets: &targets, shapes, origins: &origins }.follow(&mut tables);
    for table in &mut tables {
        table.pattern = made::pattern(terms, shapes, table);
    }
    let groups = made::groups(standard, shapes, &origins, &targets, &pairs);
    tables.retain(|table| !table.plan.anonymous || !groups.iter().any(|own| own.plan.id == table.plan.id));
    let mut left = left(shapes, &origins, &pairs, &tables, standard);
    left.retain(|(object, _)| !groups.iter().any(|own| own.object == *object));
    Proposal { tables, groups, left }
}

fn targets<'s>(standard: &'s Standard, terms: &Terms) -> Vec<Target<'s>> {
    let mut labels: HashMap<&str, usize> = HashMap::new();
    for field in standard.tables().iter().flat_map(|table| table.fields.iter()) {
        *labels.entry(&*field.label).or_default() += 1;
    }
    let target = |plan: &'s Arc<TablePlan>| {
        let subject = Subject::of(terms, plan);
        let roles = plan.roles;
        let filled = [roles.record_key, roles.school_code, roles.collected_at, roles.data_state];
        let rarity = |label: &str| (1.0 / labels.get(label).copied().unwrap_or(1).max(1) as f32).sqrt().max(0.25);
        let fields = plan
            .indexed()
            .filter(|(idx, _)| !filled.contains(&Some(*idx)))
            .map(|(idx, field)| Field::of(terms, &subject, idx, field, rarity(&field.label)))
            .collect();
        Target { plan, subject, fields }
    };
    standard.tables().iter().map(target).collect()
}

/// The pairs that are recognised. A table of the source is about one thing: of what it could be it takes those that are
/// akin, so that all tables of the standard together are met as surely as can be; each by its surest source table.
fn kept(standard: &Standard, terms: &Terms, targets: &[Target<'_>], pairs: &[(usize, usize, Pair)]) -> Vec<usize> {
    let is_core = |target: usize| standard.tables()[target].edition.is_core();
    let akin = |a: usize, b: usize| {
        let of = |at: usize| targets[at].subject.core.iter();
        a == b || of(a).any(|term| of(b).any(|other| terms.closeness(*term, *other) > 0.0))
    };
    let mut meanings: BTreeMap<usize, Vec<Vec<usize>>> = BTreeMap::new();
    for source in pairs.iter().map(|pair| pair.0).collect::<std::collections::BTreeSet<_>>() {
        let mut own: Vec<usize> = (0..pairs.len()).filter(|at| pairs[*at].0 == source && pairs[*at].2.chance >= TABLE).collect();
        own.sort_by(|a, b| pairs[*b].2.explained.total_cmp(&pairs[*a].2.explained));
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for lead in &own {
            let group: Vec<usize> = own.iter().copied().filter(|at| akin(pairs[*lead].1, pairs[*at].1)).collect();
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        if !groups.is_empty() {
            meanings.insert(source, groups);
        }
    }
    let mut choice: BTreeMap<usize, usize> = meanings.keys().map(|source| (*source, 0)).collect();
    let total = |choice: &BTreeMap<usize, usize>| {
        let mut best: HashMap<usize, f32> = HashMap::new();
        for (source, group) in choice {
            for at in &meanings[source][*group] {
                let own = best.entry(pairs[*at].1).or_default();
                // One table that is surely meant weighs more than two that may be.
                *own = own.max(pairs[*at].2.chance.powi(3) * (1.0 + pairs[*at].2.explained * 0.02));
            }
        }
        best.values().sum::<f32>()
    };
    let mut sum = total(&choice);
    for source in meanings.keys() {
        for group in 1..meanings[source].len() {
            let mut other = choice.clone();
            other.insert(*source, group);
            let new = total(&other);
            if new > sum + 0.05 {
                (choice, sum) = (other, new);
            }
        }
    }
    let meant: Vec<usize> = choice.iter().flat_map(|(source, group)| meanings[source][*group].iter().copied()).collect();
    let best_of = |matches: &dyn Fn(&(usize, usize, Pair)) -> bool| {
        meant.iter().map(|at| &pairs[*at]).filter(|pair| matches(pair)).map(|(_, _, pair)| pair.chance).fold(0.0, f32::max)
    };
    let keep = |(source, target, pair): &(usize, usize, Pair)| {
        let group = best_of(&|(other, to, _)| other == source && is_core(*to) == is_core(*target));
        pair.chance >= best_of(&|(_, other, _)| other == target)
            && (pair.chance >= group || (pair.title >= 0.8 && pair.chance >= group - 0.25))
    };
    let mut out: Vec<usize> = meant.iter().copied().filter(|at| keep(&pairs[*at])).collect();
    out.sort_unstable();
    // Of two that are equally sure the first stands.
    let mut seen = std::collections::HashSet::new();
    out.retain(|at| seen.insert(pairs[*at].1));
    out
}

fn table(
    plan: Arc<TablePlan>,
    target: &Target<'_>,
    shape: &TableShape,
    origin: &Origin,
    pair: &Pair,
    rivals: Vec<(String, f32)>,
) -> TableProposal {
    let in_key = |idx: FieldIdx| {
        plan.key
            .parts
            .iter()
            .any(|part| matches!(part, KeyPart::Field(f) | KeyPart::Date(f) | KeyPart::SchoolYear(f) if *f == idx))
    };
    let certain = pair.chance.powf(0.3) * if rivals.iter().any(|(_, chance)| *chance > pair.chance - 0.02) { 0.8 } else { 1.0 };
    let fields: Vec<FieldProposal> = target
        .fields
        .iter()
        .zip(&pair.chosen)
        .map(|(field, chosen)| {
            let idx = field.idx;
            let needed = plan.field(idx).required == Required::Mandatory || in_key(idx);
            self::field(&plan, idx, needed, chosen.as_ref(), shape, origin, certain)
        })
        .collect();
    let active_column = |idx: FieldIdx| {
        let own = fields.iter().find(|own| own.field == idx && own.outcome == Outcome::Active)?;
        own.column.as_ref().map(|column| column.column.clone())
    };
    let keys: Option<Vec<String>> = plan
        .key
        .parts
        .iter()
        .map(|part| match part {
            KeyPart::Field(f) => active_column(*f),
            _ => None,
        })
        .collect();
    let declared = |columns: &Vec<String>| std::iter::once(&shape.primary).chain(&shape.uniques).any(|own| own == columns);
    TableProposal {
        object: shape.name.clone(),
        comment: shape.comment.clone(),
        rows: shape.rows,
        chance: pair.chance,
        source_id: (shape.primary.len() == 1).then(|| shape.primary[0].clone()),
        order_by: keys.filter(declared).unwrap_or_default(),
        fields,
        rivals,
        pattern: None,
        plan,
    }
}

fn field(
    plan: &Arc<TablePlan>,
    idx: FieldIdx,
    needed: bool,
    chosen: Option<&Chosen>,
    shape: &TableShape,
    origin: &Origin,
    certain: f32,
) -> FieldProposal {
    let mut out = FieldProposal {
        field: idx,
        needed,
        outcome: Outcome::Open,
        column: None,
        others: Vec::new(),
        through: None,
        take: None,
        reasons: Vec::new(),
        codes: None,
    };
    let Some(chosen) = chosen else { return out };
    let scored = &chosen.scored;
    let chance = scored.chance * certain;
    if chance < SHOWN {
        return out;
    }
    let candidate = |at: usize, chance: f32| Candidate { column: shape.columns[at].name.to_string(), chance };
    let view = &origin.views[scored.column];
    out.column = Some(candidate(scored.column, chance));
    out.others =
        chosen.others.iter().filter(|(_, chance)| *chance >= SHOWN).map(|(at, own)| candidate(*at, own * certain)).collect();
    out.take = scored.take;
    out.reasons.clone_from(&scored.reasons);
    if let Some(list) = view.list.as_ref().filter(|_| plan.field(idx).code_set.is_some()) {
        out.reasons.push(Text::new(format!("代码含义取自 {list}"), format!("what the codes mean is from {list}")));
    }
    out.codes = if scored.take.is_none() { codes::propose(plan, idx, &view.profile, &view.dictionary) } else { None };
    let sure = chance >= ACTIVE && chosen.margin >= AHEAD;
    // Own numbers of which some are no codes are another numbering: those that pass for codes mean something else, too.
    let renumbered = view.profile.share(view.profile.digits) > 0.5 && view.dictionary.is_empty();
    let coded =
        out.codes.as_ref().is_none_or(|codes| codes.unmapped_rows * 2 <= codes.rows && !(renumbered && codes.unmapped > 0));
    if !sure && chance >= ACTIVE {
        out.reasons.push(Text::new("另有相近的列或字段", "another column or field comes close"));
    }
    if !coded {
        out.reasons.push(Text::new("多数取值尚无代码", "most values have no code yet"));
    }
    out.outcome = if sure && coded { Outcome::Active } else { Outcome::Decide };
    out
}

fn left(
    shapes: &[TableShape],
    origins: &[Origin],
    pairs: &[(usize, usize, Pair)],
    tables: &[TableProposal],
    standard: &Standard,
) -> Vec<(String, Text)> {
    let mut out = Vec::new();
    for (at, shape) in shapes.iter().enumerate() {
        if tables.iter().any(|table| table.object == shape.name) {
            continue;
        }
        let best = pairs.iter().filter(|(source, ..)| *source == at).max_by(|a, b| a.2.chance.total_cmp(&b.2.chance));
        let why = match best {
            Some((_, target, pair)) if pair.single && pair.chance >= TABLE * OTHER_KIND => {
                let plan = &standard.tables()[*target];
                Text::new(
                    format!(
                        "像是 {}（{}）的逐笔记录：该表按日合计，请用查询或视图汇总后再映射（见 deploy/examples/daily）",
                        plan.name, plan.label_zh
                    ),
                    format!(
                        "looks like single events of {} ({}), which wants sums by the day: map a query or a view that sums them \
                         up (see deploy/examples/daily)",
                        plan.name, plan.label_en
                    ),
                )
            }
            Some((_, target, pair)) if pair.chance >= 0.35 => {
                let plan = &standard.tables()[*target];
                Text::new(
                    format!("可能是 {}（{}），把握不足（{:.2}）", plan.name, plan.label_zh, pair.chance),
                    format!("perhaps {} ({}), not sure enough ({:.2})", plan.name, plan.label_en, pair.chance),
                )
            }
            _ if shape.unreadable.is_some() => {
                Text::new("读不到行，仅凭名称未识别", "its rows cannot be read, and its names alone say too little")
            }
            _ if origins[at].table.is_machinery => Text::new("系统自身的表", "the system's own machinery"),
            _ => Text::new("未识别", "not recognised"),
        };
        out.push((shape.name.clone(), why));
    }
    out
}

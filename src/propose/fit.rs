//! Whether sampled values can be values of a field.

use super::codes::{self, Dictionary};
use super::profile::Profile;
use super::terms::{Term, Terms};
use crate::finding::Text;
use crate::normalize::Canon;
use crate::standard::{FieldIdx, FieldPlan, FieldType, Format, Length, Sensitivity, TablePlan};

/// More different values than these are not tried.
const MOST_TRIED: usize = 60;

/// What the values say about a pair of column and field.
#[derive(Debug, Clone)]
pub(super) struct Fit {
    /// What the chance is multiplied with.
    pub factor: f32,
    /// The share of the remaining doubt that goes.
    pub bonus: f32,
    /// The part of the value that is wanted, as mappings say it.
    pub take: Option<&'static str>,
    /// Why, for people; without a value.
    pub why: Option<Text>,
}

impl Fit {
    fn plain(factor: f32, bonus: f32) -> Self {
        Self { factor, bonus, take: None, why: None }
    }

    fn because(mut self, zh: impl Into<String>, en: impl Into<String>) -> Self {
        self.why = Some(Text::new(zh, en));
        self
    }
}

/// Holds the values against the field's form, its code set, its sensitivity.
pub(super) fn fit(
    terms: &Terms,
    plan: &TablePlan,
    idx: FieldIdx,
    head: Option<Term>,
    profile: &Profile,
    dictionary: &Dictionary,
) -> Fit {
    let field = plan.field(idx);
    if profile.filled == 0 {
        return Fit::plain(0.93, 0.0).because("样本为空", "no sampled values");
    }
    if field.code_set.is_some() {
        return coded(plan, idx, field, profile, dictionary);
    }
    match field.ty {
        FieldType::Integer { .. } | FieldType::Decimal { .. } => {
            let share = accepted(&mut Canon::new(plan, idx), profile);
            let personal = profile.share(profile.phone).max(profile.share(profile.resident));
            if share < 0.9 && personal <= 0.8 && profile.share(profile.whole) > 0.98 {
                Fit::plain(0.82, 0.0).because("样本有小数或过大的数", "some samples have decimals or are too large")
            } else if share < 0.9 || personal > 0.8 {
                Fit::plain(0.1, 0.0)
            } else {
                Fit::plain(1.0, 0.1).because("样本均为数值", "samples are numbers")
            }
        }
        FieldType::Text(Format::Free) => free(terms, field, head, profile),
        FieldType::Text(format) => formed(plan, idx, format, profile),
    }
}

/// Whether the values alone say what a column is: identity numbers, credit codes, codes of a long list of long codes.
pub(super) fn form_alone(field: &FieldPlan, profile: &Profile) -> Option<Text> {
    if profile.distinct < 5 {
        return None;
    }
    let checked = match (field.ty, field.sensitivity) {
        (FieldType::Text(Format::CreditCode), _) => profile.share(profile.credit) > 0.95,
        (_, Sensitivity::IdNumber) => profile.share(profile.resident) > 0.95,
        _ => false,
    };
    let listed = || {
        let set = field.code_set.as_ref().filter(|set| set.codes().len() >= 200)?;
        let long = profile.values().all(|value| value.len() >= 5 && set.find(value).is_some());
        long.then_some(())
    };
    (checked || listed().is_some()).then(|| Text::new("取值的形式独一无二", "nothing else has values of this form"))
}

fn accepted(canon: &mut Canon, profile: &Profile) -> f32 {
    let mut tried: Vec<&str> = profile.values().collect();
    tried.sort_unstable();
    tried.dedup();
    tried.truncate(MOST_TRIED);
    let good = tried.iter().filter(|value| canon.canonical(value).is_some()).count();
    good as f32 / tried.len().max(1) as f32
}

fn formed(plan: &TablePlan, idx: FieldIdx, format: Format, profile: &Profile) -> Fit {
    let takes: &[&'static str] = match format {
        Format::Date => &["date"],
        Format::Month => &["month"],
        Format::Year => &["year"],
        Format::Time => &["time"],
        Format::SchoolYear | Format::SchoolYearWord => &["school_year"],
        _ => &[],
    };
    let whole = accepted(&mut Canon::new(plan, idx), profile);
    let form = format.name();
    if whole >= 0.9 {
        let bonus = match format {
            Format::CreditCode | Format::ResidentId => 0.6,
            Format::SchoolYear | Format::SchoolYearWord | Format::Periods => 0.5,
            Format::Year => 0.15,
            _ => 0.3,
        };
        return Fit::plain(1.0, bonus).because(format!("样本合于格式 {form}"), format!("samples are of the form {form}"));
    }
    for take in takes {
        if accepted(&mut Canon::new(plan, idx).taking(take), profile) >= 0.9 {
            let mut fit = Fit::plain(1.0, if profile.share(profile.year_terms) > 0.9 { 0.5 } else { 0.25 }).because(
                format!("样本取其一部分（{take}）即合格式 {form}"),
                format!("a part of the samples ({take}) is of the form {form}"),
            );
            fit.take = Some(take);
            return fit;
        }
    }
    Fit::plain(if whole < 0.5 { 0.1 } else { 0.5 }, 0.0)
}

fn coded(plan: &TablePlan, idx: FieldIdx, field: &FieldPlan, profile: &Profile, dictionary: &Dictionary) -> Fit {
    let Some(set) = &field.code_set else { return Fit::plain(1.0, 0.0) };
    if dictionary.len() > 1 {
        let known = dictionary.values().filter(|label| codes::by_label(set, label).is_some()).count();
        let (zh, en) = (
            format!("已说明的 {} 种取值中 {known} 种属于代码集", dictionary.len()),
            format!("{known} of the {} values that are explained belong to the code set", dictionary.len()),
        );
        let fit = if known == dictionary.len() {
            Fit::plain(1.0, 0.4)
        } else {
            Fit::plain(0.55 + 0.4 * known as f32 / dictionary.len() as f32, 0.0)
        };
        return fit.because(zh, en);
    }
    if plan.roles.term == Some(idx) && profile.share(profile.year_terms) > 0.9 {
        let mut fit = Fit::plain(1.0, 0.4).because("样本为学年学期合写", "samples are school year and term in one");
        fit.take = Some("term");
        return fit;
    }
    let mut canon = Canon::new(plan, idx);
    let mut tried: Vec<&str> = profile.values().collect();
    tried.sort_unstable();
    tried.dedup();
    let distinct = tried.len();
    tried.truncate(MOST_TRIED);
    let good = tried.iter().filter(|value| canon.canonical(value).is_some_and(|code| set.find(&code).is_some())).count();
    let share = good as f32 / tried.len().max(1) as f32;
    let words = profile.share(profile.digits) < 0.5 && tried.iter().any(|value| set.find(value).is_none());
    let counted = (
        format!("样本中 {good}/{distinct} 种取值属于代码集"),
        format!("{good} of {distinct} sampled values belong to the code set"),
    );
    let fit = match share {
        // That all values are of a long list by accident is out of the question.
        share if share >= 0.9 && (words || (set.codes().len() >= 60 && profile.longest >= 4)) => Fit::plain(1.0, 0.5),
        share if share >= 0.9 && unknown_first(set, &tried) => Fit::plain(0.7, 0.0),
        share if share >= 0.9 => Fit::plain(1.0, 0.1),
        share if share >= 0.3 => Fit::plain(0.97, 0.1),
        _ if distinct <= 15 && profile.longest <= 16 && set.codes().len() <= 400 => Fit::plain(0.85, 0.0),
        _ => Fit::plain(if set.closed { 0.3 } else { 0.45 }, 0.0),
    };
    fit.because(counted.0, counted.1)
}

/// Own numbers that pass for codes by accident: 0 and 1 in a set whose 0 means that nothing is known.
fn unknown_first(set: &crate::standard::CodeSet, tried: &[&str]) -> bool {
    tried.contains(&"0") && set.find("0").is_some_and(|zero| set.get(zero).label.starts_with('未'))
}

fn free(terms: &Terms, field: &FieldPlan, head: Option<Term>, profile: &Profile) -> Fit {
    if profile.is_filler {
        return Fit::plain(0.95, 0.0).because("样本像占位数据", "samples look like placeholders");
    }
    let share = |count: usize| profile.share(count);
    let strong = |count: usize, bonus: f32, zh: &str, en: &str| match share(count) {
        share if share >= 0.8 => Fit::plain(1.0, bonus).because(zh, en),
        share if share < 0.3 => Fit::plain(0.3, 0.0),
        _ => Fit::plain(0.8, 0.0),
    };
    let fit = match field.sensitivity {
        Sensitivity::IdNumber => {
            return strong(profile.resident, 0.7, "样本合于身份证校验位", "samples have an identity number's check character");
        }
        Sensitivity::Phone => return strong(profile.phone, 0.4, "样本形如电话号码", "samples look like telephone numbers"),
        Sensitivity::Email => return strong(profile.mail, 0.5, "样本形如邮箱", "samples look like mail addresses"),
        Sensitivity::Name if share(profile.han) < 0.3 && share(profile.digits) > 0.6 => Fit::plain(0.25, 0.0),
        Sensitivity::Name if share(profile.person) > 0.7 => {
            Fit::plain(1.0, 0.15).because("样本形如人名", "samples look like names of persons")
        }
        Sensitivity::Name if share(profile.person) < 0.2 && !field.label.contains("单位") => Fit::plain(0.6, 0.0),
        _ => Fit::plain(1.0, 0.0),
    };
    let head = head.map(|term| terms.name(term)).unwrap_or_default();
    let of = |count: usize, least: f32| share(count) > least;
    let numbered = field.label.ends_with(['号', '码']) && field.reference.is_some();
    if numbered && of(profile.some_han, 0.5) {
        return Fit::plain(0.2, 0.0);
    }
    let foreign = of(profile.resident, 0.5) || of(profile.mail, 0.5) || of(profile.credit, 0.5) && head != "统一社会信用代码";
    let mut factor = fit.factor;
    let calls = matches!(head, "电话" | "固定电话" | "办公电话" | "传真" | "家庭") || field.label.contains("联系方式");
    if foreign || of(profile.phone, 0.8) && !calls {
        factor *= 0.12;
    }
    if head == "编号" && (of(profile.han, 0.5) || of(profile.dates, 0.5)) {
        factor *= 0.2;
    }
    if head == "名称" && (of(profile.whole, 0.8) || of(profile.dates, 0.5)) {
        factor *= 0.3;
    }
    if of(profile.dates, 0.8) && !matches!(head, "日期" | "年份") {
        factor *= 0.3;
    }
    if of(profile.files, 0.8) && !matches!(head, "图片" | "附件" | "网址") {
        factor *= 0.2;
    }
    if matches!(field.length, Length::AtMost(most) if profile.longest > most as usize) {
        factor *= 0.4;
    }
    Fit { factor, ..fit }
}

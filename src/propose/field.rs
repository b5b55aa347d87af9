//! The standard's fields, prepared for comparison.

use super::similar::{Around, alike};
use super::terms::{Term, Terms, Use, plain};
use super::title::Subject;
use crate::standard::{FieldIdx, FieldPlan, TablePlan};

/// The most initials kept of one label.
const MOST: usize = 240;

/// A field with the ways in which columns name it.
pub(super) struct Field {
    pub idx: FieldIdx,
    /// The label as terms, once or twice: a coded field is also called without 码.
    variants: Vec<Vec<Term>>,
    /// Initials of the label and of its synonyms.
    initials: Vec<String>,
    /// The same without what the table is about.
    short_initials: Vec<String>,
    /// The same without 编号 or 名称 at the end.
    bare_initials: Vec<String>,
    /// The same with what is near in the place of one subject: 单位号 for 机构号, 所属院系 for 开设机构.
    near_initials: Vec<String>,
    /// How few tables have such a field: 1 for one alone.
    pub rarity: f32,
}

/// A field's name by which means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelled {
    /// The column bears the field's own name.
    Identifier,
    /// Initials of the label or a synonym.
    Initials,
}

impl Field {
    pub fn of(terms: &Terms, subject: &Subject, idx: FieldIdx, field: &FieldPlan, rarity: f32) -> Self {
        let label = plain(&field.label);
        let mut labels = vec![label.clone()];
        // 资助单位/个人 is also called 资助单位.
        labels.extend(field.label.split_once('/').map(|(first, _)| plain(first)).filter(|first| first.chars().count() > 2));
        if field.code_set.is_some() {
            let endings = ["类别码", "类型码", "码", "代码", "标识", "标志"];
            labels.extend(endings.iter().filter_map(|end| label.strip_suffix(end)).map(str::to_owned));
            if let Some(stem) = label.strip_suffix('码') {
                labels.push(stem.to_owned());
            }
        }
        labels.retain(|label| !label.is_empty());
        labels.dedup();
        // A bare 类 or 性 left over names nothing.
        let mut variants: Vec<Vec<Term>> = Vec::new();
        let (mut initials, mut short, mut bare, mut near) = (Vec::new(), Vec::new(), Vec::new(), Vec::<String>::new());
        for (at, label) in labels.iter().enumerate() {
            let words = terms.words(label);
            let mut row = terms.terms(&words);
            if field.code_set.is_some() && at > 0 && label.ends_with(['类', '型']) {
                row = terms.terms(&terms.words(&format!("{label}别")));
            }
            if !row.is_empty() && !variants.contains(&row) {
                variants.push(row);
            }
            let known: Option<Vec<usize>> = words.iter().map(|word| word.as_ref().ok().copied()).collect();
            let Some(known) = known else { continue };
            // 开课学年 is one word, and two.
            let parts: Vec<usize> =
                known.iter().flat_map(|at| terms.entry(*at).means.iter().map(|term| usize::from(term.0))).collect();
            near.extend(nearly(terms, &parts));
            for known in [known, parts] {
                let telling: Vec<usize> = known.iter().copied().filter(|at| terms.entry(*at).kind != Use::Filler).collect();
                let beyond: Vec<usize> = telling
                    .iter()
                    .copied()
                    .filter(|at| !terms.entry(*at).means.iter().all(|term| subject.core.contains(term)))
                    .collect();
                initials.extend(products(terms, &known));
                initials.extend(products(terms, &telling));
                short.extend(products(terms, &beyond));
                if let [rest @ .., last] = &telling[..]
                    && matches!(terms.entry(*last).name.as_str(), "编号" | "名称" | "工号")
                {
                    bare.extend(products(terms, rest));
                }
            }
        }
        let more = numbered(terms, field, &variants);
        for row in &more {
            bare.extend(products(terms, &row.iter().map(|term| usize::from(term.0)).collect::<Vec<_>>()));
        }
        near.extend(belonging(terms, field, &variants));
        variants.extend(more);
        for list in [&mut initials, &mut short, &mut bare, &mut near] {
            list.retain(|own| own.len() >= 2);
            list.sort_unstable();
            list.dedup();
        }
        short.retain(|own| !initials.contains(own));
        Self { idx, variants, initials, short_initials: short, bare_initials: bare, near_initials: near, rarity }
    }

    /// What the label ends with, or 编号 where the field refers to something by its number.
    pub fn holds(&self, terms: &Terms, field: &FieldPlan) -> Option<Term> {
        let number = || terms.known("编号").map(|at| Term(at as u16));
        if field.reference.is_some() && field.label.ends_with(['号', '码']) { number() } else { self.head() }
    }

    /// How alike a row of terms is to the label.
    pub fn likeness(&self, terms: &Terms, row: &[Term], around: &Around) -> f32 {
        self.variants.iter().map(|label| alike(terms, row, label, around)).fold(0.0, f32::max)
    }

    /// How surely a column's bare name, upper case, spells the field.
    pub fn spelled(&self, plan: &TablePlan, subject: &Subject, name: &str) -> Option<(f32, Spelled)> {
        let long = |short: f32, three: f32, more: f32| match name.len() {
            0..=2 => short,
            3 => three,
            _ => more,
        };
        if name == &*plan.field(self.idx).name {
            return Some((long(0.88, 0.93, 0.97), Spelled::Identifier));
        }
        if self.initials.iter().any(|own| own == name) {
            return Some((long(0.76, 0.86, 0.92), Spelled::Initials));
        }
        if self.short_initials.iter().any(|own| own == name) {
            return Some((long(0.72, 0.8, 0.87), Spelled::Initials));
        }
        if self.bare_initials.iter().any(|own| own == name) {
            return Some((0.76, Spelled::Initials));
        }
        if self.near_initials.iter().any(|own| own == name) {
            return Some((0.75, Spelled::Initials));
        }
        // The column says what the table is about, the label does not: 班级人数 for 人数.
        let beyond = subject.initials.iter().filter(|own| own.len() >= 2).filter_map(|own| name.strip_prefix(own.as_str()));
        let named =
            |rest: &str| rest.len() >= 2 && (rest == &*plan.field(self.idx).name || self.initials.iter().any(|own| own == rest));
        beyond.into_iter().any(named).then_some((0.8, Spelled::Initials))
    }

    /// What the label ends with: 编号, 名称, 日期 ….
    pub fn head(&self) -> Option<Term> {
        self.variants.first().and_then(|row| row.last().copied())
    }
}

/// What a field that refers to a person or a thing by number is also called: 审批人 is 审批人工号, 负责人号 is 负责人学号.
fn numbered(terms: &Terms, field: &FieldPlan, variants: &[Vec<Term>]) -> Vec<Vec<Term>> {
    let Some(label) = variants.first() else { return Vec::new() };
    let of = |form: &str| terms.known(form).map(|at| terms.entry(at).means.clone()).unwrap_or_default();
    let mut stem = label.clone();
    let ended = stem.last().is_some_and(|last| terms.name(*last) == "编号");
    if ended {
        stem.pop();
        stem.pop_if(|last| stem_of_number(terms, *last));
    }
    let person = stem.last().is_some_and(|last| names_role(terms.name(*last)));
    if stem.is_empty() || !(field.reference.is_some() || (ended && person)) {
        return Vec::new();
    }
    let forms: &[&str] = if person { &["编号", "工号", "学号"] } else { &["编号"] };
    let mut out: Vec<Vec<Term>> = forms.iter().map(|form| stem.iter().copied().chain(of(form)).collect()).collect();
    if field.reference.is_some() {
        out.push(stem);
    }
    out.retain(|row| !variants.contains(row));
    out
}

/// Initials with what is near in the place of one subject.
fn nearly(terms: &Terms, parts: &[usize]) -> Vec<String> {
    let mut out = Vec::new();
    for at in 0..parts.len() {
        let (before, after) = (products(terms, &parts[..at]), products(terms, &parts[at + 1..]));
        let open = |list: Vec<String>, none: bool| if none { vec![String::new()] } else { list };
        let (before, after) = (open(before, at == 0), open(after, at + 1 == parts.len()));
        for near in terms.near_initials(parts[at]) {
            for start in &before {
                out.extend(after.iter().take(MOST).map(|end| format!("{start}{near}{end}")));
            }
        }
        out.truncate(MOST * 4);
    }
    out
}

/// What a field that refers to a unit is called where it only says to which a row belongs: 所属院系.
fn belonging(terms: &Terms, field: &FieldPlan, variants: &[Vec<Term>]) -> Vec<String> {
    let unit = |row: &Vec<Term>| row.iter().rev().copied().find(|term| !matches!(terms.name(*term), "编号" | "名称"));
    let about = variants.first().and_then(unit).filter(|unit| terms.name(*unit) == "部门");
    let (Some(about), Some(belongs)) = (about, terms.known("隶属")) else { return Vec::new() };
    if field.reference.is_none() {
        return Vec::new();
    }
    products(terms, &[belongs, usize::from(about.0)])
}

/// Whether a word in front of 编号 only says whose number it is: the 教师 of 工号.
fn stem_of_number(terms: &Terms, term: Term) -> bool {
    matches!(terms.name(term), "教师" | "学生")
}

/// Whether a term names somebody by what he does.
fn names_role(name: &str) -> bool {
    name.ends_with('人') || matches!(name, "班主任" | "辅导员" | "班长" | "教师" | "校长")
}

/// All initials that a row of entries can be written with.
pub(super) fn products(terms: &Terms, entries: &[usize]) -> Vec<String> {
    let mut out = vec![String::new()];
    for at in entries {
        let own = &terms.entry(*at).initials;
        if own.is_empty() {
            return Vec::new();
        }
        let mut longer = Vec::new();
        'all: for start in &out {
            for initials in own {
                if longer.len() >= MOST {
                    break 'all;
                }
                longer.push(format!("{start}{initials}"));
            }
        }
        out = longer;
    }
    out.retain(|initials| !initials.is_empty());
    out
}

//! What tables are about: the standard's by their titles, the source's by names and comments.

use super::reading::{self, How, Reading};
use super::similar::{Around, alike};
use super::terms::{Term, Terms, Use, is_han, plain};
use super::wordlist::Wordlists;
use crate::source::TableShape;
use crate::standard::TablePlan;

/// A printed title without the words that every title has.
pub(super) fn cleaned(title: &str) -> String {
    plain(title).replace("数据子类表", "").replace("子类表", "")
}

/// What a table of the standard is about.
pub(super) struct Subject {
    pub terms: Vec<Term>,
    /// The terms that say something.
    pub core: Vec<Term>,
    /// The person that every row is about: 姓名 is that person's.
    pub implied: Vec<Term>,
    /// Initials of the title as a vendor would write them.
    pub initials: Vec<String>,
}

impl Subject {
    pub fn of(terms: &Terms, plan: &TablePlan) -> Self {
        let title = cleaned(&plan.label_zh);
        let words = terms.words(&title);
        let all = terms.terms(&words);
        let mut core: Vec<Term> = all.iter().copied().filter(|term| terms.kind(*term) != Use::Filler).collect();
        let aside: String = plan.label_zh.chars().filter(|c| !matches!(c, '（' | '）' | '(' | ')')).collect();
        core.extend(
            terms
                .terms(&terms.words(&aside))
                .into_iter()
                .filter(|term| terms.kind(*term) == Use::Subject || terms.name(*term) == "学期"),
        );
        let telling: Vec<usize> = words
            .iter()
            .filter_map(|word| word.as_ref().ok().copied())
            .filter(|at| terms.entry(*at).kind != Use::Filler)
            .collect();
        let person = plan.roles.person.map(|idx| terms.terms(&terms.words(&plain(&plan.field(idx).label)))).unwrap_or_default();
        let implied = person.into_iter().filter(|term| terms.kind(*term) == Use::Subject).collect();
        Self { initials: super::field::products(terms, &telling), terms: all, core, implied }
    }
}

/// What a table of the source is about, in every way that it can be understood.
pub(super) struct Table {
    pub readings: Vec<Reading>,
    /// The terms of the most trusted readings.
    pub core: Vec<Term>,
    /// The name's ends that may be initials, upper case: of T_XS_JBXX, JBXX and XSJBXX.
    tails: Vec<String>,
    /// The system's own machinery: menus, logs.
    pub is_machinery: bool,
}

/// What stands behind a subject's initials in a table's name: 信息, 表, 基本信息, 代码表, 记录.
const TAILS: [&str; 16] =
    ["", "B", "XX", "XXB", "JBXX", "JBXXB", "DM", "DMB", "JL", "JLB", "SJ", "JBSJ", "MXB", "ZB", "DA", "GL"];

impl Table {
    pub fn of(terms: &Terms, lists: &Wordlists, shape: &TableShape, prefixes: &[String]) -> Self {
        let name = shape.name.rsplit('.').next().unwrap_or(&shape.name);
        let name = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let stem = file_stem(name);
        let words = reading::split(stem);
        let prefixed = words.len() > 1 && words.first().is_some_and(|first| prefixes.contains(first));
        let bare = if prefixed { words[1..].join("_") } else { stem.to_owned() };
        let mut readings = reading::of_name(terms, &bare);
        let segments: Vec<String> = segments(stem, prefixed);
        if shape.comment.is_none() && !readings.iter().any(|own| own.trust > 0.9) {
            readings.extend(reading::of_initials(terms, &segments));
        }
        if let Some(comment) = &shape.comment {
            let mut said = reading::of_comment(terms, comment.trim_end_matches('表'));
            // 学生考勤（缺勤）记录 is about what stands in the brackets, too.
            said.extend(beside_brackets(comment).iter().flat_map(|text| reading::of_comment(terms, text)));
            // Of the ways to read a name those stand that the comment bears out.
            let agrees = |own: &Reading| said.iter().any(|said| said.terms.iter().any(|term| own.terms.contains(term)));
            if readings.iter().any(agrees) {
                readings.retain(agrees);
            }
            readings.splice(0..0, said);
        }
        let mut core: Vec<Term> = Vec::new();
        for reading in readings.iter().filter(|reading| reading.trust > 0.8) {
            core.extend(reading.terms.iter().filter(|term| matches!(terms.kind(**term), Use::Subject | Use::Word | Use::Attr)));
        }
        core.sort_unstable();
        core.dedup();
        let trusted: Vec<&Reading> = readings.iter().filter(|reading| reading.trust >= 0.75).collect();
        let machinery = |reading: &&Reading| reading.terms.iter().any(|term| terms.kind(*term) == Use::Noise);
        let is_machinery = trusted.first().is_some_and(machinery) || lists.holds(&shape.name);
        let mut tails: Vec<String> = (0..segments.len()).rev().map(|at| segments[at..].concat()).collect();
        tails.retain(|tail| tail.len() >= 2);
        Self { readings, core, tails, is_machinery }
    }

    /// How alike the title is to the subject of a table of the standard, 0 to 1.
    pub fn likeness(&self, terms: &Terms, subject: &Subject) -> f32 {
        let around = Around::default();
        let by_terms = |reading: &Reading| {
            let trust = if reading.how == How::Comment { 1.0 } else { reading.trust * 0.97 };
            trust * alike(terms, &reading.terms, &subject.terms, &around)
        };
        let best = |of_comment: bool| {
            let own = self.readings.iter().filter(|own| (own.how == How::Comment) == of_comment && own.trust >= 0.7);
            own.map(by_terms).fold(None, |best: Option<f32>, own| Some(best.map_or(own, |best| best.max(own))))
        };
        // A name that says something else than the comment makes both doubtful.
        let read = match (best(true), best(false)) {
            (Some(said), Some(named)) => 0.75 * said.max(named) + 0.25 * said.min(named).max(0.5 * said.max(named)),
            (said, named) => said.or(named).unwrap_or(0.0),
        };
        let spells = |tail: &String, own: &String| {
            own.len() >= 2 && tail.strip_prefix(own.as_str()).is_some_and(|rest| TAILS.contains(&rest))
        };
        let abbreviated = self.tails.iter().filter(|tail| subject.initials.iter().any(|own| spells(tail, own)));
        // Two letters alone stand for many things.
        let by_initials = abbreviated.map(|tail| if tail.len() >= 4 { 0.85 } else { 0.7 }).fold(0.0, f32::max);
        read.max(by_initials)
    }
}

/// The parts of a name between underlines, upper case, without the system's prefix.
fn segments(stem: &str, prefixed: bool) -> Vec<String> {
    let all: Vec<String> = stem.split('_').filter(|part| !part.is_empty()).map(str::to_ascii_uppercase).collect();
    let from = usize::from(prefixed && all.len() > 1);
    all[from..].to_vec()
}

/// A title with what stands in its brackets in the place of the word before them, and without them.
fn beside_brackets(comment: &str) -> Vec<String> {
    let Some((before, rest)) = comment.split_once(['（', '(']) else { return Vec::new() };
    let Some((inside, after)) = rest.split_once(['）', ')']) else { return Vec::new() };
    if after.is_empty() || inside.chars().count() > 6 || !inside.chars().all(is_han) {
        return Vec::new();
    }
    let kept: String = before.chars().take(before.chars().count().saturating_sub(inside.chars().count())).collect();
    [format!("{before}{after}"), format!("{kept}{inside}{after}")].into_iter().filter(|text| !text.is_empty()).collect()
}

/// A file's name without its ending.
fn file_stem(name: &str) -> &str {
    let lower = name.to_ascii_lowercase();
    let endings = [".csv", ".tsv", ".txt", ".xlsx", ".xls", ".tab"];
    let known = endings.into_iter().find(|end| lower.ends_with(end));
    known.map_or(name, |end| &name[..name.len() - end.len()])
}

/// First words of table names that say which system they belong to: shared by several tables, and no subject.
pub(super) fn prefixes(terms: &Terms, shapes: &[TableShape]) -> Vec<String> {
    let mut counts: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for shape in shapes {
        let words = reading::split(&shape.name);
        if let Some(first) = words.first().filter(|_| words.len() > 1) {
            *counts.entry(first.clone()).or_default() += 1;
        }
    }
    let says_something = |word: &str| {
        let found = terms.english_word(word).unwrap_or_default();
        found.iter().any(|at| matches!(terms.entry(*at).kind, Use::Subject | Use::Attr | Use::Noise))
    };
    let known = ["t", "tb", "tbl", "sys", "v", "vw", "view", "dm", "ods", "dw", "dim", "fact", "biz", "app", "bs", "ts", "base"];
    counts
        .into_iter()
        .filter(|(word, count)| known.contains(&word.as_str()) || (*count > 1 && !says_something(word)))
        .map(|(word, _)| word)
        .collect()
}

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
        let stem = telling(terms, &shape.name);
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

/// The part of an object's name that says what the table is about: of a database's `schema.table` the table; of a file its
/// name without folders and ending; of a sheet its own name if that says something, else the workbook's.
fn telling<'n>(terms: &Terms, object: &'n str) -> &'n str {
    if !object.split('/').any(|part| file_stem(part).is_some()) {
        return object.rsplit('.').next().unwrap_or(object);
    }
    let parts: Vec<&str> = object.split('/').map(|part| undated(file_stem(part).unwrap_or(part))).collect();
    let says = |name: &str| {
        let named_by_the_program =
            ["sheet", "工作表", "表"].contains(&&*name.trim_end_matches(|c: char| c.is_ascii_digit() || c == ' ').to_lowercase());
        let known = |term: &Term| matches!(terms.kind(*term), Use::Subject | Use::Word | Use::Attr);
        !named_by_the_program
            && reading::of_name(terms, name).iter().any(|reading| reading.trust > 0.8 && reading.terms.iter().any(known))
    };
    let last = parts.last().copied().unwrap_or(object);
    parts.iter().rev().copied().find(|part| says(part)).unwrap_or(last)
}

/// A name without the numbers before and behind it: 2024级学生名单, 学生名单_20240901, 学生名单(1).
fn undated(name: &str) -> &str {
    let is_mark = |c: char| c.is_ascii_digit() || " _-.()（）".contains(c);
    let is_unit = |c: char| "级届年月日".contains(c);
    let mut rest = name.trim_matches(is_mark);
    while rest.len() < name.len() && rest.starts_with(is_unit) {
        rest = rest.trim_start_matches(is_unit).trim_matches(is_mark);
    }
    while let Some(shorter) = rest.strip_suffix(is_unit).filter(|shorter| shorter.ends_with(|c: char| c.is_ascii_digit())) {
        rest = shorter.trim_end_matches(is_mark);
    }
    if rest.is_empty() { name } else { rest }
}

/// A file's name without its ending; `None` where it has not the ending of a file.
fn file_stem(name: &str) -> Option<&str> {
    const ENDINGS: [&str; 10] = [".csv", ".tsv", ".txt", ".dat", ".xlsx", ".xlsm", ".xls", ".et", ".tab", ".zip"];
    let lower = name.to_ascii_lowercase();
    let ending = ENDINGS.into_iter().find(|ending| lower.ends_with(ending))?;
    name.get(..name.len() - ending.len())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standard::{EditionId, Standard};

    #[test]
    fn the_telling_part_of_a_name_is_found() {
        let standard = Standard::load(&EditionId::new("gaozhi-2024.09"), None).unwrap();
        let terms = Terms::new(None, &standard).unwrap();
        for (object, expected) in [
            ("学生", "学生"),
            ("dbo.T_XSJBXX", "T_XSJBXX"),
            ("jw.dbo.XS", "XS"),
            ("学生名单.csv", "学生名单"),
            ("2024/学生名单.CSV", "学生名单"),
            ("数据.zip/学生名单.csv", "学生名单"),
            ("学生名单.xlsx/Sheet1", "学生名单"),
            ("学生名单.xlsx/工作表1", "学生名单"),
            ("教务处报送.xlsx/学生", "学生"),
            ("2024级学生名单.xls", "学生名单"),
            ("学生名单_20240901(1).csv", "学生名单"),
            ("学生名单（2024年9月1日）.csv", "学生名单"),
            ("学生名单-2024年9月.csv", "学生名单"),
            ("2024.csv", "2024"),
            ("abc.csv", "abc"),
        ] {
            assert_eq!(telling(&terms, object), expected, "{object}");
        }
    }
}

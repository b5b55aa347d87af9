//! The vocabulary of campus systems: terms with what else they are called, in Chinese, English and pinyin.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use strsim::normalized_levenshtein;

use super::pinyin;
use crate::standard::Standard;

/// The vocabulary inside the binary.
const EMBEDDED: &str = include_str!("../../schemas/propose/terms.csv");

/// What a term is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Use {
    /// A word of a label, taken from the standard itself.
    #[default]
    Word,
    /// What a column holds of its subject: 编号, 名称, 日期.
    Head,
    /// What a table is about.
    Subject,
    /// What a column holds, whole: 性别, 民族.
    Attr,
    /// What narrows another term: 实际, 预计.
    Modifier,
    /// Says next to nothing: 信息, 所属.
    Filler,
    /// Of a system's own machinery: 菜单, 密码.
    Noise,
    /// Who changed a row, and when.
    Audit,
}

#[derive(Deserialize)]
struct Line {
    term: String,
    parts: String,
    same: String,
    english: String,
    near: String,
    kind: Option<Use>,
}

/// A term, by its place in the vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Term(pub u16);

/// A word that nobody knows.
pub(super) const UNKNOWN: Term = Term(u16::MAX);

/// One line of the vocabulary: its forms, and the terms that it stands for.
#[derive(Debug)]
pub(super) struct Entry {
    pub name: String,
    pub means: Vec<Term>,
    pub kind: Use,
    near: Vec<Term>,
    /// Initials of its forms, upper case.
    pub initials: Vec<String>,
    /// Those of its own name.
    own: Vec<String>,
}

/// The vocabulary, ready for look-ups.
pub struct Terms {
    entries: Vec<Entry>,
    /// Chinese forms to entries.
    chinese: HashMap<String, usize>,
    /// English phrases, words apart by blanks.
    pub(super) english: HashMap<String, Vec<usize>>,
    /// English phrases written as one word.
    pub(super) joined: HashMap<String, Vec<usize>>,
    /// Full pinyin of forms.
    pub(super) spelled: HashMap<String, Vec<usize>>,
    pub(super) longest_spelled: usize,
    longest: usize,
    pub(super) syllables: pinyin::Syllables,
    /// Initials of who changed a row, and when.
    pub(super) audits: HashSet<String>,
}

/// A line of the vocabulary that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("terms.csv: {0}")]
pub struct TermsError(String);

impl crate::fault::Classified for TermsError {
    fn fault_class(&self) -> crate::fault::FaultClass {
        crate::fault::FaultClass::Configuration
    }
}

impl Terms {
    /// The vocabulary of `text`, or the embedded one, and the words of the standard's own labels.
    ///
    /// # Errors
    /// When the text is no such table.
    pub fn new(text: Option<&str>, standard: &Standard) -> Result<Self, TermsError> {
        let mut terms = Self::read(text.unwrap_or(EMBEDDED))?;
        let labels = standard.tables().iter().flat_map(|table| {
            std::iter::once(super::title::cleaned(&table.label_zh)).chain(table.fields.iter().map(|field| plain(&field.label)))
        });
        for label in labels.collect::<Vec<_>>() {
            for run in terms.unknown_runs(&label) {
                let at = terms.entries.len();
                terms.add(Entry {
                    name: run.clone(),
                    means: vec![Term(at as u16)],
                    kind: Use::Word,
                    near: Vec::new(),
                    own: Vec::new(),
                    initials: Vec::new(),
                });
                terms.form(&run, at);
            }
        }
        Ok(terms)
    }

    fn read(text: &str) -> Result<Self, TermsError> {
        let mut terms = Self {
            entries: Vec::new(),
            chinese: HashMap::new(),
            english: HashMap::new(),
            joined: HashMap::new(),
            spelled: HashMap::new(),
            longest_spelled: 0,
            longest: 0,
            syllables: pinyin::Syllables::new(),
            audits: HashSet::new(),
        };
        let lines: Vec<Line> = csv::Reader::from_reader(text.as_bytes())
            .deserialize()
            .collect::<Result<_, _>>()
            .map_err(|error| TermsError(error.to_string()))?;
        let places: HashMap<&str, usize> = lines.iter().enumerate().map(|(at, line)| (line.term.as_str(), at)).collect();
        let find = |name: &str| places.get(name).map(|at| Term(*at as u16));
        for (at, line) in lines.iter().enumerate() {
            let means = parts(&lines, &places, line, 0)
                .ok_or_else(|| TermsError(format!("{}: a part is no term, or of itself", line.term)))?;
            let near = line.near.split('|').filter_map(find).collect();
            let means = if means.is_empty() { vec![Term(at as u16)] } else { means };
            let kind = line.kind.unwrap_or_default();
            terms.add(Entry {
                name: line.term.clone(),
                means,
                kind,
                near,
                own: pinyin::initials(&line.term),
                initials: Vec::new(),
            });
        }
        // A term's own name goes before what others are also called.
        for (at, line) in lines.iter().enumerate() {
            terms.form(&line.term, at);
        }
        for (at, line) in lines.iter().enumerate() {
            for form in line.same.split('|').filter(|form| !form.is_empty()) {
                terms.form(form, at);
            }
            for phrase in line.english.split('|').filter(|phrase| !phrase.is_empty()) {
                push(&mut terms.english, phrase, at);
                push(&mut terms.joined, &phrase.replace(' ', ""), at);
            }
        }
        let audits = terms.entries.iter().filter(|entry| entry.kind == Use::Audit).flat_map(|entry| &entry.initials);
        terms.audits = audits.filter(|initials| initials.len() >= 3).cloned().collect();
        Ok(terms)
    }

    fn add(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    fn form(&mut self, form: &str, at: usize) {
        self.longest = self.longest.max(form.chars().count());
        self.chinese.entry(form.to_lowercase()).or_insert(at);
        for spelling in pinyin::spellings(form) {
            self.longest_spelled = self.longest_spelled.max(spelling.len());
            push(&mut self.spelled, &spelling, at);
        }
        for initials in pinyin::initials(form) {
            let own = &mut self.entries[at].initials;
            if !own.contains(&initials) {
                own.push(initials);
            }
        }
    }

    /// Entries that say what something is about, or how, and whose own names have these initials, upper case.
    pub(super) fn entries_of_initials<'t>(&'t self, initials: &'t str) -> impl Iterator<Item = usize> + 't {
        let told = |entry: &Entry| !matches!(entry.kind, Use::Noise | Use::Audit | Use::Modifier);
        let spelled = move |entry: &Entry| told(entry) && entry.own.iter().any(|own| own == initials);
        self.entries.iter().enumerate().filter(move |(_, entry)| spelled(entry)).map(|(at, _)| at)
    }

    pub(super) fn entry(&self, at: usize) -> &Entry {
        &self.entries[at]
    }

    pub(super) fn kind(&self, term: Term) -> Use {
        self.entries.get(usize::from(term.0)).map_or(Use::Word, |entry| entry.kind)
    }

    pub(super) fn name(&self, term: Term) -> &str {
        self.entries.get(usize::from(term.0)).map_or("?", |entry| &entry.name)
    }

    /// The initials of what is near a subject: DW for 机构.
    pub(super) fn near_initials(&self, at: usize) -> Vec<String> {
        let Some(entry) = self.entries.get(at).filter(|entry| entry.kind == Use::Subject) else { return Vec::new() };
        let own = Term(at as u16);
        let points = |other: &&Entry| other.kind == Use::Subject && other.near.contains(&own);
        let named = entry.near.iter().filter_map(|term| self.entries.get(usize::from(term.0)));
        let all = named.filter(|other| other.kind == Use::Subject).chain(self.entries.iter().filter(points));
        all.flat_map(|other| other.own.iter().cloned()).collect()
    }

    /// How far two terms mean the same, 0 to 1.
    pub(super) fn closeness(&self, a: Term, b: Term) -> f32 {
        let near = |a: Term, b: Term| self.entries.get(usize::from(a.0)).is_some_and(|entry| entry.near.contains(&b));
        match a == b {
            true if a == UNKNOWN => 0.0,
            true => 1.0,
            false if near(a, b) || near(b, a) => 0.6,
            false => 0.0,
        }
    }

    /// Whether a text is a form of some entry, and of which.
    pub(super) fn known(&self, form: &str) -> Option<usize> {
        self.chinese.get(&form.to_lowercase()).copied()
    }

    /// A Chinese text as words: entries, or runs that nobody knows. The fewest unknown characters win, then the fewest words.
    pub(super) fn words(&self, text: &str) -> Vec<Result<usize, String>> {
        let chars: Vec<char> = text.to_lowercase().chars().collect();
        // By end: cost, where the last word begins, which entry it is.
        let mut best: Vec<(u32, usize, Option<usize>)> = vec![(0, 0, None); chars.len() + 1];
        for end in 1..=chars.len() {
            best[end] = (best[end - 1].0 + 100, end - 1, None);
            for begin in end.saturating_sub(self.longest)..end {
                let word: String = chars[begin..end].iter().collect();
                if let Some(at) = self.chinese.get(&word) {
                    let cost = best[begin].0 + 10 + u32::from(end - begin == 1) * 5;
                    if cost < best[end].0 {
                        best[end] = (cost, begin, Some(*at));
                    }
                }
            }
        }
        let mut out: Vec<Result<usize, String>> = Vec::new();
        let mut end = chars.len();
        while end > 0 {
            let (_, begin, entry) = best[end];
            match (entry, out.last_mut()) {
                (Some(at), _) => out.push(Ok(at)),
                (None, Some(Err(run))) => run.insert(0, chars[begin]),
                (None, _) => out.push(Err(chars[begin].to_string())),
            }
            end = begin;
        }
        out.reverse();
        out
    }

    fn unknown_runs(&self, text: &str) -> Vec<String> {
        self.words(text).into_iter().filter_map(Result::err).filter(|run| run.chars().all(is_han)).collect()
    }

    /// The terms that a row of words stands for; neighbours that repeat stand once.
    pub(super) fn terms(&self, words: &[Result<usize, String>]) -> Vec<Term> {
        let mut out: Vec<Term> = Vec::new();
        for word in words {
            let means: &[Term] = match word {
                Ok(at) => &self.entries[*at].means,
                Err(_) => &[UNKNOWN],
            };
            for term in means {
                if out.last() != Some(term) {
                    out.push(*term);
                }
            }
        }
        out
    }

    /// Entries of an English word, or of one that is spelled almost so.
    pub(super) fn english_word(&self, word: &str) -> Option<&[usize]> {
        let singular = |word: &str| -> Option<String> {
            let stem = word.strip_suffix("ies").map(|stem| format!("{stem}y"));
            stem.or_else(|| word.strip_suffix("es").filter(|s| s.ends_with(['s', 'x', 'h'])).map(str::to_owned))
                .or_else(|| word.strip_suffix('s').map(str::to_owned))
        };
        let exact = |word: &str| self.english.get(word).or_else(|| self.joined.get(word)).map(Vec::as_slice);
        exact(word).or_else(|| exact(&singular(word)?)).or_else(|| {
            // A long word with a letter wrong is the word; short ones are not tried.
            let close = |known: &&String| known.len() >= 7 && word.len() >= 7 && normalized_levenshtein(known, word) >= 0.87;
            self.joined.keys().filter(close).min().and_then(|known| exact(known))
        })
    }
}

/// The terms that a line is made of; parts may be made of parts themselves.
fn parts(lines: &[Line], places: &HashMap<&str, usize>, line: &Line, depth: usize) -> Option<Vec<Term>> {
    let mut out = Vec::new();
    for part in line.parts.split_whitespace() {
        let at = *places.get(part).filter(|_| depth < 4)?;
        let own = lines.get(at).filter(|own| !own.parts.is_empty() && own.term != line.term);
        match own {
            Some(own) => out.extend(parts(lines, places, own, depth + 1)?),
            None => out.push(Term(u16::try_from(at).ok()?)),
        }
    }
    Some(out)
}

fn push(map: &mut HashMap<String, Vec<usize>>, key: &str, at: usize) {
    let list = map.entry(key.to_owned()).or_default();
    if !list.contains(&at) {
        list.push(at);
    }
}

/// Whether a character is a Chinese one.
pub(super) fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9FFF}' | '\u{20000}'..='\u{323AF}')
}

/// A label without what stands in brackets and without punctuation.
pub(super) fn plain(label: &str) -> String {
    let mut depth = 0;
    let mut out = String::new();
    for c in label.chars() {
        match c {
            '（' | '(' | '[' | '［' => depth += 1,
            '）' | ')' | ']' | '］' => depth -= 1,
            '/' | '、' | '“' | '”' | '【' | '】' | ' ' | '_' | '-' => {}
            c if depth <= 0 => out.push(c),
            _ => {}
        }
    }
    out
}

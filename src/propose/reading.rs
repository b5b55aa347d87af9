//! What names and comments say, as terms.

use super::terms::{Term, Terms, Use, is_han};

/// Where a reading comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum How {
    /// The comment of a table or column.
    Comment,
    /// A name in Chinese.
    Chinese,
    /// A name in English.
    English,
    /// A name in full pinyin.
    Pinyin,
}

/// One way to understand a name or comment.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub terms: Vec<Term>,
    /// How much of the text was understood, 0 to 1.
    pub trust: f32,
    pub how: How,
    /// The words as understood, in Chinese.
    pub words: String,
}

/// The most readings kept of one name.
const MOST: usize = 10;

/// What a comment says before it goes into details: up to the first mark.
pub(super) fn head_of(comment: &str) -> &str {
    let comment = comment.trim();
    let end = comment
        .char_indices()
        .find(|(at, c)| {
            *at > 0 && matches!(c, '：' | ':' | '（' | '(' | '，' | ',' | '；' | ';' | '。' | '\n' | '【' | '[' | '=' | '|')
        })
        .map_or(comment.len(), |(at, _)| at);
    comment[..end].trim()
}

/// All ways to understand a comment.
pub(super) fn of_comment(terms: &Terms, comment: &str) -> Vec<Reading> {
    let head = head_of(comment);
    if head.chars().any(is_han) { vec![chinese(terms, head, How::Comment)] } else { english(terms, head) }
}

/// All ways to understand a name; `skip` is a prefix that says nothing.
pub(super) fn of_name(terms: &Terms, name: &str) -> Vec<Reading> {
    if name.chars().any(is_han) {
        return vec![chinese(terms, head_of(name), How::Chinese)];
    }
    let mut out = english(terms, name);
    out.extend(spelled(terms, name));
    out.sort_by(|a, b| b.trust.total_cmp(&a.trust));
    out.truncate(MOST);
    out
}

fn reading(terms: &Terms, words: &[Result<usize, String>], trust: f32, how: How) -> Reading {
    let shown = words.iter().map(|word| word.as_ref().map_or("?", |at| terms.entry(*at).name.as_str())).collect::<Vec<_>>();
    Reading { terms: terms.terms(words), trust, how, words: shown.concat() }
}

fn chinese(terms: &Terms, text: &str, how: How) -> Reading {
    let mut words: Vec<Result<usize, String>> = Vec::new();
    for run in runs(&super::terms::plain(text)) {
        if run.chars().any(is_han) || terms.known(&run).is_some() {
            words.extend(terms.words(&run));
        } else {
            let latin = terms.english_word(&run.to_lowercase()).and_then(|found| found.first().copied());
            words.push(latin.ok_or(run));
        }
    }
    let unknown: usize = words.iter().filter_map(|word| word.as_ref().err()).map(|run| run.chars().count()).sum();
    let all = text.chars().count().max(1);
    reading(terms, &words, 1.0 - 0.4 * (unknown as f32 / all as f32).min(1.0), how)
}

/// Runs of Chinese and of other characters.
fn runs(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut last = None;
    for c in text.chars() {
        let han = is_han(c);
        match out.last_mut() {
            Some(run) if last == Some(han) => run.push(c),
            _ => out.push(c.to_string()),
        }
        last = Some(han);
    }
    out
}

/// `stuNo`, `stu_no`, `STU-NO` as words, lower case; digits at a word's end say nothing.
pub(super) fn split(name: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut word = String::new();
    let chars: Vec<char> = name.chars().collect();
    for (at, c) in chars.iter().enumerate() {
        let upper_begins = c.is_uppercase()
            && at > 0
            && (chars[at - 1].is_lowercase()
                || (chars[at - 1].is_uppercase() && chars.get(at + 1).is_some_and(|next| next.is_lowercase())));
        if !c.is_alphabetic() || upper_begins {
            out.push(std::mem::take(&mut word));
        }
        if c.is_alphabetic() {
            word.extend(c.to_lowercase());
        }
    }
    out.push(word);
    out.retain(|word| !word.is_empty());
    out
}

/// An English name as terms: the longest phrases first, words that run together taken apart.
pub(super) fn english(terms: &Terms, name: &str) -> Vec<Reading> {
    let tokens: Vec<String> = split(name).into_iter().flat_map(|word| apart(terms, word)).collect();
    let mut ways: Vec<(Vec<Result<usize, String>>, usize)> = vec![(Vec::new(), 0)];
    let mut at = 0;
    while at < tokens.len() {
        let phrase = (1..=(tokens.len() - at).min(5)).rev().find_map(|len| {
            let words = &tokens[at..at + len];
            let found =
                if len == 1 { terms.english_word(&words[0]) } else { terms.english.get(&words.join(" ")).map(Vec::as_slice) };
            found.map(|entries| (len, entries))
        });
        let (len, entries): (usize, Vec<Result<usize, String>>) = match phrase {
            Some((len, entries)) => (len, entries.iter().map(|entry| Ok(*entry)).collect()),
            None => (1, vec![Err(tokens[at].clone())]),
        };
        let letters: usize = if phrase.is_some() { tokens[at..at + len].iter().map(String::len).sum() } else { 0 };
        let mut longer = Vec::new();
        for (way, known) in &ways {
            for entry in entries.iter().take(4) {
                let mut way = way.clone();
                way.push(entry.clone());
                longer.push((way, known + letters));
            }
        }
        longer.truncate(MOST);
        ways = longer;
        at += len;
    }
    let all = tokens.iter().map(String::len).sum::<usize>().max(1);
    let understood = |(words, known): &(Vec<Result<usize, String>>, usize)| {
        (*known > 0).then(|| reading(terms, words, 0.6 + 0.4 * *known as f32 / all as f32, How::English))
    };
    ways.iter().filter_map(understood).collect()
}

/// `studentno` as `student`, `no`; a word that cannot be taken apart stays whole.
fn apart(terms: &Terms, word: String) -> Vec<String> {
    if terms.english_word(&word).is_some() {
        return vec![word];
    }
    let known = |part: &str| part.len() >= 2 && (terms.english.contains_key(part) || terms.joined.contains_key(part));
    let cuts: Vec<usize> = (2..word.len()).filter(|at| word.is_char_boundary(*at)).collect();
    let two = cuts.iter().rev().find(|at| known(&word[..**at]) && known(&word[**at..]));
    if let Some(at) = two {
        return vec![word[..*at].to_owned(), word[*at..].to_owned()];
    }
    for first in &cuts {
        for second in cuts.iter().filter(|second| *second > first) {
            let parts = [&word[..*first], &word[*first..*second], &word[*second..]];
            if parts.iter().all(|part| part.len() >= 3 && known(part)) {
                return parts.iter().map(|part| (*part).to_owned()).collect();
            }
        }
    }
    vec![word]
}

/// A name in full pinyin as terms.
fn spelled(terms: &Terms, name: &str) -> Vec<Reading> {
    let text: String = split(name).concat();
    if text.len() < 3 || !text.is_ascii() {
        return Vec::new();
    }
    type Way = (u32, Vec<Result<usize, String>>, usize);
    let mut best: Vec<Vec<Way>> = vec![Vec::new(); text.len() + 1];
    best[0].push((0, Vec::new(), 0));
    for begin in 0..text.len() {
        let ways = best[begin].clone();
        if ways.is_empty() {
            continue;
        }
        let mut reach = |end: usize, cost: u32, word: Result<usize, String>, known: usize| {
            for (before, words, letters) in &ways {
                let mut words = words.clone();
                words.push(word.clone());
                best[end].push((before + cost, words, letters + known));
            }
            best[end].sort_by_key(|way| way.0);
            best[end].truncate(MOST);
        };
        for end in begin + 2..=text.len().min(begin + terms.longest_spelled) {
            for entry in terms.spelled.get(&text[begin..end]).into_iter().flatten().take(4) {
                // Short words are chance more often than long ones.
                reach(end, if end - begin <= 3 { 14 } else { 10 }, Ok(*entry), end - begin);
            }
        }
        for len in terms.syllables.at_start(&text[begin..]).collect::<Vec<_>>() {
            reach(begin + len, 40, Err(text[begin..begin + len].to_owned()), 0);
        }
    }
    let ends = best.pop().unwrap_or_default();
    let least = ends.first().map_or(0, |way| way.0);
    let shown = |(_, words, known): &Way| reading(terms, words, 0.5 + 0.5 * *known as f32 / text.len() as f32, How::Pinyin);
    ends.iter().filter(|(cost, _, known)| *known > 0 && *cost <= least + 12).map(shown).collect()
}

/// A name of pinyin initials as terms: each part by itself, `XS` and `ZS` as 学生 and 证书.
pub(super) fn of_initials(terms: &Terms, parts: &[String]) -> Vec<Reading> {
    let mut ways: Vec<Vec<Result<usize, String>>> = vec![Vec::new()];
    let (mut letters, mut known) = (0, 0);
    for part in parts.iter().filter(|part| part.len() >= 2) {
        letters += part.len();
        let bare = ["JBXXB", "JBXX", "XXB", "DMB", "JLB", "XX", "DM", "JL", "B"].iter().find_map(|end| part.strip_suffix(end));
        let bare = bare.filter(|bare| bare.len() >= 2);
        let entries = terms.entries_of_initials(part).chain(bare.into_iter().flat_map(|bare| terms.entries_of_initials(bare)));
        let entries: Vec<usize> = entries.take(6).collect();
        known += if entries.is_empty() { 0 } else { part.len() };
        let words: Vec<Result<usize, String>> =
            if entries.is_empty() { vec![Err(part.clone())] } else { entries.into_iter().map(Ok).collect() };
        ways = ways
            .iter()
            .flat_map(|way| words.iter().map(move |word| [way.as_slice(), std::slice::from_ref(word)].concat()))
            .collect();
        ways.truncate(MOST * 4);
    }
    if known == 0 || known < letters {
        return Vec::new();
    }
    ways.iter().map(|words| reading(terms, words, 0.76, How::Pinyin)).collect()
}

/// Whether a reading is of machinery alone: audit columns, passwords.
pub(super) fn is_machinery(terms: &Terms, reading: &Reading) -> bool {
    let kinds: Vec<Use> = reading.terms.iter().map(|term| terms.kind(*term)).collect();
    kinds.iter().any(|kind| matches!(kind, Use::Audit | Use::Noise))
        && kinds.iter().all(|kind| matches!(kind, Use::Audit | Use::Noise | Use::Filler | Use::Head | Use::Modifier))
}

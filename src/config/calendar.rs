//! The calendar: terms in order, none within another.

use jiff::civil::Date;
use serde_json::Value;

use super::Fault;
use super::document::Document;
use crate::finding::Text;

struct Placed {
    pointer: String,
    from: Date,
    to: Date,
}

/// Checks `[calendar]`. Terms that the schema already refused are left out.
pub(super) fn check(doc: &Document, settings: &Value, faults: &mut Vec<Fault>) {
    let mut before: Option<Placed> = None;
    let mut named: Vec<(String, String)> = Vec::new();
    let terms = settings.pointer("/calendar/terms").and_then(Value::as_array);
    for (at, term) in terms.into_iter().flatten().enumerate() {
        let pointer = format!("/calendar/terms/{at}");
        check_year(doc, &pointer, term, faults);
        let name = (text(term, "school_year"), text(term, "term"));
        if named.contains(&name) {
            faults.push(doc.fault(
                &pointer,
                Text::new(format!("{} 第 {} 学期出现两次", name.0, name.1), format!("term {} of {} comes twice", name.1, name.0)),
                Text::new("删除其中一个", "remove one of them"),
            ));
        }
        named.push(name);
        let (from, to) = (date(doc, &pointer, term, "from", faults), date(doc, &pointer, term, "to", faults));
        let (Some(from), Some(to)) = (from, to) else { continue };
        let placed = Placed { pointer, from, to };
        check_order(doc, &placed, before.as_ref(), faults);
        before = Some(placed);
    }
}

fn check_order(doc: &Document, term: &Placed, before: Option<&Placed>, faults: &mut Vec<Fault>) {
    if term.to <= term.from {
        faults.push(doc.fault(
            &format!("{}/to", term.pointer),
            Text::new(
                format!("学期在 {} 结束，早于开始日 {}", term.to, term.from),
                format!("the term ends on {}, it begins on {}", term.to, term.from),
            ),
            Text::new("更正 from 或 to", "mend from or to"),
        ));
    }
    let Some(before) = before else { return };
    if term.from < before.from {
        faults.push(doc.fault(
            &format!("{}/from", term.pointer),
            Text::new("学期没有按时间先后排列", "the terms are not in order of time"),
            Text::new("较早的学期写在前面", "put the earlier term first"),
        ));
    } else if term.from <= before.to {
        faults.push(doc.fault(
            &format!("{}/from", term.pointer),
            Text::new(
                format!("学期从 {} 开始，与到 {} 才结束的前一学期重叠", term.from, before.to),
                format!("the term begins on {} and overlaps the one before, which ends on {}", term.from, before.to),
            ),
            Text::new("更正起止日期，使学期互不重叠", "mend the dates so that no terms overlap"),
        ));
    }
}

fn check_year(doc: &Document, pointer: &str, term: &Value, faults: &mut Vec<Fault>) {
    let year = text(term, "school_year");
    let parts: Option<(i32, i32)> = year.split_once('-').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    if parts.is_some_and(|(first, second)| second != first + 1) {
        faults.push(doc.fault(
            &format!("{pointer}/school_year"),
            Text::new("学年的第二年应为第一年加一", "the second year of a school year is the first plus one"),
            Text::new("写成 \"2024-2025\" 的形式", "write it like \"2024-2025\""),
        ));
    }
}

fn date(doc: &Document, pointer: &str, term: &Value, key: &str, faults: &mut Vec<Fault>) -> Option<Date> {
    let text = text(term, key);
    let shaped =
        text.len() == 10 && text.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() });
    let date = text.parse().ok().filter(|_| shaped);
    if date.is_none() && shaped {
        faults.push(doc.fault(
            &format!("{pointer}/{key}"),
            Text::new(format!("{text} 不是真实的日期"), format!("{text} is no date of the calendar")),
            Text::new("更正这一天", "mend the day"),
        ));
    }
    date
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn lines(terms: &[(&str, &str, &str, &str)]) -> Vec<(usize, String)> {
        let toml: String = terms
            .iter()
            .map(|(y, t, f, to)| {
                format!("[[calendar.terms]]\nschool_year = \"{y}\"\nterm = \"{t}\"\nfrom = {f}\nto = \"{to}\"\n")
            })
            .collect();
        let doc = Document::parse(Path::new("a.toml"), toml).expect("TOML");
        let mut faults = Vec::new();
        check(&doc, &doc.value, &mut faults);
        faults.into_iter().map(|f| (f.line, f.what.en)).collect()
    }

    #[test]
    fn terms_are_ordered_real_and_apart() {
        let autumn = ("2024-2025", "1", "2024-09-01", "2025-01-19");
        let spring = ("2024-2025", "2", "2025-02-17", "2025-07-06");
        assert_eq!(lines(&[autumn, spring]), []);
        let wrong = |terms: &[_], line: usize, words: &str| {
            let found = lines(terms);
            assert!(found.iter().any(|(l, what)| *l == line && what.contains(words)), "{found:?}");
        };
        wrong(&[spring, autumn], 9, "not in order");
        wrong(&[autumn, ("2024-2025", "2", "2025-01-10", "2025-07-06")], 9, "overlaps");
        wrong(&[("2024-2025", "1", "2024-09-01", "2024-08-01")], 5, "ends on");
        wrong(&[("2024-2026", "1", "2024-09-01", "2025-01-19")], 2, "plus one");
        wrong(&[("2024-2025", "1", "2024-09-01", "2025-02-30")], 5, "no date");
        wrong(&[autumn, ("2024-2025", "1", "2025-02-17", "2025-07-06")], 6, "twice");
    }
}

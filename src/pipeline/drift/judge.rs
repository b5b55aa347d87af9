//! What has changed, column by column, and what it affects.

use std::collections::BTreeMap;

use super::change::{Change, ChangeKind, Class, Drift};
use super::form::Form;
use super::retyped::Step;
use super::shape::{Seen, Shape};
use super::successor::{Candidate, Likeness, successors};
use super::uses::Use;
use super::words;
use crate::finding::Text;
use crate::source::ColumnKind;

/// Samples with so much in common are of the same column.
pub(super) const SAME: f32 = 0.5;
/// Samples with less in common are of different ones.
const APART: f32 = 0.25;

/// Compares what a source shows with what it showed.
pub(super) fn judge(before: &Shape, now: &Shape, uses: &BTreeMap<String, Use>, likeness: &Likeness) -> Drift {
    let judge = Judge { before, now, uses };
    let mut changes = judge.gone(likeness);
    for (name, own) in uses {
        if let (Some(was), Some(is)) = (before.find(name), now.find(name)) {
            changes.extend(judge.used(own, &was, &is));
        }
    }
    changes.extend(judge.view());
    changes.extend(judge.unused());
    Drift { changes }
}

struct Judge<'a> {
    before: &'a Shape,
    now: &'a Shape,
    uses: &'a BTreeMap<String, Use>,
}

impl Judge<'_> {
    fn change(&self, own: &Use, column: &str, kind: ChangeKind, text: Text) -> Change {
        let class = if own.reports { Class::ReportingAffected } else { Class::MappingAffected };
        let fields = own.fields.iter().map(|(name, _)| name.clone()).collect();
        let text = words::with_fields(text, &own.fields);
        Change { column: column.to_owned(), kind, class, fields, likely: Vec::new(), acceptable: true, text }
    }

    fn harmless(column: &str, kind: ChangeKind, text: Text) -> Change {
        let (fields, likely) = (Vec::new(), Vec::new());
        Change { column: column.to_owned(), kind, class: Class::Harmless, fields, likely, acceptable: true, text }
    }

    /// Columns that are no longer there, and what they may have become.
    fn gone(&self, likeness: &Likeness) -> Vec<Change> {
        let gone: Vec<Seen<'_>> = self.before.columns().filter(|old| self.now.find(&old.column.name).is_none()).collect();
        let new: Vec<Seen<'_>> = self.now.columns().filter(|new| self.before.find(&new.column.name).is_none()).collect();
        let found = successors(&gone, &new, likeness);
        let mut changes = Vec::new();
        for (old, likely) in gone.iter().zip(found) {
            let name = old.column.name.as_str();
            let Some(own) = self.uses.get(name) else {
                changes.push(Self::harmless(name, ChangeKind::Dropped, words::dropped(name)));
                continue;
            };
            let kind = if likely.is_empty() { ChangeKind::Dropped } else { ChangeKind::Renamed };
            let names = likely.iter().map(|Candidate { name, .. }| name.clone()).collect();
            let text = words::gone(name, &likely);
            changes.push(Change { likely: names, acceptable: false, ..self.change(own, name, kind, text) });
        }
        changes
    }

    /// What has become of a column that is used and still there.
    fn used(&self, own: &Use, was: &Seen<'_>, is: &Seen<'_>) -> Vec<Change> {
        let name = is.column.name.as_str();
        let mut changes = Vec::new();
        let copies = |shape: &Shape| shape.columns().filter(|seen| seen.column.name == name).count();
        if copies(self.now) > 1 {
            let change = self.change(own, name, ChangeKind::Doubled, words::doubled(name));
            return vec![Change { acceptable: false, ..change }];
        }
        changes.extend(self.retyped(own, was, is));
        changes.extend(self.encoded(own, was, is));
        if let Some(from) = self.moved(was, is) {
            changes.push(self.change(own, name, ChangeKind::Moved, words::moved(name, from)));
        } else {
            changes.extend(self.placed(own, was, is));
        }
        if was.column.kind == ColumnKind::Unknown && own.prints {
            let reprint = is.form.reprinted(was.form).map(|reprint| words::reprinted(name, reprint));
            changes.extend(reprint.map(|text| self.change(own, name, ChangeKind::Reprinted, text)));
        }
        if self.now.outline.promised && is.form.is_gone(was.form) {
            changes.push(self.change(own, name, ChangeKind::Emptied, words::emptied(name)));
        }
        changes
    }

    fn retyped(&self, own: &Use, was: &Seen<'_>, is: &Seen<'_>) -> Option<Change> {
        let name = is.column.name.as_str();
        let declared = !was.column.declared.is_empty() && !is.column.declared.is_empty();
        let said = |seen: &Seen<'_>| match declared {
            true => seen.column.declared.clone(),
            false => in_words(seen.column.kind),
        };
        let (before, now) = (said(was), said(is));
        let step = Step::between(&before, &now);
        if step == Step::Same {
            return None;
        }
        let text = words::retyped(name, (&before, &now), step);
        match is_safe(step, own, was.form, is.form) {
            true => Some(Self::harmless(name, ChangeKind::Retyped, words::safe(text))),
            false => Some(self.change(own, name, ChangeKind::Retyped, text)),
        }
    }

    fn encoded(&self, own: &Use, was: &Seen<'_>, is: &Seen<'_>) -> Option<Change> {
        let (old, new) = (was.column, is.column);
        let told = |one: &str, other: &str| !one.is_empty() && !other.is_empty() && one != other;
        if told(&old.charset, &new.charset) {
            let text = words::encoded(&new.name, (&old.charset, &new.charset));
            let safe = holds_all(&old.charset, &new.charset) || is.form.prints_as(was.form);
            return Some(match safe {
                true => Self::harmless(&new.name, ChangeKind::Encoding, words::safe(text)),
                false => self.change(own, &new.name, ChangeKind::Encoding, text),
            });
        }
        if !told(&old.collation, &new.collation) {
            return None;
        }
        let text = words::collated(&new.name, (&old.collation, &new.collation), own.orders);
        Some(match own.orders {
            true => self.change(own, &new.name, ChangeKind::Collation, text),
            false => Self::harmless(&new.name, ChangeKind::Collation, text),
        })
    }

    /// The column whose values this one holds now.
    fn moved(&self, was: &Seen<'_>, is: &Seen<'_>) -> Option<&str> {
        if !was.form.is_telling() || is.form.overlap(was.form) >= APART {
            return None;
        }
        let others = self.before.columns().filter(|other| other.at != was.at && other.form.is_telling());
        let there = |other: &Seen<'_>| self.now.find(&other.column.name).is_some_and(|now| now.form.overlap(other.form) >= APART);
        let from = others.filter(|other| is.form.overlap(other.form) >= SAME && was.form.overlap(other.form) < APART);
        // Who only has values in common has not been displaced by them.
        let from = from.filter(|other| !there(other));
        from.max_by(|a, b| is.form.overlap(a.form).total_cmp(&is.form.overlap(b.form))).map(|seen| seen.column.name.as_str())
    }

    /// A column without a name of its own: whether its place still means what it did.
    fn placed(&self, own: &Use, was: &Seen<'_>, is: &Seen<'_>) -> Option<Change> {
        let (outline, before) = (&self.now.outline, &self.before.outline);
        let (by_place, was_by_place) = (outline.is_by_place(is.at), before.is_by_place(was.at));
        if !by_place && !was_by_place {
            return None;
        }
        let name = is.column.name.as_str();
        if self.is_proven(was, is) {
            return None;
        }
        if by_place && !was_by_place {
            return Some(self.change(own, name, ChangeKind::Doubled, words::doubled(name)));
        }
        let (columns, earlier) = (outline.columns.len(), before.columns.len());
        if columns != earlier {
            return Some(self.change(own, name, ChangeKind::Misplaced, words::counted(name, earlier, columns)));
        }
        let unlike = is.form.is_unlike(was.form);
        unlike.then(|| self.change(own, name, ChangeKind::Misplaced, words::unlike(name)))
    }

    /// Whether the values show that a column is the one it was, and no other.
    fn is_proven(&self, was: &Seen<'_>, is: &Seen<'_>) -> bool {
        if was.form.filled == 0 && is.form.filled == 0 {
            return was.form.rows > 0 && is.form.rows > 0;
        }
        let enough = if was.form.is_telling() { SAME } else { 1.0 };
        let twin = |other: &Seen<'_>| other.at != was.at && other.form.filled > 0 && was.form.overlap(other.form) >= SAME;
        is.form.overlap(was.form) >= enough && !self.before.columns().any(|other| twin(&other))
    }

    /// A view of another text: its values have to show that they are what they were.
    fn view(&self) -> Option<Change> {
        let (before, now) = (self.before.outline.view.as_ref()?, self.now.outline.view.as_ref()?);
        if before == now {
            return None;
        }
        let mut unproven = Use::default();
        let mut columns = Vec::new();
        for (name, own) in self.uses {
            let (Some(was), Some(is)) = (self.before.find(name), self.now.find(name)) else { continue };
            if !self.is_proven(&was, &is) {
                unproven.fields.extend(own.fields.iter().cloned());
                unproven.reports |= own.reports;
                columns.push(name.as_str());
            }
        }
        if columns.is_empty() {
            return Some(Self::harmless("*", ChangeKind::View, words::same_view()));
        }
        Some(self.change(&unproven, &columns.join(", "), ChangeKind::View, words::view(&columns)))
    }

    /// What happened to columns that nobody uses, and to the order of all.
    fn unused(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        for new in self.now.columns().filter(|new| self.before.find(&new.column.name).is_none()) {
            let name = new.column.name.as_str();
            changes.push(Self::harmless(name, ChangeKind::Added, words::added(name)));
        }
        for is in self.now.columns() {
            let name = is.column.name.as_str();
            let Some(was) = self.before.find(name) else { continue };
            if was.column.nullable.is_some() && is.column.nullable.is_some() && was.column.nullable != is.column.nullable {
                let may = is.column.nullable == Some(true);
                changes.push(Self::harmless(name, ChangeKind::Nullability, words::nullable(name, may)));
            }
            let told = |seen: &Seen<'_>| (seen.column.declared.clone(), seen.column.kind);
            if !self.uses.contains_key(name) && told(&was) != told(&is) {
                changes.push(Self::harmless(name, ChangeKind::Retyped, words::other_type(name)));
            }
        }
        let common = |shape: &Shape, other: &Shape| -> Vec<String> {
            let both = shape.columns().filter(|seen| other.find(&seen.column.name).is_some());
            both.map(|seen| seen.column.name.clone()).collect()
        };
        if common(self.before, self.now) != common(self.now, self.before) {
            changes.push(Self::harmless("*", ChangeKind::Reordered, words::reordered()));
        }
        changes
    }
}

fn in_words(kind: ColumnKind) -> String {
    match kind {
        ColumnKind::Unknown => "",
        ColumnKind::Text => "text",
        ColumnKind::Number => "numeric",
        ColumnKind::Date => "date",
        ColumnKind::Bool => "boolean",
        ColumnKind::Bytes => "blob",
    }
    .to_owned()
}

/// Whether values of another type mean and print what they did.
fn is_safe(step: Step, own: &Use, was: &Form, is: &Form) -> bool {
    let alike = is.prints_as(was);
    match step {
        Step::Same | Step::Wider => true,
        Step::Shorter(most) => was.filled > 0 && was.longest <= most,
        Step::Decimals(more) => alike || (more && !own.prints && !own.orders),
        Step::Floating(double) => double && !own.prints,
        // Zeros in front are lost in rows that no sample has seen.
        Step::Numbers => !own.names && (!own.prints || (alike && was.zeros == 0)),
        Step::Texts => alike && is.zeros == 0,
        Step::Narrower | Step::Exact | Step::Dates | Step::Other => alike,
    }
}

/// Whether an encoding has all characters of another, so that texts outlive the change.
fn holds_all(before: &str, now: &str) -> bool {
    let rank = |name: &str| match name.to_ascii_lowercase().as_str() {
        "ascii" => 0,
        "utf8" | "utf8mb3" => 1,
        "utf8mb4" => 2,
        _ => 9,
    };
    rank(before) < 9 && rank(now) < 9 && rank(before) <= rank(now)
}

#[cfg(test)]
mod tests {
    use super::super::shape::Shape;
    use super::*;
    use crate::source::{Outline, OutlineColumn};

    /// A shape of columns: name, declared type, values.
    fn shape(columns: &[(&str, &str, Vec<String>)]) -> Shape {
        let outline = |(name, declared, _): &(&str, &str, Vec<String>)| OutlineColumn {
            name: (*name).into(),
            kind: ColumnKind::Text,
            declared: (*declared).into(),
            nullable: None,
            charset: String::new(),
            collation: String::new(),
        };
        let form = |(.., values): &(&str, &str, Vec<String>)| Form::of(values.iter().map(|value| Some(value.as_str())));
        let columns_of = columns.iter().map(outline).collect();
        Shape { outline: Outline { columns: columns_of, ..Outline::default() }, forms: columns.iter().map(form).collect() }
    }

    fn of(print: &dyn Fn(usize) -> String) -> Vec<String> {
        (1..40).map(print).collect()
    }

    fn used(names: bool, prints: bool) -> BTreeMap<String, Use> {
        let own = Use { names, prints, reports: names, fields: vec![("F".into(), "某字段".into())], orders: false };
        BTreeMap::from([("c".to_owned(), own)])
    }

    #[test]
    fn a_type_matters_when_values_print_otherwise() {
        use Class::{Harmless, MappingAffected, ReportingAffected};
        let plain = || of(&|n| (100 + n).to_string());
        let padded = || of(&|n| format!("{n:05}"));
        let bare = || of(&|n| n.to_string());
        for (before, now, (names, prints), want) in [
            (("int", plain()), ("bigint", plain()), (true, true), Harmless),
            (("varchar(10)", plain()), ("varchar(20)", plain()), (true, true), Harmless),
            (("varchar(10)", plain()), ("varchar(5)", plain()), (true, true), Harmless),
            (("varchar(10)", padded()), ("varchar(3)", padded()), (false, true), MappingAffected),
            (("varchar(10)", padded()), ("int", bare()), (false, true), MappingAffected),
            (("varchar(10)", plain()), ("int", plain()), (false, true), Harmless),
            (("varchar(10)", plain()), ("int", plain()), (true, true), ReportingAffected),
            (("varchar(10)", padded()), ("int", bare()), (false, false), Harmless),
            (("int", bare()), ("varchar(10)", padded()), (false, true), MappingAffected),
            (("int", plain()), ("varchar(10)", plain()), (true, true), Harmless),
            (("int", plain()), ("double", plain()), (false, true), MappingAffected),
            (("int", plain()), ("double", plain()), (false, false), Harmless),
            (("int", plain()), ("float", plain()), (false, false), MappingAffected),
            (("decimal(8,2)", plain()), ("decimal(8,0)", of(&|n| n.to_string())), (false, false), MappingAffected),
            (
                ("date", of(&|n| format!("2024-01-{n:02}"))),
                ("datetime", of(&|n| format!("2024-01-{n:02} 00:00:00"))),
                (false, true),
                MappingAffected,
            ),
        ] {
            let case = format!("{} → {} ({names}, {prints})", before.0, now.0);
            let drift =
                judge(&shape(&[("c", before.0, before.1)]), &shape(&[("c", now.0, now.1)]), &used(names, prints), &|_, _| 0.0);
            assert_eq!(drift.class(), want, "{case}: {:?}", drift.text());
            assert_eq!(drift.changes.len(), 1, "{case}: {:?}", drift.changes);
        }
    }

    #[test]
    fn encodings_and_collations_matter_by_what_they_do() {
        let words = || of(&|n| format!("课程{n}"));
        let lost = || of(&|n| format!("??{n}"));
        let said = |charset: &str, collation: &str, values: Vec<String>| {
            let mut shape = shape(&[("c", "text", values)]);
            shape.outline.columns[0].charset = charset.into();
            shape.outline.columns[0].collation = collation.into();
            shape
        };
        let class = |before: &Shape, now: &Shape, orders: bool| {
            let mut uses = used(false, true);
            uses.entry("c".into()).or_default().orders = orders;
            judge(before, now, &uses, &|_, _| 0.0).class()
        };
        let utf8 = said("utf8mb3", "general_ci", words());
        assert_eq!(class(&utf8, &said("utf8mb4", "unicode_ci", words()), true), Class::Harmless);
        assert_eq!(class(&utf8, &said("latin1", "latin1_bin", lost()), false), Class::MappingAffected);
        assert_eq!(class(&utf8, &said("gbk", "gbk_bin", words()), false), Class::Harmless);
        assert_eq!(class(&utf8, &said("utf8mb3", "bin", words()), false), Class::Harmless);
        assert_eq!(class(&utf8, &said("utf8mb3", "bin", words()), true), Class::MappingAffected);
        assert_eq!(class(&utf8, &said("", "", words()), true), Class::Harmless, "what is no longer told has not changed");
    }

    #[test]
    fn a_vanished_column_is_found_again_by_values_names_or_meaning() {
        let numbers = || of(&|n| format!("{n:05}"));
        let others = || of(&|n| format!("x{n}"));
        let before = shape(&[("c", "text", numbers()), ("rest", "text", others())]);
        let likely = |now: &[(&str, &str, Vec<String>)], likeness: &Likeness| {
            let drift = judge(&before, &shape(now), &used(false, true), likeness);
            let change = drift.pausing().next().cloned().unwrap();
            assert!(!drift.is_acceptable() && change.column == "c");
            (change.kind, change.likely)
        };
        let rest = || ("rest", "text", others());
        let none: &Likeness = &|_, _| 0.0;
        let renamed = |name: &str| (ChangeKind::Renamed, vec![name.to_owned()]);
        assert_eq!(likely(&[rest(), ("zzz", "text", numbers())], none), renamed("zzz"));
        assert_eq!(likely(&[rest(), ("C_", "text", of(&|n| format!("9{n:04}")))], none), renamed("C_"));
        assert_eq!(likely(&[rest(), ("zzz", "text", of(&|n| format!("9{n:04}")))], &|_, _| 0.9), renamed("zzz"));
        assert_eq!(likely(&[rest(), ("zzz", "text", of(&|n| format!("文{n}")))], none), (ChangeKind::Dropped, Vec::new()));
        let both = likely(&[rest(), ("yyy", "text", numbers()), ("zzz", "text", numbers())], none);
        assert_eq!((both.0, both.1.len()), (ChangeKind::Renamed, 2), "two that are as likely are both named");
    }

    #[test]
    fn nothing_is_made_of_nothing() {
        let same = shape(&[("c", "text", of(&|n| n.to_string()))]);
        assert_eq!(judge(&same, &same, &used(true, true), &|_, _| 1.0), Drift::default());
        let empty = shape(&[("c", "text", Vec::new())]);
        assert_eq!(judge(&same, &empty, &used(true, true), &|_, _| 1.0), Drift::default(), "no rows are no change");
        assert_eq!(Drift::read("not of this version"), Drift::default());
    }
}

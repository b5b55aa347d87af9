//! What the values of a column look like, without the values: counts, and hashes of a few.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// Hashes kept of a column: the smallest, so that two samples of much the same values keep much the same ones.
const KEPT: usize = 16;
/// Fewer different values tell a column from no other.
const TELLING: u32 = 4;
/// Fewer values have no form.
const FORMED: u32 = 5;

/// The form of a column in some rows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Form {
    /// Rows looked at.
    pub rows: u32,
    /// Of these, rows with something in the cell.
    pub filled: u32,
    /// Cells of nothing but digits.
    pub digits: u32,
    /// Of these, cells that begin with a 0 and go on.
    pub zeros: u32,
    /// Numbers written with an exponent.
    pub exponents: u32,
    /// Dates, written with marks between year, month and day.
    pub dates: u32,
    /// Cells of nothing but Han characters.
    pub words: u32,
    /// Characters of the shortest cell.
    pub shortest: u32,
    /// Characters of the longest one.
    pub longest: u32,
    /// Different values.
    distinct: u32,
    /// The smallest hashes of them, in order.
    hashes: Vec<u32>,
}

/// How a column of texts is printed otherwise than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reprint {
    /// 0012 has become 12.
    ZerosLost,
    /// 20230101001 has become 2.0230101E+10.
    Exponents,
    /// A date has become a number, or the other way round.
    Dates,
}

impl Form {
    /// Looks at cells.
    pub fn of<'a>(cells: impl Iterator<Item = Option<&'a str>>) -> Self {
        let mut own = Self { shortest: u32::MAX, ..Self::default() };
        let mut seen = BTreeSet::new();
        for cell in cells {
            own.rows += 1;
            let Some(value) = cell.map(str::trim).filter(|value| !value.is_empty()) else { continue };
            own.filled += 1;
            let chars = value.chars().count() as u32;
            (own.shortest, own.longest) = (own.shortest.min(chars), own.longest.max(chars));
            let digits = value.bytes().all(|byte| byte.is_ascii_digit());
            own.digits += u32::from(digits);
            own.zeros += u32::from(digits && chars > 1 && value.starts_with('0'));
            own.exponents += u32::from(has_exponent(value));
            own.dates += u32::from(is_date(value));
            own.words += u32::from(value.chars().all(|c| matches!(c, '\u{3400}'..='\u{9FFF}' | '\u{20000}'..='\u{323AF}')));
            seen.insert(xxh3_64(value.as_bytes()) as u32);
        }
        own.shortest = own.shortest.min(own.longest);
        own.distinct = seen.len() as u32;
        own.hashes = seen.into_iter().take(KEPT).collect();
        own
    }

    /// Whether there are enough different values to tell the column from others.
    pub fn is_telling(&self) -> bool {
        // Numbers below a hundred are in many columns.
        self.distinct >= TELLING && !(self.digits == self.filled && self.longest <= 2)
    }

    /// The share of values that two samples have in common, 0 to 1; 0 when one has none.
    pub fn overlap(&self, other: &Self) -> f32 {
        let union: BTreeSet<u32> = self.hashes.iter().chain(&other.hashes).copied().collect();
        let most = KEPT.min(union.len());
        let both = |hash: &u32| self.hashes.binary_search(hash).is_ok() && other.hashes.binary_search(hash).is_ok();
        if most == 0 { 0.0 } else { union.iter().take(most).filter(|hash| both(hash)).count() as f32 / most as f32 }
    }

    /// Whether a column prints as it did: the same values are there, and nothing was there that a number would lose.
    pub fn prints_as(&self, before: &Self) -> bool {
        let same = self.overlap(before);
        match self.is_telling() && before.is_telling() {
            true => same >= 0.8,
            false => same >= 1.0,
        }
    }

    /// Whether the values are another kind of values than those before.
    pub fn is_unlike(&self, before: &Self) -> bool {
        let (Some(own), Some(other)) = (self.class(), before.class()) else { return false };
        let apart = self.longest < before.shortest || before.longest < self.shortest;
        own != other || (own == Class::Digits && apart)
    }

    fn class(&self) -> Option<Class> {
        let mostly = |count: u32| self.filled >= FORMED && count * 10 >= self.filled * 9;
        let classes = [(self.digits, Class::Digits), (self.dates, Class::Dates), (self.words, Class::Words)];
        let own = classes.into_iter().find(|(count, _)| mostly(*count)).map(|(_, class)| class);
        let none = self.digits + self.dates + self.words;
        own.or((self.filled >= FORMED && none * 10 <= self.filled).then_some(Class::Others))
    }

    /// Whether texts are printed otherwise than before.
    pub fn reprinted(&self, before: &Self) -> Option<Reprint> {
        if self.filled < FORMED || before.filled < FORMED {
            return None;
        }
        let mostly = |form: &Self, count: u32| count * 10 >= form.filled * 9;
        let (numbers, were_numbers) = (mostly(self, self.digits), mostly(before, before.digits));
        if numbers && were_numbers && before.zeros * 10 >= before.filled && self.zeros == 0 && self.shortest < before.shortest {
            return Some(Reprint::ZerosLost);
        }
        if self.exponents * 10 >= self.filled && before.exponents == 0 {
            return Some(Reprint::Exponents);
        }
        let crossed = (mostly(before, before.dates) && numbers) || (were_numbers && mostly(self, self.dates));
        crossed.then_some(Reprint::Dates)
    }

    /// Whether a column that was filled before is empty in so many rows that it cannot be chance.
    pub fn is_gone(&self, before: &Self) -> bool {
        let filled = (f64::from(before.filled) + 1.0) / (f64::from(before.rows) + 2.0);
        let rows = i32::try_from(self.rows).unwrap_or(i32::MAX);
        before.filled > 0 && self.rows > 0 && self.filled == 0 && (1.0 - filled).powi(rows) < 0.002
    }

    /// Whether this sample says less than another: fewer rows, and few.
    pub fn says_less_than(&self, other: &Self) -> bool {
        self.rows < other.rows && self.rows < 50
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Digits,
    Dates,
    Words,
    Others,
}

fn has_exponent(value: &str) -> bool {
    let Some((head, power)) = value.split_once(['E', 'e']) else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(power.trim_start_matches(['+', '-'])) && digits(&head.replacen('.', "", 1)) && power.starts_with(['+', '-'])
}

fn is_date(value: &str) -> bool {
    let day = value.split([' ', 'T']).next().unwrap_or_default().trim_end_matches('日');
    let parts: Vec<&str> = day.split(['-', '/', '.', '年', '月']).collect();
    let number = |part: &str, most: u32| part.parse::<u32>().is_ok_and(|number| (1..=most).contains(&number));
    matches!(parts[..], [year, month, day] if year.len() == 4 && number(year, 2999) && number(month, 12) && number(day, 31))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(values: impl IntoIterator<Item = String>) -> Form {
        let values: Vec<String> = values.into_iter().collect();
        Form::of(values.iter().map(|value| Some(value.as_str())))
    }

    #[test]
    fn samples_of_the_same_values_overlap_and_others_do_not() {
        let all = form((0..900).map(|n| format!("学生{n}")));
        let grown = form((20..1000).map(|n| format!("学生{n}")));
        let other = form((0..900).map(|n| format!("班级{n}")));
        assert!(all.overlap(&grown) > 0.6, "{}", all.overlap(&grown));
        assert!(all.overlap(&other) < 0.1 && all.prints_as(&all));
        assert_eq!(Form::default().overlap(&all), 0.0);
    }

    #[test]
    fn a_sample_holds_no_value() {
        let shown = serde_json::to_string(&form((0..50).map(|n| format!("不可见{n}")))).unwrap();
        assert!(!shown.contains("不可见") && shown.len() < 400, "{shown}");
    }

    #[test]
    fn prints_that_change_are_told() {
        let padded = form((0..50).map(|n| format!("{n:06}")));
        let bare = form((0..50).map(|n| n.to_string()));
        let exponents = form((0..50).map(|n| format!("2.0230{n}E+10")));
        let dates = form((1..20).map(|n| format!("2024-09-{n:02}")));
        let serials = form((1..20).map(|n| (45000 + n).to_string()));
        assert_eq!(bare.reprinted(&padded), Some(Reprint::ZerosLost));
        assert_eq!(exponents.reprinted(&bare), Some(Reprint::Exponents));
        assert_eq!(serials.reprinted(&dates), Some(Reprint::Dates));
        assert_eq!(dates.reprinted(&serials), Some(Reprint::Dates));
        for same in [&padded, &bare, &exponents, &dates] {
            assert_eq!(same.reprinted(same), None);
        }
    }

    #[test]
    fn a_field_that_is_gone_is_told_from_one_that_is_seldom_there() {
        let always = form((0..1000).map(|n| n.to_string()));
        let seldom = Form { rows: 1000, filled: 10, ..Form::default() };
        let empty = |rows| Form { rows, ..Form::default() };
        assert!(empty(1).is_gone(&always) && empty(500).is_gone(&form((0..9).map(|n| n.to_string()))));
        assert!(!empty(100).is_gone(&seldom) && !empty(0).is_gone(&always) && !always.is_gone(&always));
    }
}

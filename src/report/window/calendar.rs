//! Terms and rounds. A round is a term with its grace: what belongs to it may still be reported a while after its end.

use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, ToSpan};
use serde::Deserialize;

use crate::finding::Text;
use crate::store::Millis;

const SHANGHAI: Offset = Offset::constant(8);

/// The school's calendar, as the settings give it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CalendarConfig {
    /// Terms in order of time.
    pub terms: Vec<TermConfig>,
    /// Days after a term's end in which its rows still count as the current round's.
    pub grace_days: u16,
}

/// One term.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermConfig {
    /// `2024-2025`.
    pub school_year: String,
    /// `1` autumn, `2` spring.
    pub term: String,
    /// First day, `YYYY-MM-DD`.
    pub from: String,
    /// Last day, `YYYY-MM-DD`.
    pub to: String,
}

/// A term in which rows are reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// `2024-2025`.
    pub school_year: String,
    /// `1` autumn, `2` spring.
    pub term: String,
    /// First day.
    pub from: Date,
    /// Last day.
    pub to: Date,
}

/// Terms, ready to be asked.
#[derive(Debug, Clone, Default)]
pub struct Calendar {
    terms: Vec<Round>,
    grace: u16,
}

impl Calendar {
    /// Reads the settings.
    ///
    /// # Errors
    /// A date that is none.
    pub fn new(config: &CalendarConfig) -> Result<Self, Text> {
        let date = |text: &str| {
            text.parse::<Date>().map_err(|_| {
                Text::new(
                    format!("校历中的 {text} 不是日期（YYYY-MM-DD）"),
                    format!("{text} in the calendar is no date (YYYY-MM-DD)"),
                )
            })
        };
        let terms = config.terms.iter().map(|t| {
            Ok(Round { school_year: t.school_year.clone(), term: t.term.clone(), from: date(&t.from)?, to: date(&t.to)? })
        });
        Ok(Self { terms: terms.collect::<Result<_, Text>>()?, grace: config.grace_days })
    }

    /// The term of a day: the school's own, or where its calendar is silent the printed one (autumn August to January,
    /// spring February to July). A holiday belongs to the term before it.
    pub fn round(&self, day: Date) -> Round {
        let own = self.terms.iter().rev().find(|t| t.from <= day);
        if let Some(term) = own {
            let next = self.terms.iter().find(|t| t.from > day);
            // Half a year past the last term the calendar is out of date, not the school on holiday.
            let stale = next.is_none() && (day - term.to).get_days() > 90;
            if !stale {
                return term.clone();
            }
        }
        printed(day)
    }

    /// The rounds whose rows count on a day: the current one, and the one before within its grace.
    pub fn rounds(&self, day: Date) -> Vec<Round> {
        let now = self.round(day);
        let mut rounds = vec![now.clone()];
        if let Ok(eve) = now.from.yesterday() {
            let before = self.round(eve);
            let until = before.to.saturating_add(Span::new().days(i64::from(self.grace)));
            if before != now && day <= until {
                rounds.push(before);
            }
        }
        rounds
    }

    /// The first day on which rounds change after a day.
    pub fn next_change(&self, day: Date) -> Date {
        let own = self.terms.iter().map(|t| t.from).find(|from| *from > day);
        own.unwrap_or_else(|| printed(day).to.saturating_add(1.day()))
    }
}

fn printed(day: Date) -> Round {
    let (year, month) = (day.year(), day.month());
    let first = if month >= 8 { year } else { year - 1 };
    let school_year = format!("{first:04}-{:04}", first + 1);
    let date = |y: i16, m: i8, d: i8| Date::new(y, m, d).unwrap_or(day);
    if (2..8).contains(&month) {
        Round { school_year, term: "2".into(), from: date(year, 2, 1), to: date(year, 7, 31) }
    } else {
        Round { school_year, term: "1".into(), from: date(first, 8, 1), to: date(first + 1, 1, 31) }
    }
}

/// The day in China at an instant.
pub fn day_of(at: Millis) -> Date {
    jiff::Timestamp::from_millisecond(at).map(|t| SHANGHAI.to_datetime(t).date()).unwrap_or_default()
}

/// The first instant of a day in China.
pub fn midnight(day: Date) -> Millis {
    day.to_zoned(TimeZone::fixed(SHANGHAI)).map(|z| z.timestamp().as_millisecond()).unwrap_or(Millis::MAX)
}

/// A canonical date (its first 8 characters), if it is one.
pub(super) fn canonical_day(text: &str) -> Option<Date> {
    let text = crate::record::date_part(text)?;
    Date::new(text[..4].parse().ok()?, text[4..6].parse().ok()?, text[6..8].parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn calendar() -> Calendar {
        let term = |y: &str, t: &str, f: &str, to: &str| TermConfig {
            school_year: y.into(),
            term: t.into(),
            from: f.into(),
            to: to.into(),
        };
        Calendar::new(&CalendarConfig {
            terms: vec![term("2025-2026", "1", "2025-09-01", "2026-01-18"), term("2025-2026", "2", "2026-02-23", "2026-07-05")],
            grace_days: 14,
        })
        .unwrap()
    }

    #[test]
    fn a_day_belongs_to_its_term_and_a_holiday_to_the_one_before() {
        let c = calendar();
        assert_eq!((c.round(date(2025, 10, 1)).term.as_str(), c.round(date(2026, 2, 1)).term.as_str()), ("1", "1"));
        assert_eq!(c.round(date(2026, 3, 1)).term, "2");
        assert_eq!(c.round(date(2027, 3, 1)).school_year, "2026-2027", "an old calendar gives way to the printed terms");
        assert_eq!(Calendar::default().round(date(2026, 1, 5)).school_year, "2025-2026");
    }

    #[test]
    fn grace_keeps_the_term_before_for_a_while() {
        let c = calendar();
        assert_eq!(c.rounds(date(2026, 2, 24)).len(), 1, "the grace counts from the last day of the term");
        let close = Calendar { grace: 60, ..c };
        assert_eq!(close.rounds(date(2026, 2, 24)).len(), 2);
        assert_eq!(close.next_change(date(2025, 12, 1)), date(2026, 2, 23));
    }

    #[test]
    fn days_are_chinas() {
        assert_eq!(day_of(midnight(date(2026, 3, 1))), date(2026, 3, 1));
        assert_eq!(day_of(midnight(date(2026, 3, 1)) - 1), date(2026, 2, 28));
    }
}

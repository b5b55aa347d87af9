//! On which days the lessons of a term are taught.

use std::collections::{BTreeMap, HashMap};

use jiff::Span;
use jiff::civil::Date;

use super::super::groups::day;
use super::weeks::weekday;
use crate::finding::Text;
use crate::normalize::derive::Refused;
use crate::standard::TeachingSource;

/// Terms with their weeks, days without lessons, and days with the lessons of others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TeachingCalendar {
    terms: HashMap<String, (Date, u16)>,
    days: BTreeMap<Date, Option<Date>>,
}

/// A row of a query: cells in the order that the query's description names.
pub type CalendarRow = Vec<Option<String>>;

impl TeachingCalendar {
    /// Makes a calendar of the rows of both queries: year, term, first Monday and number of weeks; day, kind, and the day
    /// taught instead.
    ///
    /// # Errors
    /// When a row tells no term or day, or a first week does not begin on a Monday.
    pub fn new(source: &TeachingSource, terms: &[CalendarRow], days: &[CalendarRow]) -> Result<Self, Refused> {
        let mut calendar = Self::default();
        let cell = |row: &CalendarRow, at: usize| row.get(at).cloned().flatten().unwrap_or_default();
        for row in terms {
            let key = term(&format!("{}{}", cell(row, 0), cell(row, 1)));
            let monday = day(&cell(row, 2)).filter(|day| day.weekday() == jiff::civil::Weekday::Monday);
            let (Some(key), Some(monday), Ok(weeks)) = (key, monday, cell(row, 3).parse()) else { return Err(no_calendar()) };
            calendar.terms.insert(key, (monday, weeks));
        }
        for row in days {
            let Some(date) = day(&cell(row, 0)) else { return Err(no_calendar()) };
            let kind = cell(row, 1);
            match day(&cell(row, 2)).filter(|_| source.taught.contains(&kind)) {
                Some(other) => calendar.days.insert(date, Some(other)),
                None if source.free.contains(&kind) => calendar.days.insert(date, None),
                None => continue,
            };
        }
        Ok(calendar)
    }

    /// Whether a term is known; a text of year and term in any usual form.
    pub(super) fn knows(&self, text: &str) -> bool {
        term(text).is_some_and(|key| self.terms.contains_key(&key))
    }

    /// The days on which the lessons of a week and weekday are taught: the day itself unless it is free or another's, and
    /// each day that takes its lessons.
    pub(super) fn days(&self, text: &str, week: u16, weekday: i8) -> Vec<Date> {
        let Some((monday, weeks)) = term(text).and_then(|key| self.terms.get(&key)) else { return Vec::new() };
        if week == 0 || week > *weeks {
            return Vec::new();
        }
        let after = i64::from(week - 1) * 7 + i64::from(weekday) - 1;
        let Ok(own) = monday.checked_add(Span::new().days(after)) else { return Vec::new() };
        let others = self.days.iter().filter(|(_, instead)| **instead == Some(own)).map(|(day, _)| *day);
        Some(own).filter(|day| !self.days.contains_key(day)).into_iter().chain(others).collect()
    }

    /// The week of a day, counted from the first of a term, also beyond its last.
    pub(super) fn week(&self, text: &str, day: Date) -> Option<u16> {
        let (monday, _) = term(text).and_then(|key| self.terms.get(&key))?;
        let days = day.since(*monday).ok()?.get_days();
        u16::try_from(days.div_euclid(7) + 1).ok().filter(|week| *week > 0)
    }

    /// Whether a day is in the weeks of a term.
    pub(super) fn covers(&self, text: &str, day: Date) -> bool {
        let weeks = term(text).and_then(|key| self.terms.get(&key)).map_or(0, |(_, weeks)| *weeks);
        self.week(text, day).is_some_and(|week| week <= weeks)
    }
}

/// The year that a school year begins in and the number of the term: `20241` for 2024-2025-1, 2024-2025学年第一学期.
fn term(text: &str) -> Option<String> {
    let words = [("一", "1"), ("二", "2"), ("三", "3"), ("秋", "1"), ("春", "2")];
    let plain = words.iter().fold(text.to_owned(), |text, (word, digit)| text.replace(word, digit));
    let digits: String = plain.chars().filter(char::is_ascii_digit).collect();
    let (year, last) = (digits.get(..4)?, digits.get(digits.len().checked_sub(1)?..)?);
    (digits.len() > 4 && weekday(last).is_some()).then(|| format!("{year}{last}"))
}

fn no_calendar() -> Refused {
    Refused(Text::new(
        "校历不可用：学期需有第一周起始日期（星期一）和总周数，节假日需有日期；更正校历（schemas/core/calendar.json 说明所用的表）",
        "the calendar cannot be used: a term needs the Monday of its first week and its number of weeks, a day its date; mend the \
         calendar (schemas/core/calendar.json names its tables)",
    ))
}

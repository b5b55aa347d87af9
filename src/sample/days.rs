//! The sample school's calendar: the autumn term of 2024, up to a day that the caller names.

use jiff::ToSpan;
use jiff::civil::{Date, date};

/// One day of teaching.
#[derive(Debug, Clone, Copy)]
pub(super) struct TeachingDay {
    pub(super) date: Date,
    /// Week of the term, from 1.
    pub(super) week: u32,
    /// Day of the week, 1 is Monday.
    pub(super) weekday: u32,
}

/// The first Monday of the term.
pub(super) const FIRST_DAY: Date = date(2024, 9, 2);
const HOLIDAYS: &[Date] = &[
    date(2024, 9, 16),
    date(2024, 9, 17),
    date(2024, 10, 1),
    date(2024, 10, 2),
    date(2024, 10, 3),
    date(2024, 10, 4),
    date(2024, 10, 7),
];

/// The days from the first day of the term to the last that is to be reported, which may lie outside the term.
pub(super) fn days_until(last: Date) -> Vec<Date> {
    let last = last.min(date(2025, 1, 24));
    FIRST_DAY.series(1.day()).take_while(|day| *day <= last).collect()
}

/// The days with lessons among them.
pub(super) fn teaching_days_until(last: Date) -> Vec<TeachingDay> {
    days_until(last)
        .into_iter()
        .enumerate()
        .map(|(i, date)| TeachingDay { date, week: i as u32 / 7 + 1, weekday: i as u32 % 7 + 1 })
        .filter(|day| day.weekday <= 5 && !HOLIDAYS.contains(&day.date))
        .collect()
}

/// `2024-9-1`, as people write it.
pub(super) fn short(date: Date) -> String {
    format!("{}-{}-{}", date.year(), date.month(), date.day())
}

/// `2024/09/01 00:00`, as spreadsheets show a date.
pub(super) fn spreadsheet(date: Date) -> String {
    format!("{}/{:02}/{:02} 0:00", date.year(), date.month(), date.day())
}

/// `20240901`.
pub(super) fn compact(date: Date) -> String {
    format!("{:04}{:02}{:02}", date.year(), date.month(), date.day())
}

/// `2024年9月1日`.
pub(super) fn spelt(date: Date) -> String {
    format!("{}年{}月{}日", date.year(), date.month(), date.day())
}

/// `2024-09-01`.
pub(super) fn iso(date: Date) -> String {
    date.to_string()
}

/// A day so many days later, within what the calendar can tell.
pub(super) fn after(date: Date, days: u32) -> Date {
    date.saturating_add(i64::from(days).days())
}

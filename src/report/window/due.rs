//! By when a table must have been reported.

use jiff::ToSpan;
use jiff::civil::Date;

use super::Calendar;
use super::calendar::{day_of, midnight};
use crate::standard::Frequency;
use crate::store::Millis;

/// The current period of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Its first instant.
    pub from: Millis,
    /// The instant by which changes must have been reported.
    pub by: Millis,
}

impl Due {
    /// A name that changes with the period.
    pub fn name(&self) -> String {
        day_of(self.from).to_string()
    }
}

/// The period of a frequency at an instant; `None` where the school decides.
pub fn due(frequency: Frequency, calendar: &Calendar, at: Millis) -> Option<Due> {
    let day = day_of(at);
    let span = |from: Date, next: Date| Some(Due { from: midnight(from), by: midnight(next) });
    let round = calendar.round(day);
    let after = |d: Date| d.saturating_add(1.day());
    match frequency {
        Frequency::Day | Frequency::DayAhead => span(day, after(day)),
        Frequency::Week => {
            let monday = day.saturating_sub(i64::from(day.weekday().to_monday_zero_offset()).days());
            span(monday, monday.saturating_add(7.days()))
        }
        Frequency::Month => span(day.first_of_month(), after(day.last_of_month())),
        Frequency::Term => span(round.from, calendar.next_change(day)),
        Frequency::AutumnTerm if round.term == "1" => span(round.from, calendar.next_change(day)),
        Frequency::AutumnTerm | Frequency::SchoolDecides => None,
        Frequency::Year => {
            let first = if day.month() >= 8 { day.year() } else { day.year() - 1 };
            span(Date::new(first, 8, 1).ok()?, Date::new(first + 1, 8, 1).ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn periods_end_where_the_calendar_says() {
        let at = midnight(date(2026, 11, 22)) + 3_600_000; // a Sunday
        let by = |frequency| due(frequency, &Calendar::default(), at).map(|d| (day_of(d.from), day_of(d.by)));
        assert_eq!(by(Frequency::Day), Some((date(2026, 11, 22), date(2026, 11, 23))));
        assert_eq!(by(Frequency::Week), Some((date(2026, 11, 16), date(2026, 11, 23))));
        assert_eq!(by(Frequency::Month), Some((date(2026, 11, 1), date(2026, 12, 1))));
        assert_eq!(by(Frequency::Term), Some((date(2026, 8, 1), date(2027, 2, 1))));
        assert_eq!(by(Frequency::AutumnTerm), by(Frequency::Term));
        assert_eq!(by(Frequency::Year), Some((date(2026, 8, 1), date(2027, 8, 1))));
        assert_eq!(by(Frequency::SchoolDecides), None);
    }
}

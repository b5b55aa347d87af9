//! Whether a row is to be reported now: scope and day-ahead.

use jiff::ToSpan;
use jiff::civil::Date;

use super::Calendar;
use super::calendar::{canonical_day, midnight};
use crate::standard::{Frequency, Scope};
use crate::store::Millis;

/// What a row says about time, by the roles of its fields.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// Term code.
    pub term: Option<&'a str>,
    /// School year.
    pub school_year: Option<&'a str>,
    /// When it happened.
    pub event_date: Option<&'a str>,
    /// The day that a day-ahead row is about.
    pub due_on: Option<&'a str>,
}

/// Whether a row may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Now.
    Go,
    /// Not before this instant.
    NotDue(Millis),
    /// Not in this round; looked at again when rounds change.
    OutOfScope(Millis),
}

/// Where a row stands on a day.
pub fn standing(scope: &Scope, frequency: Frequency, facts: &Facts<'_>, calendar: &Calendar, day: Date) -> Standing {
    if !in_scope(scope, facts, calendar, day) {
        return Standing::OutOfScope(midnight(calendar.next_change(day)));
    }
    if frequency == Frequency::DayAhead
        && let Some(due_on) = facts.due_on.and_then(canonical_day)
    {
        let eve = due_on.saturating_sub(1.day());
        if day < eve {
            return Standing::NotDue(midnight(eve));
        }
    }
    Standing::Go
}

/// A scope by the word of the settings.
pub fn scope_named(word: &str) -> Option<Scope> {
    Some(match word {
        "all" => Scope::All,
        "term" => Scope::Term,
        "school_year" => Scope::SchoolYear,
        "mapping" => Scope::Mapping,
        _ => return None,
    })
}

fn in_scope(scope: &Scope, facts: &Facts<'_>, calendar: &Calendar, day: Date) -> bool {
    match scope {
        // A cohort is told by the entry year of a person, which the mapping selects.
        Scope::All | Scope::Mapping | Scope::CohortSince(_) => true,
        Scope::Since(month) => facts.event_date.and_then(|date| date.get(..6)).is_none_or(|date| date >= &**month),
        Scope::Term => calendar.rounds(day).iter().any(|round| match (facts.school_year, facts.term) {
            (None, None) => facts.event_date.and_then(canonical_day).is_none_or(|d| (round.from..=round.to).contains(&d)),
            (year, term) => {
                year.is_none_or(|y| same_year(y, &round.school_year))
                    && term.is_none_or(|t| t.trim_start_matches('0') == round.term)
            }
        }),
        Scope::SchoolYear => calendar.rounds(day).iter().any(|round| match (facts.school_year, facts.event_date) {
            (Some(year), _) => same_year(year, &round.school_year),
            (None, Some(date)) => crate::record::school_year_of(date).is_none_or(|year| same_year(&year, &round.school_year)),
            (None, None) => true,
        }),
    }
}

/// `2024-2025` and `2024-2025学年` name the same year.
fn same_year(a: &str, b: &str) -> bool {
    a.get(..9).is_some_and(|a| Some(a) == b.get(..9))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn scope_follows_the_round() {
        let calendar = Calendar::default();
        let day = date(2026, 10, 5);
        let facts = |year, term, event| Facts { school_year: year, term, event_date: event, due_on: None };
        let cases = [
            (Scope::Term, facts(Some("2026-2027"), Some("1"), None), true),
            (Scope::Term, facts(Some("2026-2027学年"), Some("01"), None), true),
            (Scope::Term, facts(Some("2026-2027"), Some("2"), None), false),
            (Scope::Term, facts(Some("2025-2026"), Some("1"), None), false),
            (Scope::Term, facts(None, None, Some("20260930")), true),
            (Scope::Term, facts(None, None, Some("20260630 101500")), false),
            (Scope::Term, facts(None, None, None), true),
            (Scope::SchoolYear, facts(None, None, Some("20260630")), false),
            (Scope::SchoolYear, facts(Some("2026-2027"), None, None), true),
            (Scope::Since("202609".into()), facts(None, None, Some("20260831")), false),
            (Scope::Since("202609".into()), facts(None, None, Some("20260901")), true),
            (Scope::All, facts(Some("1999-2000"), None, None), true),
        ];
        for (i, (scope, facts, want)) in cases.into_iter().enumerate() {
            let got = standing(&scope, Frequency::Day, &facts, &calendar, day);
            assert_eq!(got == Standing::Go, want, "case {i}: {got:?}");
        }
    }

    #[test]
    fn a_day_ahead_row_goes_the_day_before() {
        let at = |due_on, day| {
            let facts = Facts { due_on: Some(due_on), ..Facts::default() };
            standing(&Scope::All, Frequency::DayAhead, &facts, &Calendar::default(), day)
        };
        assert_eq!(at("20261010", date(2026, 10, 8)), Standing::NotDue(midnight(date(2026, 10, 9))));
        assert_eq!(at("20261010", date(2026, 10, 9)), Standing::Go);
        assert_eq!(at("20261010", date(2026, 10, 12)), Standing::Go, "late is better than never");
    }
}

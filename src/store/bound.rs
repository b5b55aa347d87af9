//! How many records may go without being asked for: pure, no database.

use super::Millis;

/// Deletions of so long ago still count.
pub(super) const SEVEN_DAYS: Millis = 7 * 24 * 3600 * 1000;

/// How many records may go without approval: at most 200, at most 5 % of the live ones, but 3 of a small table.
fn bound(live: u64) -> u64 {
    (live / 20).clamp(3, 200)
}

/// Why missing records are held for approval, or `None` when they may go at once.
pub(super) fn why_held(live: u64, missing: u64, recent: u64, keyless: u64, error: bool) -> Option<String> {
    let bound = bound(live + recent);
    if error {
        Some("the run had an error".to_owned())
    } else if missing >= live {
        Some("the table would be empty".to_owned())
    } else if missing > bound {
        Some(format!("{missing} of {live} records are missing, more than {bound}"))
    } else if missing + recent > bound {
        Some(format!("{missing} records are missing and {recent} went within seven days, together more than {bound}"))
    } else if keyless > 0 {
        Some(format!("{keyless} new rows without a readable key may be the missing records"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{bound, why_held};

    #[test]
    fn the_bound_is_five_percent_between_three_and_two_hundred() {
        for (live, want) in [(0, 3), (10, 3), (60, 3), (80, 4), (1000, 50), (4000, 200), (1_000_000, 200)] {
            assert_eq!(bound(live), want, "{live}");
        }
    }

    #[test]
    fn deletions_are_held_beyond_the_bound() {
        assert_eq!(why_held(100, 5, 0, 0, false), None);
        assert!(why_held(100, 6, 0, 0, false).is_some(), "more than five percent");
        assert!(why_held(100, 3, 3, 0, false).is_some(), "more within seven days");
        assert!(why_held(2, 2, 0, 0, false).is_some(), "the table would be empty");
        assert!(why_held(100, 1, 0, 0, true).is_some(), "an error");
        assert!(why_held(100, 1, 0, 1, false).is_some(), "a row whose key cannot be read");
    }
}

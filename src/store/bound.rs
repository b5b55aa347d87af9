//! How many records may go without being asked for: pure, no database.

use super::Millis;

/// Deletions of so long ago still count.
pub(super) const SEVEN_DAYS: Millis = 7 * 24 * 3600 * 1000;

/// How many records may go without approval: at most 200, at most 5 % of the live ones, but 3 of a small table.
pub(super) fn bound(live: u64) -> u64 {
    (live / 20).clamp(3, 200)
}

#[cfg(test)]
mod tests {
    use super::bound;

    #[test]
    fn the_bound_is_five_percent_between_three_and_two_hundred() {
        for (live, want) in [(0, 3), (10, 3), (60, 3), (80, 4), (1000, 50), (4000, 200), (1_000_000, 200)] {
            assert_eq!(bound(live), want, "{live}");
        }
    }
}

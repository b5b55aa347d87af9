//! Two lanes: what changed now goes first, the backlog has a guaranteed share.

use crate::store::Lane;

/// Chooses the lane of the next batch.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lanes {
    credit: u32,
}

impl Lanes {
    /// The lane to try first. `share` is the back-fill's guaranteed part of all batches, in percent.
    pub fn first(&self, backfill: bool, share: u32) -> Lane {
        if backfill && self.credit + share.min(100) >= 100 { Lane::Backfill } else { Lane::Live }
    }

    /// A batch went out while there was a backlog.
    pub fn went(&mut self, lane: Lane, share: u32) {
        let share = share.min(100);
        self.credit = match lane {
            Lane::Backfill => (self.credit + share).saturating_sub(100),
            Lane::Live => (self.credit + share).min(200),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backlog_gets_its_share_and_no_more() {
        for share in [0, 20, 50, 100] {
            let mut lanes = Lanes::default();
            let mut backfill = 0;
            for _ in 0..100 {
                let lane = lanes.first(true, share);
                backfill += u32::from(lane == Lane::Backfill);
                lanes.went(lane, share);
            }
            assert_eq!(backfill, share);
        }
        assert_eq!(Lanes::default().first(false, 100), Lane::Live);
    }
}

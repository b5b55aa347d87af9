//! Waiting longer after each failure.

use crate::fault::FaultClass;
use crate::store::Millis;

/// Capped exponential waiting times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// After the first failure.
    pub first: Millis,
    /// At most.
    pub cap: Millis,
    /// After a fault that somebody has to mend: how often it is looked at again.
    pub mend: Millis,
}

impl Backoff {
    /// How long to wait after the `failures`-th failure in a row (counted from 1), before jitter.
    pub fn wait(&self, class: FaultClass, failures: u32) -> Millis {
        let exponential = |first: Millis| {
            let doubled = first.saturating_mul(1_i64.checked_shl(failures.saturating_sub(1).min(40)).unwrap_or(Millis::MAX));
            doubled.clamp(0, self.cap)
        };
        match class {
            FaultClass::Transient => exponential(self.first),
            FaultClass::Throttled => exponential(self.first.saturating_mul(8)),
            FaultClass::Credentials | FaultClass::Configuration | FaultClass::Data | FaultClass::Bug => self.mend,
        }
    }
}

/// A waiting time with up to a quarter of it added by chance, so that many hubs do not return together.
pub fn jittered(wait: Millis, roll: u64) -> Millis {
    let quarter = u64::try_from(wait / 4).unwrap_or(0);
    wait.saturating_add(i64::try_from(roll % (quarter + 1)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BACKOFF: Backoff = Backoff { first: 2_000, cap: 600_000, mend: 900_000 };

    #[test]
    fn waits_double_up_to_the_cap() {
        let waits: Vec<_> = [1, 2, 3, 9, 10, 60].map(|n| BACKOFF.wait(FaultClass::Transient, n)).into();
        assert_eq!(waits, [2_000, 4_000, 8_000, 512_000, 600_000, 600_000]);
        assert_eq!(BACKOFF.wait(FaultClass::Credentials, 1), 900_000);
    }

    proptest! {
        #[test]
        fn never_shorter_and_never_a_quarter_longer(failures in 1u32.., roll: u64) {
            let wait = BACKOFF.wait(FaultClass::Throttled, failures);
            let got = jittered(wait, roll);
            prop_assert!(wait <= BACKOFF.cap && got >= wait && got <= wait + wait / 4);
        }
    }
}

//! Time and chance, handed in, so that delivery can be tested without waiting.

use std::sync::Mutex;
use std::time::Duration;

use crate::store::Millis;

/// What time it is, and waiting for a time.
#[async_trait::async_trait]
pub trait Clock: Send + Sync {
    /// Now, milliseconds since 1970 UTC.
    fn now(&self) -> Millis;

    /// Returns once `now()` is `at` or later.
    async fn sleep_until(&self, at: Millis);
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait::async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Millis {
        jiff::Timestamp::now().as_millisecond()
    }

    async fn sleep_until(&self, at: Millis) {
        let wait = at.saturating_sub(self.now());
        if wait > 0 {
            tokio::time::sleep(Duration::from_millis(wait.unsigned_abs())).await;
        }
    }
}

/// A clock that stands still until somebody waits: then it is the time waited for.
#[derive(Debug)]
pub struct ManualClock {
    now: Mutex<Millis>,
}

impl ManualClock {
    /// A clock that shows `now`.
    pub fn new(now: Millis) -> Self {
        Self { now: Mutex::new(now) }
    }

    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        let mut now = self.lock();
        *now += millis(by);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Millis> {
        self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[async_trait::async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Millis {
        *self.lock()
    }

    async fn sleep_until(&self, at: Millis) {
        {
            let mut now = self.lock();
            *now = (*now).max(at);
        }
        tokio::task::yield_now().await;
    }
}

/// Chance: jitter, and the free part of a signature.
pub trait Dice: Send + Sync {
    /// The next 64 bits.
    fn roll(&self) -> u64;
}

/// The operating system's chance.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemDice;

impl Dice for SystemDice {
    fn roll(&self) -> u64 {
        rand::random()
    }
}

/// The same sequence from the same seed (SplitMix64).
#[derive(Debug)]
pub struct SeededDice {
    state: Mutex<u64>,
}

impl SeededDice {
    /// A sequence.
    pub fn new(seed: u64) -> Self {
        Self { state: Mutex::new(seed) }
    }
}

impl Dice for SeededDice {
    fn roll(&self) -> u64 {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// A duration as milliseconds; what does not fit is the longest time there is.
pub(crate) fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX / 4)
}

//! How far our clock is from the platform's, by the `Date` header of its answers.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use crate::finding::Text;
use crate::store::Millis;

/// Beyond this nothing is sent; the platform itself refuses beyond 30 s.
pub const LIMIT: Millis = 20_000;

/// The offset measured last: the platform's clock minus ours.
#[derive(Debug, Default)]
pub struct ClockOffset {
    offset: AtomicI64,
    known: AtomicBool,
}

impl ClockOffset {
    /// Takes a measurement: the request left at `sent`, its answer came at `received`, dated `date`. The header has whole
    /// seconds, so that the instant lies half a second later on average; a slow answer says little and is passed over
    /// once something better is known.
    pub fn measure(&self, date: &str, sent: Millis, received: Millis) {
        let Ok(zoned) = jiff::fmt::rfc2822::parse(date) else { return };
        let (low, high) = (zoned.timestamp().as_millisecond(), zoned.timestamp().as_millisecond() + 1000);
        // The answer was dated between sending and receiving: offsets from `low - received` to `high - sent` agree.
        let offset = (low - received + high - sent) / 2;
        if received - sent > 5_000 && self.known.load(Ordering::Acquire) && (offset - self.get()).abs() < received - sent {
            return;
        }
        self.offset.store(offset, Ordering::Release);
        self.known.store(true, Ordering::Release);
    }

    fn get(&self) -> Millis {
        self.offset.load(Ordering::Acquire)
    }

    /// The offset, once measured.
    pub fn known(&self) -> Option<Millis> {
        self.known.load(Ordering::Acquire).then(|| self.get())
    }

    /// The offset to write times of the platform with; 0 until measured.
    pub fn or_zero(&self) -> Millis {
        self.known().unwrap_or(0)
    }

    /// Why nothing may be sent now, if so.
    pub fn objection(&self) -> Option<Text> {
        let offset = self.known()?;
        if offset.abs() <= LIMIT {
            return None;
        }
        let secs = offset.abs() / 1000;
        let (zh, en) = if offset > 0 { ("慢", "behind") } else { ("快", "ahead of") };
        Some(Text::new(
            format!(
                "本机时钟比平台{zh}约 {secs} 秒，超过 20 秒，暂停上报；请在本机启用网络校时（chrony 或 ntpd）并确认时区，校准后自动继续"
            ),
            format!(
                "this machine's clock is about {secs} s {en} the platform's, more than 20 s: nothing is sent; set it by NTP (chrony or ntpd), reporting goes on by itself"
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::ClockOffset;

    #[test]
    fn a_small_offset_passes_and_a_large_one_stops() {
        let date = "Sun, 22 Nov 2026 01:00:00 GMT";
        let at = 1_795_309_200_000; // that instant
        for (ours, stops) in [(at, false), (at - 19_000, false), (at + 19_000, false), (at - 22_000, true), (at + 22_000, true)] {
            let offset = ClockOffset::default();
            assert!(offset.objection().is_none());
            offset.measure(date, ours, ours + 100);
            assert_eq!(offset.objection().is_some(), stops, "{ours} {:?}", offset.known());
        }
    }

    #[test]
    fn a_header_that_is_no_date_changes_nothing() {
        let offset = ClockOffset::default();
        offset.measure("yesterday", 0, 1);
        assert_eq!(offset.known(), None);
    }
}

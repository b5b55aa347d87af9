//! Sending windows: collection periods of tables, and hours of the day.

use jiff::ToSpan;
use serde::Deserialize;

use super::calendar::{day_of, midnight};
use crate::finding::Text;
use crate::store::Millis;

/// When anything may be sent at all. Empty: always.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GateConfig {
    /// Collection periods. A table that a period names is sent only within one that names it.
    pub periods: Vec<PeriodConfig>,
    /// Hours of the day.
    pub hours: Option<HoursConfig>,
}

/// A stretch of the year.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodConfig {
    /// Tables; `*` for all.
    pub tables: Vec<String>,
    /// First day, `MM-DD`.
    pub from: String,
    /// Last day, `MM-DD`; may lie in the next year.
    pub to: String,
}

/// A stretch of the day.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoursConfig {
    /// `HH:MM`.
    pub from: String,
    /// `HH:MM`; may lie past midnight.
    pub to: String,
}

/// Tables, and the month and day between which they are collected.
type Collected = (Vec<String>, (i8, i8), (i8, i8));

/// Sending windows, ready to be asked.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    periods: Vec<Collected>,
    hours: Option<(i64, i64)>,
}

impl Gate {
    /// Reads the settings.
    ///
    /// # Errors
    /// A day or hour that is none.
    pub fn new(config: &GateConfig) -> Result<Self, Text> {
        let bad = |text: &str| {
            Text::new(
                format!("gate 中的 {text} 不是 MM-DD 日期或 HH:MM 时刻"),
                format!("{text} in gate is no MM-DD day or HH:MM time"),
            )
        };
        let pair = |text: &str, sign: char| -> Option<(i8, i8)> {
            let (a, b) = text.split_once(sign)?;
            Some((a.parse().ok()?, b.parse().ok()?))
        };
        let day =
            |text: &str| pair(text, '-').filter(|(m, d)| (1..=12).contains(m) && (1..=31).contains(d)).ok_or_else(|| bad(text));
        let minute = |text: &str| {
            pair(text, ':')
                .filter(|(h, m)| (0..=24).contains(h) && (0..60).contains(m))
                .map(|(h, m)| i64::from(h) * 60 + i64::from(m))
                .ok_or_else(|| bad(text))
        };
        let mut periods = Vec::new();
        for period in &config.periods {
            periods.push((period.tables.clone(), day(&period.from)?, day(&period.to)?));
        }
        let hours = config.hours.as_ref().map(|h| Ok::<_, Text>((minute(&h.from)?, minute(&h.to)?))).transpose()?;
        Ok(Self { periods, hours })
    }

    /// From when on a table may be sent: `at` itself when the gate is open.
    pub fn opens(&self, table: &str, at: Millis) -> Millis {
        let mut when = at;
        // A day without its hours and a period without this day are tried in turn; a year covers every period.
        for _ in 0..740 {
            let day = day_of(when);
            let next_day = midnight(day.saturating_add(1.day()));
            if !self.day_is_open(table, (day.month(), day.day())) {
                when = next_day;
                continue;
            }
            let Some((from, to)) = self.hours else { return when };
            let minute = (when - midnight(day)) / 60_000;
            let open = if from <= to { (from..to).contains(&minute) } else { minute >= from || minute < to };
            if open {
                return when;
            }
            when = if minute < from { midnight(day) + from * 60_000 } else { next_day };
        }
        when
    }

    fn day_is_open(&self, table: &str, day: (i8, i8)) -> bool {
        let mut named = false;
        for (tables, from, to) in &self.periods {
            if !tables.iter().any(|t| t == "*" || t == table) {
                continue;
            }
            named = true;
            if if from <= to { (*from..=*to).contains(&day) } else { day >= *from || day <= *to } {
                return true;
            }
        }
        !named
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn periods_and_hours_open_the_gate() {
        let gate = Gate::new(&GateConfig {
            periods: vec![PeriodConfig { tables: vec!["A".into()], from: "09-01".into(), to: "01-31".into() }],
            hours: Some(HoursConfig { from: "08:00".into(), to: "22:00".into() }),
        })
        .unwrap();
        let noon = |m, d| midnight(date(2026, m, d)) + 12 * 3_600_000;
        assert_eq!(gate.opens("A", noon(10, 1)), noon(10, 1));
        assert_eq!(gate.opens("A", noon(1, 31)), noon(1, 31));
        assert_eq!(gate.opens("A", noon(2, 1)), midnight(date(2026, 9, 1)) + 8 * 3_600_000);
        assert_eq!(gate.opens("B", noon(2, 1)), noon(2, 1));
        assert_eq!(gate.opens("B", midnight(date(2026, 3, 1))), midnight(date(2026, 3, 1)) + 8 * 3_600_000);
        assert_eq!(gate.opens("B", noon(3, 1) + 11 * 3_600_000), midnight(date(2026, 3, 2)) + 8 * 3_600_000);
        let bad = GateConfig { hours: Some(HoursConfig { from: "8".into(), to: "25:00".into() }), ..GateConfig::default() };
        assert!(Gate::new(&bad).is_err());
    }
}

//! Kinds of settings that several parts of reporting use: lengths of time, secrets, acceptances.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

pub use crate::wire::tls::Acceptance;

/// A length of time in the settings: `"200ms"`, `"30s"`, `"15m"`, `"2h"`, `"7d"`, or a whole number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub Duration);

impl Period {
    /// So many seconds.
    pub const fn secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// As milliseconds.
    pub fn millis(self) -> crate::store::Millis {
        super::clock::millis(self.0)
    }

    /// Reads the printed form.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let number: u64 = text[..at].parse().ok()?;
        let millis = match text[at..].trim() {
            "ms" => 1,
            "" | "s" => 1000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        Some(Self(Duration::from_millis(number.checked_mul(millis)?)))
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl de::Visitor<'_> for Visit {
            type Value = Period;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length of time such as \"30s\", \"15m\", \"2h\", \"7d\", or seconds")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Period, E> {
                Period::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }

            fn visit_u64<E: de::Error>(self, secs: u64) -> Result<Period, E> {
                Ok(Period::secs(secs))
            }

            fn visit_i64<E: de::Error>(self, secs: i64) -> Result<Period, E> {
                u64::try_from(secs).map(Period::secs).map_err(|_| E::invalid_value(de::Unexpected::Signed(secs), &self))
            }
        }
        deserializer.deserialize_any(Visit)
    }
}

/// A secret. It has no printed form.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a text into keeping.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that uses it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The error of a wrong kind would print the value, so it is replaced.
        String::deserialize(deserializer)
            .map(Self)
            .map_err(|_| de::Error::custom("a secret must be a text once its reference is resolved"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Period, Secret};

    #[test]
    fn periods_read_as_printed() {
        let cases = [("200ms", 200), ("30s", 30_000), ("15m", 900_000), ("2h", 7_200_000), ("7d", 604_800_000), ("5", 5_000)];
        for (text, want) in cases {
            assert_eq!(Period::parse(text).map(Period::millis), Some(want), "{text}");
        }
        for text in ["", "h", "-1s", "1.5h", "3w"] {
            assert_eq!(Period::parse(text), None, "{text}");
        }
    }

    #[test]
    fn secrets_print_nothing() {
        let secret: Secret = serde_json::from_str("\"hunter2\"").unwrap();
        assert!(!format!("{secret:?}").contains("hunter2"));
        let error = serde_json::from_str::<Secret>("12345678").unwrap_err();
        assert!(!error.to_string().contains("12345678"));
    }
}

//! A length of time as Kubernetes writes it in YAML: `24h`, `1h30m`, `90s`.

use std::{fmt, str::FromStr, time::Duration};

use jiff::fmt::friendly::{Spacing, SpanParser, SpanPrinter};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// What a period looks like: hours, minutes, seconds, in this order, whole numbers, without spaces.
pub const PATTERN: &str = "^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,8}s)?$";

/// A length of time written as `24h`, `1h30m` or `90s`; zero or more, at most about a hundred years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(Duration);

/// The text is not a [`Period`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no period: write hours, minutes and seconds like 24h, 1h30m or 90s")]
pub struct PeriodError(String);

impl Period {
    /// A period of whole hours.
    #[must_use]
    pub const fn hours(hours: u32) -> Self {
        Self(Duration::from_secs(hours as u64 * 3600))
    }

    /// The same as a duration of the standard library.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl From<Duration> for Period {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let plain = text.chars().all(|c| c.is_ascii_digit() || "hms".contains(c));
        if !plain || text.len() > 24 {
            return Err(PeriodError(text.to_owned()));
        }
        SpanParser::new().parse_unsigned_duration(text).map(Self).map_err(|_| PeriodError(text.to_owned()))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let printer = SpanPrinter::new().spacing(Spacing::None);
        f.write_str(&printer.unsigned_duration_to_string(&self.0))
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for Period {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Period".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "minLength": 2,
            "maxLength": 24,
            "x-kubernetes-validations": [{
                "rule": format!("self.matches('{PATTERN}')"),
                "message": "must be hours, minutes and seconds like 24h, 1h30m or 90s",
            }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_reads_what_it_writes() {
        for text in ["24h", "1h30m", "90m", "6h", "10s", "1h1m1s", "0s"] {
            let period: Period = text.parse().unwrap();
            assert_eq!(period.to_string().parse::<Period>().unwrap(), period, "{text}");
        }
        assert_eq!(Period::hours(24).to_string(), "24h");
        assert_eq!("1h30m".parse::<Period>().unwrap().duration(), Duration::from_secs(5400));
    }

    #[test]
    fn what_is_no_period_is_refused_and_never_panics() {
        for text in ["", "24", "h", "1d", "-1h", "1.5h", "1 h", "1h ", "PT24H", "99999999999999999999h", "m5"] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }
}

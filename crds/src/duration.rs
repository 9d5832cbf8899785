//! Durations as people write them in Kubernetes objects: `500ms`, `30s`, `10m`, `1h30m`.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

/// The rule in the schema of every duration.
pub(crate) const RULE: &str = "self.matches('^([0-9]+(ms|s|m|h))+$')";

/// A length of time that is never negative, in the notation of Go's `time.ParseDuration` (`metav1.Duration`).
///
/// A newtype over kube's `Duration` only because that one admits negative values and has no rule in its schema.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(std::time::Duration);

impl Duration {
    /// `n` seconds.
    #[must_use]
    pub const fn from_secs(n: u64) -> Self {
        Self(std::time::Duration::from_secs(n))
    }

    /// `n` minutes.
    #[must_use]
    pub const fn from_mins(n: u64) -> Self {
        Self::from_secs(n * 60)
    }

    /// As the standard library's type.
    #[must_use]
    pub const fn std(self) -> std::time::Duration {
        self.0
    }

    /// As jiff's type, for arithmetic with timestamps. Saturates far beyond any sensible setting.
    #[must_use]
    pub fn signed(self) -> jiff::SignedDuration {
        jiff::SignedDuration::try_from(self.0).unwrap_or(jiff::SignedDuration::MAX)
    }
}

impl From<std::time::Duration> for Duration {
    fn from(value: std::time::Duration) -> Self {
        Self(value)
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        if !millis.is_multiple_of(1000) {
            write!(f, "{millis}ms")
        } else if millis.is_multiple_of(3_600_000) && millis > 0 {
            write!(f, "{}h", millis / 3_600_000)
        } else if millis.is_multiple_of(60_000) && millis > 0 {
            write!(f, "{}m", millis / 60_000)
        } else {
            write!(f, "{}s", millis / 1000)
        }
    }
}

impl fmt::Debug for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed: kube::core::Duration = text
            .parse()
            .map_err(|error| format!("{text:?} is not a duration such as 30s or 10m: {error}"))?;
        if text.is_empty() || parsed.is_negative() {
            return Err(format!(
                "{text:?} is not a length of time; a duration such as 30s or 10m is expected"
            ));
        }
        Ok(Self(parsed.into()))
    }
}

impl Serialize for Duration {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // A rule, not a pattern: a pattern answers with itself, a rule with a sentence.
        json_schema!({
            "type": "string",
            "maxLength": 20,
            "x-kubernetes-validations": [{
                "rule": RULE,
                "message": "must be a duration such as 500ms, 30s, 10m or 1h30m",
            }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_as_people_write_them() {
        for (text, millis) in
            [("500ms", 500), ("30s", 30_000), ("10m", 600_000), ("1h30m", 5_400_000), ("0s", 0)]
        {
            let parsed: Duration = text.parse().expect(text);
            assert_eq!(parsed.std().as_millis(), millis, "{text}");
            assert_eq!(parsed.to_string().parse::<Duration>(), Ok(parsed), "{text}");
        }
        for text in ["", "-5s", "5", "soon"] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
    }
}

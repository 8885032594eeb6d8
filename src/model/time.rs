//! Points in time, passed in from outside and written in one form.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time in UTC, written as ISO 8601 with milliseconds: `2026-11-21T02:48:01.123Z`.
///
/// What is finer than a millisecond is dropped when the value is made, so that a time is the same
/// before it was written and after it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(DateTime<Utc>);

impl Time {
    /// Returns the time that many milliseconds after 1970-01-01, or the nearest that can be written.
    pub fn from_millis(millis: i64) -> Self {
        Self(DateTime::from_timestamp_millis(millis).unwrap_or_default())
    }

    /// Returns the milliseconds since 1970-01-01.
    pub fn as_millis(self) -> i64 {
        self.0.timestamp_millis()
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let time = DateTime::<Utc>::deserialize(deserializer)?;
        Ok(Self::from_millis(time.timestamp_millis()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_the_same_after_being_written_and_read() {
        let time = Time::from_millis(1_795_229_281_123);
        assert_eq!(time.to_string(), "2026-11-21T02:48:01.123Z");
        let read: Time = serde_json::from_value(serde_json::json!(time)).unwrap();
        assert_eq!(read, time);
    }
}

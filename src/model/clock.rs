//! The one place that reads the time of day, so that rules about time can be tested without waiting.

use chrono::{DateTime, Duration, SubsecRound, Utc};
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

/// A moment in UTC, to the millisecond: what the wire format and both databases can hold.
pub type Timestamp = DateTime<Utc>;

/// The source of [`Timestamp`]s; cheap to clone. [`Clock::shifted`] gives tests a clock that they can push.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    shift_ms: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// A clock that runs with the system's and can be pushed forward by [`Clock::advance`].
    pub fn shifted() -> Self {
        Self { shift_ms: Some(Arc::default()) }
    }

    /// The current time, truncated to milliseconds.
    pub fn now(&self) -> Timestamp {
        self.exact().trunc_subsecs(3)
    }

    /// Microseconds since 1970: for measuring, where a millisecond is long.
    pub fn micros(&self) -> i64 {
        self.exact().timestamp_micros()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the place that the rule points to")]
    fn exact(&self) -> Timestamp {
        let shift = self.shift_ms.as_ref().map_or(0, |ms| ms.load(Ordering::Relaxed));
        Utc::now() + Duration::milliseconds(shift)
    }

    /// Pushes a [`Clock::shifted`] clock forward; no effect on a plain one.
    pub fn advance(&self, by: std::time::Duration) {
        if let Some(shift) = &self.shift_ms {
            shift.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
        }
    }
}

/// Serialises as ISO-8601 UTC with milliseconds and `Z`, as JavaScript's `toISOString` writes it.
pub mod iso {
    use super::Timestamp;
    use chrono::{Datelike, Timelike};
    use serde::Serializer;

    /// The same for [`Timestamp::format`].
    pub const FORMAT: &str = "%Y-%m-%dT%H:%M:%S%.3fZ";

    /// For `#[serde(serialize_with)]`. By hand, since every message is written with two of them, and the general way takes more
    /// time than all the rest of it.
    pub fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |place: std::ops::Range<usize>, mut number: u32| {
            for digit in text[place].iter_mut().rev() {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
        };
        match u32::try_from(at.year()) {
            Ok(year @ ..10_000) => put(0..4, year),
            _ => return to.collect_str(&at.format(FORMAT)),
        }
        put(5..7, at.month());
        put(8..10, at.day());
        put(11..13, at.hour());
        put(14..16, at.minute());
        put(17..19, at.second());
        put(20..23, at.timestamp_subsec_millis() % 1_000);
        match std::str::from_utf8(&text) {
            Ok(text) => to.serialize_str(text),
            Err(_) => to.collect_str(&at.format(FORMAT)),
        }
    }

    /// The same for a time that may be missing: `null`.
    pub fn serialize_optional<S: Serializer>(at: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => serialize(at, to),
            None => to.serialize_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn a_time_is_written_as_the_general_way_writes_it() {
        let begin = Timestamp::from_timestamp(-70_000_000_000, 0).expect("a time");
        let step = TimeDelta::milliseconds(987_654_321_987);
        for at in (0..700).map(|n| begin + step * n) {
            let written = iso::serialize(&at, serde_json::value::Serializer).expect("text");
            assert_eq!(written, at.format(iso::FORMAT).to_string());
        }
        let far = Timestamp::from_timestamp(300_000_000_000, 0).expect("a time");
        assert_eq!(iso::serialize(&far, serde_json::value::Serializer).expect("text"), far.format(iso::FORMAT).to_string());
    }
}

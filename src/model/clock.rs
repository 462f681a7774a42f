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
    use serde::Serializer;

    /// The same for [`Timestamp::format`].
    pub const FORMAT: &str = "%Y-%m-%dT%H:%M:%S%.3fZ";

    /// For `#[serde(serialize_with)]`.
    pub fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&at.format(FORMAT))
    }

    /// The same for a time that may be missing: `null`.
    pub fn serialize_optional<S: Serializer>(at: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => serialize(at, to),
            None => to.serialize_none(),
        }
    }
}

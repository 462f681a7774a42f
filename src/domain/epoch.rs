//! After the database was restored to an earlier state: numbers that are given out again must not be taken for the old ones.
//!
//! The new epoch is the number of seconds since 2026, so it was never given before, even if the same backup is restored
//! twice: counting up from what the backup holds would give the second run the numbers of the first.

use crate::{
    model::{Error, Result, Timestamp},
    store::{Epochs, Store},
};

/// 2026-01-01T00:00:00Z, in seconds since 1970.
const ZERO: i64 = 1_767_225_600;

/// What a bump did, or would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bump {
    pub logs: u64,
    /// The highest epoch before.
    pub from: i32,
    /// The epoch of all logs after.
    pub to: i32,
}

/// What [`bump`] would do.
///
/// # Errors
/// [`Error::Unavailable`]; [`Error::Internal`] when the epochs are used up, which takes until the year 2094.
pub async fn plan(store: &Store) -> Result<Bump> {
    let Epochs { logs, highest, now } = store.epochs().await?;
    Ok(Bump { logs: u64::try_from(logs).unwrap_or_default(), from: highest, to: next(highest, now)? })
}

/// Gives every log a new epoch, in small transactions. When it is interrupted, it can simply be run again.
///
/// # Errors
/// As [`plan`].
pub async fn bump(store: &Store) -> Result<Bump> {
    let mut bump = plan(store).await?;
    bump.logs = 0;
    let mut after = None;
    while let Some((last, raised)) = store.raise_epochs(bump.to, after).await? {
        bump.logs += raised;
        after = Some(last);
    }
    Ok(bump)
}

fn next(highest: i32, now: Timestamp) -> Result<i32> {
    let used_up = || Error::internal("database", "no epoch is left: the highest is the largest number that fits");
    let seconds = i32::try_from(now.timestamp() - ZERO).unwrap_or_default();
    Ok(seconds.max(highest.checked_add(1).ok_or_else(used_up)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_epoch_is_never_given_twice() {
        assert_eq!(next(1, at("2026-01-01T00:01:00Z")), Ok(60));
        assert_eq!(next(60, at("2026-01-01T00:01:00Z")), Ok(61), "twice within a second");
        assert_eq!(next(60, at("2020-01-01T00:00:00Z")), Ok(61), "with a clock that is wrong");
        assert_eq!(next(1, at("2094-01-01T00:00:00Z")), Ok(2_145_916_800));
        assert!(next(i32::MAX, at("2026-01-01T00:00:00Z")).is_err());
    }
}

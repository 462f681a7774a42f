//! Keyset pages: the next page starts after the last row of this one, so that a page costs the same wherever it is
//! and nothing is shown twice when rows are added meanwhile.

use uuid::Uuid;

use super::{Error, Result, Timestamp};

/// How many rows a page holds: 1 to [`Limit::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(u32);

impl Limit {
    /// The most that a page holds, and what existing frontends, which don't page, get.
    pub const MAX: Self = Self(1000);

    /// # Errors
    /// [`Error::Malformed`] outside of 1 to 1,000.
    pub fn new(rows: u32) -> Result<Self> {
        match rows {
            1..=1000 => Ok(Self(rows)),
            _ => Err(Error::Malformed("limit must be a number from 1 to 1000.".to_owned())),
        }
    }

    pub fn rows(self) -> u64 {
        u64::from(self.0)
    }
}

/// Where the next page starts: the sort key of the last row seen. Opaque to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub at: Timestamp,
    pub id: Uuid,
}

impl Cursor {
    /// Reads what [`Cursor`]'s `Display` wrote.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn parse(text: &str) -> Result<Self> {
        let read = || {
            let (at, id) = text.split_once('_')?;
            let at = Timestamp::from_timestamp_millis(at.parse().ok()?)?;
            Some(Self { at, id: Uuid::try_parse(id).ok()? })
        };
        read().ok_or_else(|| Error::Malformed("Not a cursor: take it from the Link header of the page before.".to_owned()))
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}_{}", self.at.timestamp_millis(), self.id.simple())
    }
}

/// Some rows, and where the next ones start if there are more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, C = Cursor> {
    pub rows: Vec<T>,
    pub next: Option<C>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_as_it_was_written() {
        let at = Timestamp::from_timestamp_millis(1_764_000_000_123).unwrap_or_default();
        let cursor = Cursor { at, id: Uuid::from_u128(7) };
        assert_eq!(Cursor::parse(&cursor.to_string()), Ok(cursor));
    }

    #[test]
    fn what_is_no_cursor_or_limit_is_refused() {
        for text in ["", "_", "1", "x_y", "1_y", "99999999999999999999_00000000000000000000000000000007"] {
            assert!(Cursor::parse(text).is_err(), "{text:?}");
        }
        assert!(Limit::new(0).is_err() && Limit::new(1001).is_err() && Limit::new(1000).is_ok());
    }
}

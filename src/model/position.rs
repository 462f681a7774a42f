//! Positions: how far somebody has read their log.

use std::{fmt, str::FromStr};

use super::{Error, Result};

/// A place in one person's log, written `epoch.seq`. The epoch rises when a database was restored to an earlier
/// state, so that numbers that are given out again are not mistaken for the old ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    pub epoch: i32,
    pub seq: i64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.seq)
    }
}

impl FromStr for Position {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::Malformed("A position is written epoch.seq, such as 1.42.".to_owned());
        let (epoch, seq) = text.split_once('.').ok_or_else(wrong)?;
        match (epoch.parse(), seq.parse()) {
            (Ok(epoch), Ok(seq)) if epoch >= 0 && seq >= 0 => Ok(Self { epoch, seq }),
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reads_back_as_it_was_written() {
        let position = Position { epoch: 3, seq: 42 };
        assert_eq!(position.to_string().parse(), Ok(position));
    }

    #[test]
    fn what_is_no_position_is_refused() {
        for text in ["", "1", "1.", ".1", "-1.2", "1.-2", "1.2.3", "a.b", "99999999999.1"] {
            assert!(text.parse::<Position>().is_err(), "{text:?}");
        }
    }
}

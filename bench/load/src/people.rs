//! Who takes part, and which part of a run is done by this process.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    ops::Range,
    path::Path,
    str::FromStr,
};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, de::DeserializeOwned};

/// Somebody who has a session.
#[derive(Debug, Deserialize)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) token: String,
}

/// One JSON object a line, and at least one.
pub(crate) fn read<T: DeserializeOwned>(file: &Path) -> Result<Vec<T>> {
    let name = || file.display().to_string();
    let lines = BufReader::new(File::open(file).with_context(name)?).lines();
    let people: Vec<T> = lines.map(|line| serde_json::from_str(&line?).with_context(name)).collect::<Result<_>>()?;
    ensure!(!people.is_empty(), "nobody in {}", name());
    Ok(people)
}

/// The part of a process: the how manieth of how many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share {
    pub(crate) index: usize,
    pub(crate) of: usize,
}

impl Share {
    pub(crate) const ALL: Self = Self { index: 0, of: 1 };

    /// Which of `total` things are this process's: as many as the others have, or one more.
    pub(crate) fn range(self, total: usize) -> Range<usize> {
        total * self.index / self.of..total * (self.index + 1) / self.of
    }

    pub(crate) fn count(self, total: usize) -> usize {
        self.range(total).len()
    }

    pub(crate) fn rate(self, total: f64) -> f64 {
        total / self.of as f64
    }
}

impl FromStr for Share {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (index, of) = text.split_once('/').context("as in 0/6")?;
        let share = Self { index: index.parse()?, of: of.parse()? };
        ensure!(share.index < share.of, "{text}: counted from 0");
        Ok(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_cover_everything_once() {
        for (total, of) in [(100_000, 6), (7, 3), (2, 5), (0, 2)] {
            let ranges: Vec<_> = (0..of).map(|index| Share { index, of }.range(total)).collect();
            assert_eq!(ranges.iter().cloned().flatten().collect::<Vec<_>>(), (0..total).collect::<Vec<_>>());
            let sizes = ranges.iter().map(Range::len);
            assert!(sizes.clone().max() <= sizes.min().map(|least| least + 1));
        }
        assert!("6/6".parse::<Share>().is_err());
    }
}

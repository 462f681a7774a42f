//! Durations, counted in buckets that grow with the value: any number of them in a few kilobytes, each known to within 1 %.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Buckets of each power of two.
const SPLIT: u64 = 128;
const SPLIT_BITS: u32 = SPLIT.trailing_zeros();

/// Counts of durations. Of several processes they add up to the whole.
#[derive(Debug, Clone, Default)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

/// How a histogram travels from one process to another: only the buckets in which anything is.
#[derive(Debug, Serialize, Deserialize)]
struct Sparse {
    buckets: Vec<(usize, u64)>,
    max: u64,
}

/// What is told of a histogram, in milliseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    count: u64,
    p50: f64,
    p90: f64,
    p99: f64,
    p999: f64,
    max: f64,
}

fn bucket_of(value: u64) -> usize {
    if value < SPLIT {
        return value as usize;
    }
    let shift = value.ilog2() - SPLIT_BITS;
    (u64::from(shift + 1) * SPLIT + (value >> shift) - SPLIT) as usize
}

/// The largest value of a bucket.
fn top_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < SPLIT {
        return bucket;
    }
    let shift = bucket / SPLIT - 1;
    ((SPLIT + bucket % SPLIT + 1) << shift) - 1
}

fn ms(nanoseconds: u64) -> f64 {
    (nanoseconds as f64 / 1_000.0).round() / 1_000.0
}

impl Histogram {
    pub(crate) fn add(&mut self, duration: Duration) {
        let value = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.put(bucket_of(value), 1);
        self.max = self.max.max(value);
    }

    fn put(&mut self, bucket: usize, count: u64) {
        if bucket >= self.counts.len() {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += count;
        self.total += count;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (bucket, count) in other.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            self.put(bucket, *count);
        }
        self.max = self.max.max(other.max);
    }

    /// The value below which this share of all lies, in nanoseconds.
    fn quantile(&self, share: f64) -> u64 {
        let wanted = (self.total as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return top_of(bucket).min(self.max);
            }
        }
        self.max
    }

    pub(crate) fn summary(&self) -> Summary {
        let at = |share| ms(self.quantile(share));
        Summary { count: self.total, p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: ms(self.max) }
    }
}

impl Serialize for Histogram {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let buckets = self.counts.iter().copied().enumerate().filter(|(_, count)| *count > 0).collect();
        Sparse { buckets, max: self.max }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let sparse = Sparse::deserialize(deserializer)?;
        let mut histogram = Self { max: sparse.max, ..Self::default() };
        for (bucket, count) in sparse.buckets {
            if bucket > bucket_of(u64::MAX) {
                return Err(serde::de::Error::custom("a bucket that no duration has"));
            }
            histogram.put(bucket, count);
        }
        Ok(histogram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket_and_within_a_hundredth_of_its_top() {
        let values =
            (0..20_000).chain((5..64).flat_map(|bits| [(1 << bits) - 1, 1 << bits, (1 << bits) + 1])).chain([u64::MAX / 2]);
        for value in values {
            let bucket = bucket_of(value);
            assert!(top_of(bucket) >= value, "{value}");
            assert!(bucket == 0 || top_of(bucket - 1) < value, "{value}");
            assert!(top_of(bucket) - value <= value / 100, "{value}");
        }
    }

    #[test]
    fn quantiles_are_those_of_what_was_added() {
        let mut histogram = Histogram::default();
        (1..=1_000).for_each(|ms| histogram.add(Duration::from_millis(ms)));
        let summary = histogram.summary();
        for (found, expected) in [(summary.p50, 500.0), (summary.p99, 990.0), (summary.p999, 999.0), (summary.max, 1_000.0)] {
            assert!((found - expected).abs() <= expected / 100.0, "{found} instead of {expected}");
        }
        assert_eq!(summary.count, 1_000);
    }

    #[test]
    fn an_empty_one_has_zeros() {
        assert_eq!(Histogram::default().summary().p99, 0.0);
    }

    #[test]
    fn the_parts_of_several_processes_add_up_after_their_way_through_json() {
        let (mut low, mut high) = (Histogram::default(), Histogram::default());
        (1..=90).for_each(|_| low.add(Duration::from_millis(1)));
        (1..=10).for_each(|_| high.add(Duration::from_secs(1)));
        let text = serde_json::to_string(&high).expect("serializes");
        low.merge(&serde_json::from_str(&text).expect("is read"));
        let summary = low.summary();
        assert_eq!((summary.count, summary.max), (100, 1_000.0));
        assert!(summary.p90 < 1.02 && summary.p99 > 990.0);
        assert!(serde_json::from_str::<Histogram>(r#"{"buckets":[[99999999999,1]],"max":1}"#).is_err());
    }
}

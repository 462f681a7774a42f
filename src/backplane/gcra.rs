//! Rate limiting by the generic cell rate algorithm: per key one moment, the "theoretical arrival time". The same
//! arithmetic runs in Redis (`redis/lua/take.lua`). (Idea: ITU-T I.371; explained at brandur.org/rate-limiting.)

use parking_lot::Mutex;
use std::{
    collections::HashMap,
    hash::Hash,
    time::{Duration, Instant},
};

use crate::config::Quota;

/// Keys held at most; beyond that, those whose bucket is full again are forgotten, and then the ones closest to it.
const MAX_KEYS: usize = 100_000;

/// Token buckets by key, in this process's memory. Bounded.
#[derive(Debug)]
pub struct Buckets<K> {
    arrivals: Mutex<HashMap<K, Instant>>,
}

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self { arrivals: Mutex::default() }
    }
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    /// Takes one token of `key` at the moment `now`.
    ///
    /// # Errors
    /// How long until the next one is there.
    pub fn take(&self, key: &K, quota: Quota, now: Instant) -> Result<(), Duration> {
        if quota.burst == 0 {
            return Ok(());
        }
        let mut arrivals = self.arrivals.lock();
        let next = arrive(arrivals.get(key).copied(), quota, now)?;
        if arrivals.len() >= MAX_KEYS && !arrivals.contains_key(key) {
            make_room(&mut arrivals, now);
        }
        arrivals.insert(key.clone(), next);
        Ok(())
    }

    /// Whether [`Buckets::take`] would succeed.
    ///
    /// # Errors
    /// As [`Buckets::take`].
    pub fn peek(&self, key: &K, quota: Quota, now: Instant) -> Result<(), Duration> {
        if quota.burst == 0 {
            return Ok(());
        }
        let arrival = self.arrivals.lock().get(key).copied();
        arrive(arrival, quota, now).map(drop)
    }
}

/// One bucket without a key: what a single socket's events are measured with.
#[derive(Debug, Default)]
pub struct Bucket(Mutex<Option<Instant>>);

impl Bucket {
    /// As [`Buckets::take`].
    ///
    /// # Errors
    /// How long until the next one is there.
    pub fn take(&self, quota: Quota, now: Instant) -> Result<(), Duration> {
        if quota.burst == 0 {
            return Ok(());
        }
        let mut arrival = self.0.lock();
        *arrival = Some(arrive(*arrival, quota, now)?);
        Ok(())
    }
}

fn arrive(arrival: Option<Instant>, quota: Quota, now: Instant) -> Result<Instant, Duration> {
    let next = arrival.map_or(now, |at| at.max(now)) + quota.every;
    let ahead = next.saturating_duration_since(now);
    let allowed = quota.every * quota.burst;
    if ahead <= allowed { Ok(next) } else { Err(ahead - allowed) }
}

fn make_room<K: Hash + Eq + Clone>(arrivals: &mut HashMap<K, Instant>, now: Instant) {
    arrivals.retain(|_, at| *at > now);
    if arrivals.len() >= MAX_KEYS {
        let mut moments: Vec<Instant> = arrivals.values().copied().collect();
        let (_, median, _) = moments.select_nth_unstable(MAX_KEYS / 2);
        let median = *median;
        arrivals.retain(|_, at| *at > median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota { burst: 3, every: Duration::from_secs(1) };

    #[test]
    fn a_burst_passes_and_then_one_each_interval() {
        let (buckets, start) = (Buckets::default(), Instant::now());
        for _ in 0..3 {
            assert_eq!(buckets.take(&"ann", QUOTA, start), Ok(()));
        }
        assert_eq!(buckets.take(&"ann", QUOTA, start), Err(Duration::from_secs(1)));
        assert_eq!(buckets.take(&"bob", QUOTA, start), Ok(()), "another key has a bucket of its own");
        let later = start + Duration::from_secs(1);
        assert_eq!(buckets.peek(&"ann", QUOTA, later), Ok(()));
        assert_eq!(buckets.take(&"ann", QUOTA, later), Ok(()));
        assert!(buckets.take(&"ann", QUOTA, later).is_err());
    }

    #[test]
    fn a_burst_of_zero_switches_the_limit_off() {
        let bucket = Bucket::default();
        let off = Quota { burst: 0, every: Duration::from_secs(1) };
        assert!((0..1000).all(|_| bucket.take(off, Instant::now()).is_ok()));
    }

    #[test]
    fn a_flood_of_keys_does_not_grow_the_table_without_end() {
        let (buckets, now) = (Buckets::default(), Instant::now());
        for key in 0..(2 * MAX_KEYS) {
            assert_eq!(buckets.take(&key, QUOTA, now + Duration::from_micros(key as u64)), Ok(()));
        }
        assert!(buckets.arrivals.lock().len() <= MAX_KEYS);
    }
}

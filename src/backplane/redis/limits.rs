//! Token buckets that all nodes share, with this node's memory behind them.

use std::time::{Duration, Instant};

use super::{Inner, scripts};
use crate::config::Quota;

/// Takes one from the bucket `key`, or only looks whether one is there. Without an answer from Redis within
/// `deadline`, this node's own bucket decides.
pub(super) async fn ask(inner: &Inner, key: &str, quota: Quota, take: bool, deadline: Duration) -> Result<(), Duration> {
    if quota.burst == 0 {
        return Ok(());
    }
    if !inner.link.away() {
        let args = vec![micros(quota.every).to_string(), quota.burst.to_string(), u8::from(take).to_string()];
        let asking = scripts::run::<u64, _, _>(&scripts::TAKE, inner.link.any(), inner.keys.limit(key), args);
        match tokio::time::timeout(deadline, asking).await {
            Ok(Ok(0)) => return Ok(()),
            Ok(Ok(wait)) => return Err(Duration::from_micros(wait)),
            Ok(Err(cause)) => tracing::debug!(%cause, "redis did not decide a rate limit"),
            Err(_) => tracing::debug!("redis did not decide a rate limit in time"),
        }
    }
    inner.metrics.limit_fallbacks.inc();
    let (key, now) = (key.to_owned(), Instant::now());
    if take { inner.buckets.take(&key, quota, now) } else { inner.buckets.peek(&key, quota, now) }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

//! Token buckets that all nodes share, with this node's memory behind them. Those who ask at the same time share a round
//! trip; a lone one does not wait.

use fred::interfaces::FredResult;
use std::{
    mem,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, oneshot};

use super::{Inner, scripts};
use crate::config::Quota;

/// Buckets that one round trip is about.
const MOST: usize = 128;

/// Those who may wait for one. Beyond that, this node's own buckets decide.
const QUEUE: usize = 4096;

/// One who asks, and who is told how many microseconds there are to wait; not at all if Redis did not say.
#[derive(Debug)]
pub(super) struct Ask {
    key: String,
    quota: Quota,
    take: bool,
    answer: oneshot::Sender<u64>,
}

pub(super) fn queue() -> (mpsc::Sender<Ask>, mpsc::Receiver<Ask>) {
    mpsc::channel(QUEUE)
}

/// Takes one from the bucket `key`, or only looks whether one is there. Without an answer from Redis within
/// `deadline`, this node's own bucket decides.
pub(super) async fn ask(inner: &Inner, key: &str, quota: Quota, take: bool, deadline: Duration) -> Result<(), Duration> {
    if quota.burst == 0 {
        return Ok(());
    }
    if !inner.link.away() {
        let (answer, answered) = oneshot::channel();
        let ask = Ask { key: inner.keys.limit(key), quota, take, answer };
        let asking = async {
            if inner.link.clustered() {
                // Buckets are on different servers, and none of those is to keep the others waiting.
                decide(inner, vec![ask]).await;
            } else {
                drop(inner.asks.try_send(ask));
            }
            answered.await
        };
        match tokio::time::timeout(deadline, asking).await {
            Ok(Ok(0)) => return Ok(()),
            Ok(Ok(wait)) => return Err(Duration::from_micros(wait)),
            Ok(Err(_)) => tracing::debug!("redis did not decide a rate limit"),
            Err(_) => tracing::debug!("redis did not decide a rate limit in time"),
        }
    }
    inner.metrics.limit_fallbacks.inc();
    let (key, now) = (key.to_owned(), Instant::now());
    if take { inner.buckets.take(&key, quota, now) } else { inner.buckets.peek(&key, quota, now) }
}

/// Asks Redis for all who wait, for ever.
pub(super) async fn run(inner: Arc<Inner>, mut asks: mpsc::Receiver<Ask>) {
    let mut batch = Vec::new();
    while asks.recv_many(&mut batch, MOST).await > 0 {
        // Whoever ran out of time was decided upon without Redis.
        batch.retain(|ask| !ask.answer.is_closed());
        if !batch.is_empty() {
            decide(&inner, mem::take(&mut batch)).await;
        }
    }
}

async fn decide(inner: &Inner, asks: Vec<Ask>) {
    let (mut keys, mut args) = (Vec::with_capacity(asks.len()), Vec::with_capacity(asks.len() * 3));
    let mut answers = Vec::with_capacity(asks.len());
    for Ask { key, quota, take, answer } in asks {
        keys.push(key);
        args.extend([micros(quota.every).to_string(), quota.burst.to_string(), u8::from(take).to_string()]);
        answers.push(answer);
    }
    let waits: FredResult<Vec<u64>> = scripts::run(&scripts::TAKE, inner.link.any(), keys, args).await;
    match waits {
        Ok(waits) => {
            for (answer, wait) in answers.into_iter().zip(waits) {
                // It may have run out of time meanwhile.
                let _ = answer.send(wait);
            }
        }
        Err(cause) => tracing::debug!(%cause, "redis did not decide a rate limit"),
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

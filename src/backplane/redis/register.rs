//! The writer: brings Redis to what the registry says, in batches over one connection.

use fred::{
    error::{Error, ErrorKind},
    interfaces::{FredResult, HashesInterface},
    types::Value,
};
use futures_util::future::try_join_all;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::{Inner, registry::Batch, scripts};
use crate::{
    backplane::{Reason, Signal},
    model::Timestamp,
};

/// People in one batch.
const BATCH: usize = 512;
/// After a failed write, so that a Redis that answers with errors isn't flooded.
const PAUSE: Duration = Duration::from_millis(50);

/// Writes what is to be written, for ever.
pub(super) async fn run(inner: Arc<Inner>) {
    loop {
        let batch = inner.registry.next(BATCH).await;
        match write(&inner, &batch).await {
            Ok(()) => {
                let now = inner.clock.now();
                let gone = |user, seen: Option<Timestamp>| inner.roster.change([], [(user, seen.unwrap_or(now))]);
                if inner.registry.written(&batch, gone) {
                    inner.signals.push(Signal::Reconcile(Reason::LateAttach));
                }
            }
            Err(cause) => {
                tracing::debug!(%cause, people = batch.changes.len(), "could not register; trying again");
                inner.registry.failed(&batch);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn write(inner: &Inner, batch: &Batch) -> FredResult<()> {
    let (keys, client, node) = (&inner.keys, inner.link.ordered(), batch.node);
    let (came, left): (Vec<_>, Vec<_>) = batch.changes.iter().copied().partition(|change| change.attached);

    // The node's own set is where a sweep finds whose presence it has to clean. So people leave it last and enter it
    // first, and nothing stays behind wherever the process dies.
    //
    // All are sent before the first answer is awaited, so this is one round trip; a pipeline takes no scripts.
    try_join_all(left.iter().map(|change| {
        let entry = vec![node.to_string(), change.generation.to_string()];
        scripts::run::<i64, _, _>(&scripts::FORGET, client, keys.presence(change.user), entry)
    }))
    .await?;

    let version = inner.versions.fetch_add(1, Ordering::Relaxed) + 1;
    let mut args = vec![if batch.complete { Value::from(version.to_string()) } else { Value::from("") }];
    args.push(Value::from(i64::try_from(came.len()).unwrap_or(i64::MAX)));
    args.push(Value::from(node.to_string()));
    args.extend(came.iter().chain(&left).map(|change| Value::from(change.user.to_string())));
    let mut touched = vec![keys.lease(node), keys.users(node), keys.version(node)];
    // In a cluster, where people are is on other servers than the node's set: that is a second round trip.
    let apart = inner.link.clustered();
    if !apart {
        touched.extend(came.iter().map(|change| keys.presence(change.user)));
        args.extend(came.iter().map(|change| Value::from(change.generation.to_string())));
    }
    match scripts::run::<i64, _, _>(&scripts::REGISTER, client, touched, args).await? {
        -1 => {
            inner.lost_lease(node);
            return Err(Error::new(ErrorKind::NotFound, "the lease is lost"));
        }
        refused @ ..-1 => {
            inner.versions.fetch_max(-2 - refused, Ordering::Relaxed);
            return Err(Error::new(ErrorKind::InvalidCommand, "the set has a later version"));
        }
        _ => {}
    }
    let now = inner.clock.now();
    let told = came.iter().map(|change| (change.user, None));
    let told = told.chain(left.iter().map(|change| (change.user, Some(change.seen.unwrap_or(now)))));
    inner.peers.changed(node, version, told);

    if apart && !came.is_empty() {
        let pipeline = client.pipeline();
        for change in &came {
            let entry = (node.to_string(), change.generation.to_string());
            let () = pipeline.hset(keys.presence(change.user), entry).await?;
        }
        let _: Value = pipeline.all().await?;
    }
    Ok(())
}

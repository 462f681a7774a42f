//! Keeps the view of the other nodes up to date, and lets them know what changed here.

use fred::{
    error::{Error, ErrorKind},
    interfaces::{FredResult, HashesInterface, KeysInterface, SetsInterface},
    types::Value,
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};
use tokio::time::{Instant, MissedTickBehavior};

use super::{
    Inner, formers, keeper,
    peers::Read,
    scripts,
    wire::{Note, STREAMS},
};
use crate::model::{NodeId, UserId};

/// Tells the others once a beacon what changed here.
pub(super) async fn announce(inner: Arc<Inner>) {
    let mut ticks = tokio::time::interval(inner.cluster.beacon);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if inner.link.away() {
            continue;
        }
        if let Some(delta) = inner.peers.delta()
            && let Err(cause) = inner.broadcast(&[Note::Presence(delta)]).await
        {
            // The next delta won't fit, and the readers read the set.
            tracing::debug!(%cause, "could not tell the others who came and left");
        }
        inner.let_go();
        if let Err(cause) = clear(&inner).await {
            tracing::debug!(%cause, "could not clear what nodes that left have left behind");
        }
    }
}

/// Compares versions regularly, and whenever something doesn't fit.
pub(super) async fn run(inner: Arc<Inner>) {
    let mut ticks = tokio::time::interval(inner.cluster.lease / 2);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = inner.peers.stale.notified() => {}
        }
        if inner.link.away() {
            continue;
        }
        if let Err(cause) = refresh(&inner, None).await {
            // The view stays as it is: unknown is not offline.
            tracing::debug!(%cause, "could not read who is online elsewhere");
        }
    }
}

/// Reads the sets that have changed, or all to compare them, if that is what was due at that moment. -> people of whom the view
/// was wrong without being late
pub(super) async fn refresh(inner: &Inner, comparing: Option<Instant>) -> FredResult<usize> {
    let (compare, due) = (comparing.is_some(), comparing.or_else(|| inner.whole.compares()));
    let members = inner.nodes().await?;
    if inner.joined() && !members.contains(&inner.node()) {
        // Nobody who is missing has gone: the next beacon will tell, and all come back.
        return Err(Error::new(ErrorKind::NotFound, "redis has forgotten this node, and so maybe the others"));
    }
    let mut nodes = members.clone();
    let known = inner.peers.versions(&mut nodes);
    let client = inner.link.any();
    let pipeline = client.pipeline();
    for node in &nodes {
        let () = pipeline.get(inner.keys.version(*node)).await?;
    }
    let mut read = Vec::new();
    for ((node, before), version) in nodes.iter().zip(known).zip(pipeline.try_all::<Option<i64>>().await) {
        if version?.is_none_or(|version| Some(version) == before) && !compare {
            continue;
        }
        let keys = vec![inner.keys.users(*node), inner.keys.version(*node), inner.keys.lease(*node)];
        let answer: Vec<String> = scripts::run(&scripts::PEOPLE, client, keys, ()).await?;
        let mut answer = answer.into_iter();
        let (Some(version), Some(lease)) = (answer.next(), answer.next()) else { continue };
        let Ok(version) = version.parse() else { continue };
        let users = answer.filter_map(|user| user.parse().ok()).collect();
        let held = before.filter(|_| compare);
        let (formers, left) = (formers::named(&lease), keeper::has_left(&lease));
        let streams = keeper::says_word(&lease, STREAMS);
        read.push(Read { node: *node, version, held, users, formers, left, streams });
    }
    let here =
        if read.iter().any(|read| read.left) || inner.peers.sees_farewell() { inner.registry.here() } else { HashSet::new() };
    if inner.whole.compares() != due {
        return Err(Error::new(ErrorKind::Canceled, "redis lost its memory meanwhile"));
    }
    let wrong = inner.peers.update(&members, read, &here, inner.clock.now(), &inner.roster);
    inner.let_go();
    Ok(wrong)
}

/// Takes the entries of those whom this node took over from nodes that left out of Redis, and tells the others: who stayed here
/// only for a moment may have escaped them. If that fails, somebody who leaves again is shown for as long as the farewell lasts.
async fn clear(inner: &Inner) -> FredResult<()> {
    let taken = inner.peers.taken(inner.hearsay());
    if taken.is_empty() {
        return Ok(());
    }
    let pipeline = inner.link.any().pipeline();
    let mut gone: HashMap<NodeId, Vec<UserId>> = HashMap::new();
    for (node, user) in taken {
        let () = pipeline.hdel(inner.keys.presence(user), node.to_string()).await?;
        let () = pipeline.srem(inner.keys.users(node), user.to_string()).await?;
        gone.entry(node).or_default().push(user);
    }
    let _: Value = pipeline.all().await?;
    let now = inner.clock.now();
    let notes = gone.into_iter().filter_map(|(node, users)| inner.peers.on_behalf_of(node, users, now)).map(Note::Presence);
    inner.broadcast(&notes.collect::<Vec<_>>()).await
}

//! Cleaning up after a node that died.

use fred::{
    interfaces::{FredResult, HashesInterface, KeysInterface, SetsInterface},
    types::Value,
};

use std::collections::HashSet;

use super::{Inner, scripts, wire::Note};
use crate::{
    backplane::{Reason, Signal},
    model::{NodeId, Timestamp, UserId},
};

/// How long one node may take for a sweep before another may try.
const CLAIM_MS: i64 = 10_000;
/// How long it is remembered that a node was swept: longer than anybody may take from suspecting it to sweeping it.
const DONE_MS: i64 = 60_000;
/// People cleaned in one round trip.
const CHUNK: usize = 500;

/// Nodes that joined and have no lease any more, without this one, and those in view that Redis does not know.
pub(super) async fn suspects(inner: &Inner) -> FredResult<Vec<NodeId>> {
    let nodes = inner.others().await?;
    let missing = inner.peers.missing();
    if nodes.is_empty() {
        return Ok(missing);
    }
    let pipeline = inner.link.any().pipeline();
    for node in &nodes {
        let () = pipeline.exists(inner.keys.lease(*node)).await?;
    }
    let leases = pipeline.try_all::<i64>().await;
    if leases.len() != nodes.len() {
        return Ok(Vec::new());
    }
    let expired = nodes.into_iter().zip(leases).filter(|(_, lease)| matches!(lease, Ok(0))).map(|(node, _)| node);
    // Those that Redis has forgotten have no lease, either.
    Ok(expired.chain(missing).collect())
}

/// Sweeps a dead node, which last lived at `seen`, unless another node already does. -> who was on it and is nowhere now
pub(super) async fn dead(inner: &Inner, node: NodeId, seen: Timestamp) -> Vec<UserId> {
    if node == inner.node() {
        return Vec::new();
    }
    let people = match claim(inner, node).await {
        Ok(Some(people)) => people,
        Ok(None) => return Vec::new(),
        Err(cause) => {
            tracing::warn!(%cause, %node, "could not begin to sweep a dead node");
            return Vec::new();
        }
    };
    // Known to be gone without having died: its people were told of under another id, or have been for long.
    let counted = inner.peers.is_swept(node) && inner.peers.seen_alive(node).is_none();
    let at = seen.timestamp_millis();
    inner.peers.last_alive(node, at);
    let shown = inner.peers.swept(node, seen, &inner.roster);
    inner.signals.push(Signal::Reconcile(Reason::PeerDied));
    let told_and_buried = async {
        // Everybody is told first: cleaning up may take a while, and whoever breaks off here is followed by another.
        inner.broadcast(&[Note::LastAlive { node, at }, Note::Swept(node)]).await?;
        let buried = bury(inner, node, &people).await?;
        // A node that joined in between has read the entries, and was not told.
        inner.broadcast(&[Note::Retired(node)]).await?;
        FredResult::Ok(buried)
    };
    match told_and_buried.await {
        Ok(true) => {
            tracing::info!(%node, people = people.len(), "swept a dead node");
            inner.metrics.nodes_swept.inc();
        }
        Ok(false) => tracing::info!(%node, "another node sweeps that dead node, too"),
        Err(cause) => tracing::warn!(%cause, %node, "could not sweep a dead node to the end"),
    }
    if counted {
        return Vec::new();
    }
    let people: HashSet<UserId> = people.into_iter().chain(shown).collect();
    inner.roster.nowhere(people)
}

/// Removes every trace of `node`. False if it lives, or somebody else is at it.
pub(super) async fn clean(inner: &Inner, node: NodeId) -> FredResult<bool> {
    match claim(inner, node).await? {
        Some(people) => bury(inner, node, &people).await,
        None => Ok(false),
    }
}

/// Claims the sweep of `node`. -> its people; `None` if it lives, or somebody else is at it
async fn claim(inner: &Inner, node: NodeId) -> FredResult<Option<Vec<UserId>>> {
    let (keys, client) = (&inner.keys, inner.link.any());
    let args = vec![CLAIM_MS.to_string(), inner.node().to_string()];
    let claimed: i64 = scripts::run(&scripts::CLAIM, client, vec![keys.lease(node), keys.claim(node)], args).await?;
    if claimed == 0 {
        return Ok(None);
    }
    let people: Vec<String> = client.smembers(keys.users(node)).await?;
    Ok(Some(people.iter().filter_map(|user| user.parse().ok()).collect()))
}

/// Removes what the claimed `node` left. The set of its people goes last, so that the next sweep finishes one that breaks off.
/// False if the claim ran out and somebody else took it.
async fn bury(inner: &Inner, node: NodeId, people: &[UserId]) -> FredResult<bool> {
    let (keys, client) = (&inner.keys, inner.link.any());
    for some in people.chunks(CHUNK) {
        let pipeline = client.pipeline();
        for user in some {
            let () = pipeline.hdel(keys.presence(*user), node.to_string()).await?;
        }
        let _: Value = pipeline.all().await?;
    }
    let rest = vec![keys.claim(node), keys.number(node), keys.version(node), keys.users(node)];
    let args = vec![DONE_MS.to_string(), inner.node().to_string()];
    let buried: i64 = scripts::run(&scripts::BURY, client, rest, args).await?;
    if buried == 1 {
        let () = client.srem(keys.nodes(), node.to_string()).await?;
    }
    Ok(buried == 1)
}

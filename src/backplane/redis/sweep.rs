//! Cleaning up after a node that died.

use fred::{
    interfaces::{FredResult, HashesInterface, KeysInterface, SetsInterface},
    types::Value,
};

use super::{Inner, scripts, wire::Note};
use crate::{
    backplane::{Reason, Signal},
    model::{NodeId, UserId},
};

/// How long one node may take for a sweep before another may try.
const CLAIM_MS: i64 = 30_000;
/// People cleaned in one round trip.
const CHUNK: i64 = 500;

/// Nodes that joined and have no lease any more, without this one.
pub(super) async fn suspects(inner: &Inner) -> FredResult<Vec<NodeId>> {
    let nodes = inner.others().await?;
    if nodes.is_empty() {
        return Ok(nodes);
    }
    let pipeline = inner.link.any().pipeline();
    for node in &nodes {
        let () = pipeline.exists(inner.keys.lease(*node)).await?;
    }
    let leases = pipeline.try_all::<i64>().await;
    if leases.len() != nodes.len() {
        return Ok(Vec::new());
    }
    Ok(nodes.into_iter().zip(leases).filter(|(_, lease)| matches!(lease, Ok(0))).map(|(node, _)| node).collect())
}

/// Sweeps a dead node, unless another node already does, and tells everybody.
pub(super) async fn dead(inner: &Inner, node: NodeId) -> FredResult<()> {
    if node == inner.node() || !clean(inner, node).await? {
        return Ok(());
    }
    tracing::info!(%node, "swept a dead node");
    inner.peers.swept(node, &inner.roster);
    inner.signals.push(Signal::Reconcile(Reason::PeerDied));
    inner.broadcast(&Note::Swept(node)).await
}

/// Removes every trace of `node`. False if it lives, or somebody else is at it.
pub(super) async fn clean(inner: &Inner, node: NodeId) -> FredResult<bool> {
    let (keys, client) = (&inner.keys, inner.link.any());
    let claimed: i64 =
        scripts::run(&scripts::CLAIM, client, vec![keys.lease(node), keys.claim(node)], vec![CLAIM_MS.to_string()]).await?;
    if claimed == 0 {
        return Ok(false);
    }
    loop {
        let people: Vec<String> = client.srandmember(keys.users(node), Some(usize::try_from(CHUNK).unwrap_or(1))).await?;
        if people.is_empty() {
            break;
        }
        let pipeline = client.pipeline();
        for user in people.iter().filter_map(|user| user.parse::<UserId>().ok()) {
            let () = pipeline.hdel(keys.presence(user), node.to_string()).await?;
        }
        let _: Value = pipeline.all().await?;
        // Only now: a sweep that breaks off is finished by the next.
        let () = client.srem(keys.users(node), people).await?;
    }
    let pipeline = client.pipeline();
    for key in [keys.number(node), keys.version(node), keys.users(node)] {
        let () = pipeline.del(key).await?;
    }
    let () = pipeline.srem(keys.nodes(), node.to_string()).await?;
    let _: Value = pipeline.all().await?;
    Ok(true)
}

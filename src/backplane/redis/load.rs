//! How many sockets each node holds: what its lease says.

use fred::interfaces::{FredResult, KeysInterface};
use parking_lot::Mutex;

use super::Inner;

/// What this node's lease says from the next beat on: how many sockets it holds, or nothing, because it takes no more.
#[derive(Debug, Default)]
pub(super) struct Load(Mutex<Option<u64>>);

impl Load {
    pub(super) fn set(&self, sockets: Option<u64>) {
        *self.0.lock() = sockets;
    }

    /// As the lease holds it.
    pub(super) fn text(&self) -> String {
        self.0.lock().map_or_else(String::new, |sockets| sockets.to_string())
    }
}

/// How many sockets each of the other nodes holds; without those that take no more.
pub(super) async fn of_others(inner: &Inner) -> FredResult<Vec<u64>> {
    let pipeline = inner.link.any().pipeline();
    for node in inner.others().await? {
        let () = pipeline.get(inner.keys.lease(node)).await?;
    }
    let leases = pipeline.try_all::<Option<String>>().await;
    // What may follow says how the node listens.
    Ok(leases.into_iter().filter_map(|lease| lease.ok()??.split(' ').next()?.parse().ok()).collect())
}

//! Every key and channel, in one place. A `{…}` part is a hash tag: keys of one node, or of one person, share a slot
//! of Redis Cluster, so that one script may touch them together.
//!
//! | key | what | who cleans it |
//! |---|---|---|
//! | `nodes` | set: ids of the nodes that joined | sweep |
//! | `{node}:lease` | "this node hears", while it exists; what it says of the node: see below | its own expiry |
//! | `{node}:number` | number of the last message in the node's inbox that Redis counted | sweep |
//! | `{node}:users` | set: who has sockets on the node | detach, sweep |
//! | `{node}:version` | which version of the set that is, as the node counts; missing while the set is not complete | sweep |
//! | `{node}:sweep` | claim of the one who sweeps the node | its own expiry |
//! | `{node}:inbox` | channel, not a key | |
//! | `presence:{user}` | hash: node -> generation of the attach | detach, sweep; publishers that meet a dead node, too |
//! | `limit:{key}` | arrival time of a token bucket | its own expiry: when the bucket is full again |
//!
//! A lease says how many sockets the node has, or nothing while it takes no more; then, each after a blank: `sharded` if it
//! listens by SSUBSCRIBE, `whispers` since it understands those, `streams` since it understands messages that their sender numbers,
//! `former=…` with the ids that its process had before.

use crate::model::{NodeId, UserId};

/// Builds keys under one prefix.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    pub(super) fn nodes(&self) -> String {
        format!("{}nodes", self.prefix)
    }

    pub(super) fn lease(&self, node: NodeId) -> String {
        self.of_node(node, "lease")
    }

    pub(super) fn number(&self, node: NodeId) -> String {
        self.of_node(node, "number")
    }

    pub(super) fn users(&self, node: NodeId) -> String {
        self.of_node(node, "users")
    }

    pub(super) fn version(&self, node: NodeId) -> String {
        self.of_node(node, "version")
    }

    pub(super) fn claim(&self, node: NodeId) -> String {
        self.of_node(node, "sweep")
    }

    pub(super) fn inbox(&self, node: NodeId) -> String {
        self.of_node(node, "inbox")
    }

    pub(super) fn presence(&self, user: UserId) -> String {
        format!("{}presence:{{{user}}}", self.prefix)
    }

    pub(super) fn limit(&self, bucket: &str) -> String {
        format!("{}limit:{{{bucket}}}", self.prefix)
    }

    fn of_node(&self, node: NodeId, what: &str) -> String {
        format!("{}{{{node}}}:{what}", self.prefix)
    }
}

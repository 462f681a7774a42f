//! This node among the others: its life signs in the database, and what becomes of nodes that died.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{
    backplane::{self, Backplane},
    lifecycle::Lifecycle,
    metrics::Metrics,
    model::{NodeId, Result},
    store::Store,
};

/// A node's row in the database is stale after this many missed beats, times ten.
const STALE_AFTER_TENTHS: u32 = 25;

/// How old a node's last life sign in the database may be, if it gives one each `beat`.
pub fn alive_for(beat: Duration) -> Duration {
    beat.saturating_mul(STALE_AFTER_TENTHS) / 10
}

#[derive(Clone, Debug)]
pub struct Nodes {
    store: Store,
    backplane: Backplane,
    metrics: Metrics,
    database: Arc<AtomicBool>,
}

/// How this node is doing: the body of `/ready`, never its status.
#[derive(Debug, Clone, Copy)]
pub struct NodeHealth {
    /// Whether the last life sign reached the database.
    pub database: bool,
    pub backplane: backplane::Health,
}

impl NodeHealth {
    /// Before anything was asked.
    pub fn starting() -> Self {
        let backplane = backplane::Health { connected: false, beacon_age: Duration::ZERO, deaf: false };
        Self { database: false, backplane }
    }
}

impl Nodes {
    /// Starts the heart beat; it ends with the node.
    pub fn start(store: Store, backplane: Backplane, beat: Duration, lifecycle: &Lifecycle, metrics: Metrics) -> Self {
        let nodes = Self { store, backplane, metrics, database: Arc::new(AtomicBool::new(true)) };
        nodes.metrics.database_up.set(1);
        lifecycle.spawn(nodes.clone().live(beat));
        nodes
    }

    pub fn health(&self) -> NodeHealth {
        NodeHealth { database: self.database.load(Ordering::Relaxed), backplane: self.backplane.health() }
    }

    /// Lets the others know how many sockets this node holds; `None` while it leaves.
    pub fn holds(&self, sockets: Option<u64>) {
        self.backplane.holds(sockets);
    }

    /// How many sockets each of the other nodes holds, without those that leave; `None` when nobody can be asked.
    pub async fn loads(&self) -> Option<Vec<u64>> {
        self.backplane.loads().await
    }

    /// Takes this node's row away: it ended in order, nobody needs to wonder.
    pub async fn retire(&self) {
        if let Err(error) = self.store.retire_node(self.backplane.node()).await {
            tracing::warn!(%error, cause = ?error.cause(), "could not take this node's row out of the database; it ages by itself");
        }
    }

    async fn live(self, beat: Duration) {
        let mut ticks = tokio::time::interval(beat);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let outcome = self.beat(beat).await;
            let up = outcome.is_ok();
            self.metrics.database_up.set(i64::from(up));
            if self.database.swap(up, Ordering::Relaxed) == up {
                continue;
            }
            match outcome {
                Ok(()) => tracing::info!("the database answers again"),
                Err(error) => {
                    tracing::warn!(%error, cause = ?error.cause(), "the database does not answer; sends are refused until it does")
                }
            }
        }
    }

    /// One life sign, and a look at those that miss theirs. Dead is who misses both: a node that is cut off from Redis
    /// alone still beats in the database, and still serves its people.
    async fn beat(&self, beat: Duration) -> Result<()> {
        self.store.beat_node(self.backplane.node()).await?;
        let suspects = self.backplane.suspects().await;
        if suspects.is_empty() {
            return Ok(());
        }
        let alive = self.store.live_nodes(alive_for(beat)).await?;
        let dead: Vec<NodeId> = suspects.into_iter().filter(|node| !alive.contains(node)).collect();
        for node in dead {
            tracing::info!(%node, "sweeping a dead node");
            self.backplane.sweep(node).await;
        }
        Ok(())
    }
}

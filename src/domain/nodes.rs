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
    config,
    lifecycle::Lifecycle,
    metrics::Metrics,
    model::{Clock, Result, Timestamp, UserId},
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
    clock: Clock,
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
    /// Starts the heart beat, and looks after the dead; both end with the node. `departed` is told who was on a node that
    /// died and is on no other, and when that node last lived.
    pub fn start(
        store: Store,
        backplane: Backplane,
        config: &config::Cluster,
        clock: Clock,
        lifecycle: &Lifecycle,
        metrics: Metrics,
        departed: impl Fn(Vec<UserId>, Timestamp) + Send + Sync + 'static,
    ) -> Self {
        let nodes = Self { store, backplane, metrics, clock, database: Arc::new(AtomicBool::new(true)) };
        nodes.metrics.database_up.set(1);
        lifecycle.spawn(nodes.clone().live(config.database_beat));
        lifecycle.spawn(nodes.clone().look(config.beat, alive_for(config.database_beat), departed));
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
            let outcome = self.store.beat_node(self.backplane.node()).await;
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

    /// Looks for the dead as often as leases are renewed; asks the database only when a lease ran out.
    async fn look(self, every: Duration, alive: Duration, departed: impl Fn(Vec<UserId>, Timestamp)) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = self.sweep(alive, &departed).await {
                tracing::debug!(%error, cause = ?error.cause(), "could not ask the database which nodes live");
            }
        }
    }

    /// Dead is who misses both life signs: a node that is cut off from Redis alone still beats in the database, and still
    /// serves its people.
    async fn sweep(&self, alive: Duration, departed: &impl Fn(Vec<UserId>, Timestamp)) -> Result<()> {
        let suspects = self.backplane.suspects().await;
        if suspects.is_empty() {
            return Ok(());
        }
        let alive = self.store.live_nodes(alive).await?;
        for node in suspects.into_iter().filter(|node| !alive.contains(node)) {
            // One that ended in order has no row any more.
            let seen = self.store.last_beat(node).await?.unwrap_or_else(|| self.clock.now());
            tracing::info!(%node, "sweeping a dead node");
            let people = self.backplane.sweep(node, seen).await;
            if !people.is_empty() {
                departed(people, seen);
            }
        }
        Ok(())
    }
}

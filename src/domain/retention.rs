//! Removes entries of logs that are older than `database.log_retention`. Messages stay: a log says what changed, and who was
//! away for longer than that loads the history instead.

use std::time::Duration;
use tokio::time::sleep;

use crate::{
    lifecycle::Lifecycle,
    metrics::Metrics,
    model::{NodeId, Result, UserId},
    store::Store,
};

/// Logs that one query looks at.
const PAGE: u32 = 500;
/// Logs that one statement prunes, and entries that it removes at most: a send waits for no more than that.
const LOGS: usize = 100;
const ENTRIES: u32 = 5000;
/// Between statements, so that a pass is never what the database is busy with.
const PAUSE: Duration = Duration::from_millis(50);
/// The time between passes at most.
const INTERVAL: Duration = Duration::from_secs(3600);
/// Passes in one retention at least: an entry stays at most an eighth longer than it should.
const PASSES: u32 = 8;
/// However short the retention is.
const SHORTEST: Duration = Duration::from_millis(250);

/// What one node needs to prune logs.
#[derive(Clone, Debug)]
pub struct Retention {
    store: Store,
    retention: Duration,
    /// A node that did not beat for so long doesn't count.
    alive: Duration,
    metrics: Metrics,
}

impl Retention {
    /// Starts the passes; they end with the node. A retention of zero keeps everything.
    ///
    /// `node` says who this node is, `alive` how old a life sign in the database may be: of several nodes, the one that runs
    /// longest prunes. Two that do so at the same time do no harm.
    pub fn start<F>(store: Store, retention: Duration, alive: Duration, node: F, lifecycle: &Lifecycle, metrics: Metrics)
    where
        F: Fn() -> NodeId + Send + Sync + 'static,
    {
        if retention.is_zero() {
            return;
        }
        let this = Self { store, retention, alive, metrics };
        lifecycle.spawn(async move { this.run(node).await });
    }

    async fn run(self, node: impl Fn() -> NodeId + Send + Sync) {
        let interval = (self.retention / PASSES).clamp(SHORTEST, INTERVAL);
        loop {
            // The first one waits, too: nodes that were started together must not all begin at once.
            sleep(interval.mul_f64(rand::random_range(0.5..=1.0))).await;
            match self.pass_if_first(node()).await {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "old entries of logs were removed"),
                Err(error) => tracing::warn!(%error, cause = ?error.cause(), "old entries of logs are removed in the next pass"),
            }
        }
    }

    async fn pass_if_first(&self, node: NodeId) -> Result<u64> {
        // Ids of nodes sort by the time of their start.
        match self.store.live_nodes(self.alive).await?.into_iter().min() {
            Some(first) if first < node => Ok(0),
            _ => self.pass().await,
        }
    }

    /// Goes through all logs once. Answers how many entries it removed.
    async fn pass(&self) -> Result<u64> {
        let before = self.store.retention_limit(self.retention).await?;
        let (mut after, mut removed) = (None::<UserId>, 0);
        loop {
            let page = self.store.expired_logs(after, before, PAGE).await?;
            let Some(last) = page.last else { return Ok(removed) };
            let mut here = 0;
            for logs in page.expired.chunks(LOGS) {
                let each = ENTRIES / u32::try_from(logs.len()).unwrap_or(u32::MAX).max(1);
                here += self.store.prune_logs(logs, before, each).await?;
                sleep(PAUSE).await;
            }
            self.metrics.pruned.inc_by(here);
            removed += here;
            // Long logs take several rounds.
            if here == 0 {
                after = Some(last);
                sleep(PAUSE).await;
            }
        }
    }
}

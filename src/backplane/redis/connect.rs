//! The connections: a small pool for commands, and one that only subscribes. Both connect in the background, keep
//! trying for ever, and are started again should their task end.

use fred::{
    clients::{Client, Pool, SubscriberClient},
    interfaces::{ClientLike, FredResult, MetricsInterface, PubsubInterface},
    types::{
        Builder, InfoKind, RespVersion,
        config::{ClusterDiscoveryPolicy, Config, ReconnectPolicy, UnresponsiveConfig},
    },
};
use futures_util::future::{join_all, try_join_all};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

use super::scripts;
use crate::{
    config,
    lifecycle::Lifecycle,
    metrics::Metrics,
    model::{Error, Result},
};

/// Commands that may wait in a client. Far more than the bounded producers make: a client whose queue is full can't
/// even queue its own reconnect.
const COMMANDS: usize = 65_536;
/// Messages that the subscriber may be ahead of us; what doesn't fit is noticed by its number.
const MESSAGES: usize = 16_384;
/// Between two attempts to connect: at first, and at most. A node should hear again well within a second after Redis
/// is back, so the maximum is small.
pub(super) const RECONNECT_MS: (u32, u32) = (50, 500);

/// See the module.
pub(super) struct Link {
    pool: Pool,
    pub(super) subscriber: SubscriberClient,
    /// Whether Redis is known not to answer.
    away: AtomicBool,
    timeout: Duration,
    closed: CancellationToken,
}

impl Link {
    /// # Errors
    /// If the URL is none that names a Redis.
    pub(super) fn new(config: &config::Redis) -> Result<Self> {
        let wrong = |cause| Error::internal("redis", cause);
        let mut server = Config::from_url(&config.url).map_err(wrong)?;
        // Redis may be away when the node starts.
        server.fail_fast = false;
        if server.server.is_clustered() {
            // When one server fails, those that the URL names may be gone, too.
            server.server.set_cluster_discovery_policy(ClusterDiscoveryPolicy::UseCache).map_err(wrong)?;
        }
        server.version = RespVersion::RESP3;
        let mut builder = Builder::from_config(server);
        builder
            .with_performance_config(|performance| {
                performance.default_command_timeout = config.timeout;
                performance.broadcast_channel_capacity = MESSAGES;
            })
            .with_connection_config(|connection| {
                connection.connection_timeout = config.timeout;
                connection.internal_command_timeout = config.timeout;
                // A retry inside the client could double a publish, or write behind our back after we gave up.
                connection.max_command_attempts = 1;
                // In a cluster, a command that belongs to another server by now is answered with an error, after the client
                // has learned where: fred would send what was redirected by ASK to the wrong server again, and end the
                // whole connection when that had no attempts left.
                connection.max_redirections = 0;
                connection.max_command_buffer_len = COMMANDS;
                connection.reconnect_on_auth_error = true;
                connection.tcp.nodelay = Some(true);
                connection.unresponsive = UnresponsiveConfig {
                    max_timeout: Some(config.timeout * 2),
                    interval: (config.timeout / 2).max(Duration::from_millis(10)),
                };
            })
            .set_policy(ReconnectPolicy::new_exponential(0, RECONNECT_MS.0, RECONNECT_MS.1, 2));
        Ok(Self {
            pool: builder.build_pool(config.connections.max(1)).map_err(wrong)?,
            subscriber: builder.build_subscriber_client().map_err(wrong)?,
            away: AtomicBool::new(false),
            timeout: config.timeout,
            closed: CancellationToken::new(),
        })
    }

    /// Starts every connection and keeps it.
    pub(super) fn start(&self, lifecycle: &Lifecycle) {
        for client in self.pool.clients() {
            self.supervise(client.clone(), lifecycle);
        }
        self.supervise(self.subscriber.clone(), lifecycle);
    }

    /// Lets the metrics show how the connections are. They get handles of their own, which keep nothing alive.
    pub(super) fn show(&self, metrics: &Metrics) {
        let (clients, subscriber) = (self.pool.clients().to_vec(), self.subscriber.clone());
        metrics.probe(move |series| {
            let up = clients.iter().filter(|client| client.is_connected()).count() + usize::from(subscriber.is_connected());
            let (up, all) = (up as i64, clients.len() as i64 + 1);
            series.redis_connections.with_label_values(&["up"]).set(up);
            series.redis_connections.with_label_values(&["down"]).set(all - up);
            let queued = clients.iter().map(MetricsInterface::command_queue_len).sum::<usize>() + subscriber.command_queue_len();
            series.redis_queued_commands.set(queued as i64);
        });
    }

    /// The connection for writes that must stay in order.
    pub(super) fn ordered(&self) -> &Client {
        // A pool is never empty; its first client is as good as any for those who need order.
        self.pool.clients().first().unwrap_or_else(|| self.pool.next())
    }

    /// The connection for publishing: another than [`Link::ordered`] if there is one, so that neither waits for the
    /// other's batches, and always the same, so that one sender's events arrive in order.
    pub(super) fn publisher(&self) -> &Client {
        self.pool.clients().last().unwrap_or_else(|| self.pool.next())
    }

    /// A connection for anything else.
    pub(super) fn any(&self) -> &Client {
        self.pool.next_connected()
    }

    /// Whether the connections stand, as far as their ends know.
    pub(super) fn connected(&self) -> bool {
        self.subscriber.is_connected() && self.ordered().is_connected() && self.publisher().is_connected()
    }

    /// Whether Redis is known not to answer, so that waiting for it is pointless.
    pub(super) fn away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    pub(super) fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    /// Whether these are connections to a Redis Cluster.
    pub(super) fn clustered(&self) -> bool {
        self.subscriber.is_clustered()
    }

    /// Whether inboxes are sharded channels: in a cluster, PUBLISH is passed on to every server, SPUBLISH only to those
    /// that hold the inbox's slot.
    fn sharded(&self) -> bool {
        self.clustered() && self.subscriber.server_version().is_some_and(|version| version.major >= 7)
    }

    /// How this node listens, as its lease says it, at the end, to those who publish.
    pub(super) fn hears(&self) -> &'static str {
        if self.sharded() { " sharded" } else { "" }
    }

    pub(super) async fn subscribe(&self, channel: String) -> FredResult<()> {
        if !self.sharded() {
            return self.subscriber.subscribe(channel).await;
        }
        match self.subscriber.ssubscribe(channel.clone()).await {
            Err(cause) if scripts::is_elsewhere(&cause) => self.subscriber.ssubscribe(channel).await,
            outcome => outcome,
        }
    }

    pub(super) async fn unsubscribe(&self, channel: String) -> FredResult<()> {
        if self.sharded() { self.subscriber.sunsubscribe(channel).await } else { self.subscriber.unsubscribe(channel).await }
    }

    /// Makes the connections anew, although their ends believe that they stand: fred gives up a server that hangs only when
    /// nothing is written to it for a while.
    ///
    /// Those to a cluster are made anew only where another server has taken over, or where they are known to be broken: a
    /// ping without an answer makes that known of the subscriber's, to which nothing else is written.
    pub(super) async fn doubt(&self) {
        if self.clustered() {
            let client = self.subscriber.to_client();
            let servers = client.active_connections().into_iter().map(|server| client.with_cluster_node(server));
            join_all(servers.map(async |server| drop(server.ping::<()>(None).await))).await;
        }
        let renewed = async {
            let clients = self.pool.clients().iter().map(ClientLike::force_reconnection);
            tokio::join!(self.subscriber.force_reconnection(), join_all(clients))
        };
        drop(tokio::time::timeout(self.timeout, renewed).await);
    }

    /// The replication ids of all shards of a cluster. Another set of them: some other server took over that may lack
    /// the last writes, or one lost them in a restart.
    pub(super) async fn histories(&self) -> FredResult<String> {
        let client = self.ordered();
        let servers = client.active_connections().into_iter().map(|server| client.with_cluster_node(server));
        let mut histories = try_join_all(servers.map(async |server| {
            let info: String = match server.info(Some(InfoKind::Replication)).await {
                // It answers, so registering works. A change goes unnoticed until its connection breaks.
                Err(cause) if cause.details().starts_with("NOPERM") => String::new(),
                info => info?,
            };
            let id = info.lines().find_map(|line| line.strip_prefix("master_replid:"));
            FredResult::Ok(id.unwrap_or_default().trim().to_owned())
        }))
        .await?;
        histories.sort_unstable();
        Ok(histories.join(","))
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Ends every connection.
    pub(super) fn close(&self) {
        self.closed.cancel();
    }

    fn supervise<C: ClientLike + 'static>(&self, client: C, lifecycle: &Lifecycle) {
        let (stopped, closed, timeout) = (lifecycle.stopped(), self.closed.clone(), self.timeout);
        lifecycle.tracker().spawn(async move {
            let mut ended = std::pin::pin!(async {
                tokio::select! {
                    () = stopped => {}
                    () = closed.cancelled() => {}
                }
            });
            loop {
                let mut connection = client.connect();
                tokio::select! {
                    () = &mut ended => {
                        // A client that is waiting to reconnect may not get to the command.
                        if tokio::time::timeout(timeout, client.quit()).await.is_err()
                            || tokio::time::timeout(timeout, &mut connection).await.is_err() {
                            connection.abort();
                        }
                        return;
                    }
                    outcome = &mut connection => {
                        tracing::warn!(?outcome, "the connection to redis gave up; starting it again");
                    }
                }
                tokio::select! {
                    () = &mut ended => return,
                    () = tokio::time::sleep(timeout) => {}
                }
            }
        });
    }
}

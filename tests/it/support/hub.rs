//! Nodes under test, in this process: real listeners, real databases, short intervals.

use hubbub::{app::App, config::Config, model::Clock};
use std::{net::SocketAddr, path::PathBuf};
use tempfile::TempDir;
use uuid::Uuid;

use super::{TestUser, eventually, services, user::get};

/// One node or several that share a database and a Redis.
pub(crate) struct TestHub {
    nodes: Vec<TestNode>,
    clock: Clock,
    settings: Vec<(String, String)>,
    folder: TempDir,
}

/// One node.
pub(crate) struct TestNode {
    app: Option<App>,
    http: SocketAddr,
    ops: SocketAddr,
}

impl TestNode {
    /// `http://127.0.0.1:…`, of REST and sockets.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.http
    }

    pub(crate) fn ops_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.ops)
    }

    /// The value of a series in this node's metrics, 0 if it isn't there; `series` with its labels as they are written.
    pub(crate) async fn metric(&self, series: &str) -> f64 {
        let text = get(&self.ops_url("/metrics")).await.text().await.unwrap();
        let line = text.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')));
        line.and_then(|line| line.rsplit(' ').next()).map_or(0.0, |value| value.parse().unwrap())
    }

    /// Drains and stops this node, as SIGTERM does.
    pub(crate) async fn stops(&mut self) {
        if let Some(app) = self.app.take() {
            app.shut_down().await;
        }
    }
}

impl TestHub {
    /// The embedded default: SQLite, in-process bus.
    pub(crate) async fn alone() -> Self {
        Self::with(1, &[]).await
    }

    /// As [`TestHub::alone`], with settings by their environment names.
    pub(crate) async fn alone_with(settings: &[(&str, &str)]) -> Self {
        Self::with(1, settings).await
    }

    /// Nodes on one PostgreSQL database and one Redis.
    pub(crate) async fn cluster(nodes: usize) -> Self {
        Self::cluster_with(nodes, &[]).await
    }

    /// As [`TestHub::cluster`], with settings by their environment names.
    pub(crate) async fn cluster_with(nodes: usize, settings: &[(&str, &str)]) -> Self {
        let (database, redis) = (services::database().await, services::redis());
        let prefix = Uuid::new_v4().simple().to_string();
        let shared = [
            ("DATABASE_URL", database.as_str()),
            ("REDIS_URL", redis.as_str()),
            ("HUBBUB__REDIS__PREFIX", prefix.as_str()),
            ("HUBBUB__MEDIA__SHARED", "true"),
        ];
        let has_own_redis = settings.iter().any(|(key, _)| *key == "REDIS_URL");
        let settings: Vec<_> = shared.into_iter().chain(settings.iter().copied()).collect();
        let hub = Self::with(nodes, &settings).await;
        // With a Redis of its own, the test knows when that is there.
        if !has_own_redis {
            hub.settles().await;
        }
        hub
    }

    async fn with(nodes: usize, settings: &[(&str, &str)]) -> Self {
        services::log_if_asked();
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (database, media, secret) =
            (format!("sqlite://{}", path("hubbub.db")), format!("file://{}", path("media")), "s".repeat(32));
        let defaults = [
            ("DATABASE_URL", database.as_str()),
            ("HUBBUB__MEDIA__URL", media.as_str()),
            ("JWT_SECRET", secret.as_str()),
            ("PORT", "0"),
            ("OPS_PORT", "0"),
            ("HUBBUB__HTTP__HOST", "127.0.0.1"),
            ("HUBBUB__OPS__HOST", "127.0.0.1"),
            ("HUBBUB__DATABASE__READ_CONNECTIONS", "3"),
            ("HUBBUB__PRESENCE__GRACE", "300ms"),
            ("HUBBUB__PRESENCE__INTERVAL", "20ms"),
            ("HUBBUB__PRESENCE__LIST_INTERVAL", "20ms"),
            ("HUBBUB__CLUSTER__BEACON", "100ms"),
            ("HUBBUB__LIMITS__SEND__BURST", "0"),
            ("HUBBUB__LIMITS__SIGN_UP__BURST", "0"),
            ("HUBBUB__LIMITS__DEADLINE", "2s"),
            ("HUBBUB__DRAIN__NOTICE", "0ms"),
            ("HUBBUB__DRAIN__SPREAD", "50ms"),
            ("HUBBUB__DRAIN__FINISH", "2s"),
        ];
        let settings: Vec<(String, String)> =
            defaults.into_iter().chain(settings.iter().copied()).map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let mut hub = Self { nodes: Vec::new(), clock: Clock::shifted(), settings, folder };
        for _ in 0..nodes {
            hub.adds_node().await;
        }
        hub
    }

    /// Waits until every node hears the others through Redis.
    pub(crate) async fn settles(&self) {
        for node in &self.nodes {
            eventually("a node that hears its beacon", || async {
                let up = node.metric("hubbub_backplane_up").await == 1.0;
                (up && node.metric("hubbub_backplane_deaf").await == 0.0).then_some(())
            })
            .await;
        }
    }

    /// One more node with the same settings; answers its index.
    pub(crate) async fn adds_node(&mut self) -> usize {
        let config = Config::load(None, self.settings.clone()).unwrap_or_else(|faults| panic!("{faults}"));
        let app = App::start_with(config, self.clock.clone()).await.unwrap();
        self.nodes.push(TestNode { http: app.http(), ops: app.ops(), app: Some(app) });
        self.nodes.len() - 1
    }

    pub(crate) fn node(&self, index: usize) -> &TestNode {
        &self.nodes[index]
    }

    pub(crate) fn node_mut(&mut self, index: usize) -> &mut TestNode {
        &mut self.nodes[index]
    }

    /// A setting of the nodes, by its environment name; the last one counts.
    pub(crate) fn setting(&self, name: &str) -> &str {
        let setting = self.settings.iter().rev().find(|(key, _)| key == name);
        setting.map(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("{name} is not set"))
    }

    /// The nodes' clock, which tests can push forward.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The folder of this hub's files.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// People with accounts, signed up at the first node.
    pub(crate) async fn users<const N: usize>(&self, names: [&str; N]) -> [TestUser; N] {
        let mut users = Vec::with_capacity(N);
        for name in names {
            users.push(TestUser::signs_up(self.node(0), name).await);
        }
        users.try_into().unwrap_or_else(|_| unreachable!("one user a name"))
    }

    /// Stops all nodes in order.
    pub(crate) async fn stops(mut self) {
        for node in &mut self.nodes {
            node.stops().await;
        }
    }
}

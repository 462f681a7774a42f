//! The composition root: builds each part once and wires them. The only place that chooses a backend.

use anyhow::Context;
use axum::Router;
use prometheus::IntGauge;
use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::{
    backplane::{Backplane, Signals},
    blobs::Blobs,
    config::{self, Config, origins::Origins},
    domain::{
        Services,
        accounts::Accounts,
        conversations::Conversations,
        delivery::Delivery,
        last_seen::LastSeen,
        limits::Limits,
        media::Media,
        messages::Messages,
        nodes::{self, NodeHealth, Nodes},
        passwords::Passwords,
        presence::Presence,
        reads::Reads,
        retention::Retention,
        sessions::Sessions,
        sync::Sync,
        typing::Typing,
        users::Users,
    },
    http::{self, server::Shortcut},
    lifecycle::Lifecycle,
    metrics::Metrics,
    model::{Clock, Error},
    realtime::Realtime,
    recent::Recent,
    store::{Schema, Store},
    tls,
};

/// How long to wait between looks at a database that is away or whose schema is not there yet.
const START_RETRY: Duration = Duration::from_secs(1);

/// A running node.
pub struct App {
    config: Config,
    http: SocketAddr,
    ops: SocketAddr,
    store: Store,
    backplane: Backplane,
    services: Services,
    realtime: Realtime,
    lifecycle: Lifecycle,
}

impl App {
    /// Starts a node and answers when it serves. Waits for a PostgreSQL that is away and for a schema that is behind;
    /// `/ready` says so meanwhile.
    ///
    /// # Errors
    /// What can't be mended by waiting: a port that is taken, a folder that can't be written, a wrong secret.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        Self::start_with(config, Clock::default()).await
    }

    /// As [`App::start`], by the given clock.
    ///
    /// # Errors
    /// As [`App::start`].
    pub async fn start_with(config: Config, clock: Clock) -> anyhow::Result<Self> {
        Self::launch(config, clock, |_| Ok(())).await
    }

    /// As [`App::start`], and tells the ops port's address as soon as it is known, which is before the node serves.
    ///
    /// # Errors
    /// As [`App::start`], and that of `tell`.
    pub async fn start_and_tell<F>(config: Config, tell: F) -> anyhow::Result<Self>
    where
        F: FnOnce(SocketAddr) -> anyhow::Result<()>,
    {
        Self::launch(config, Clock::default(), tell).await
    }

    async fn launch<F>(mut config: Config, clock: Clock, tell_ops: F) -> anyhow::Result<Self>
    where
        F: FnOnce(SocketAddr) -> anyhow::Result<()>,
    {
        tls::install();
        let metrics = Metrics::new().context("a metric is declared twice")?;
        metrics.build_info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let lifecycle = Lifecycle::new();
        let life = lifecycle.clone();
        metrics.probe(move |series| series.draining.set(i64::from(life.is_draining())));
        lifecycle.spawn(metrics.clone().watch_runtime());
        let public = listen(config.http.host, config.http.port, "PORT").await?;
        let private = listen(config.ops.host, config.ops.port, "OPS_PORT").await?;
        let (http_address, ops_address) = (public.local_addr()?, private.local_addr()?);
        tell_ops(ops_address)?;
        config.http.port = http_address.port();
        // Known once the node is built; until then `/ready` says that it is starting.
        let nodes: Arc<OnceLock<Nodes>> = Arc::default();
        let health = {
            let nodes = nodes.clone();
            move || nodes.get().map_or_else(NodeHealth::starting, Nodes::health)
        };
        let recent = Recent::new(config.ops.recent_events, clock.clone());
        let ops = http::ops(lifecycle.clone(), metrics.clone(), recent.clone(), health);
        serve(private, ops, None, &config.http, &lifecycle, metrics.http_connections.with_label_values(&["ops"]));

        let built = Self::build(&config, clock, recent, &lifecycle, &metrics).await;
        let (store, backplane, signals, services) = match built {
            Ok(built) => built,
            Err(error) => {
                lifecycle.stop();
                return Err(error);
            }
        };
        let _ = nodes.set(services.nodes.clone());
        let origins = Origins::new(&config.http.allowed_origins);
        let (realtime, sockets) = Realtime::start(&services, signals, &config, origins, &lifecycle, &metrics);
        // Or whoever comes to a new node would first be told that nobody else is there.
        backplane.settle(config.redis.timeout).await;
        let routes = http::api(services.clone(), &config).merge(sockets);
        let routes = http::finish(routes, &config, metrics.clone());
        let shortcut = realtime.shortcut();
        serve(
            public,
            routes,
            Some(Arc::new(shortcut)),
            &config.http,
            &lifecycle,
            metrics.http_connections.with_label_values(&["public"]),
        );
        lifecycle.started();
        tracing::info!(
            http = %http_address, ops = %ops_address, node = %backplane.node(),
            database = if config.database.is_sqlite() { "sqlite" } else { "postgresql" },
            backplane = if config.redis.url.is_empty() { "local" } else { "redis" },
            "hubbub serves"
        );
        Ok(Self { config, http: http_address, ops: ops_address, store, backplane, services, realtime, lifecycle })
    }

    async fn build(
        config: &Config,
        clock: Clock,
        recent: Recent,
        lifecycle: &Lifecycle,
        metrics: &Metrics,
    ) -> anyhow::Result<(Store, Backplane, Signals, Services)> {
        let store = open_store(&config.database, clock.clone(), metrics, lifecycle).await?;
        await_schema(&store, &config.database, lifecycle).await?;
        let (backplane, signals) = if config.redis.url.is_empty() {
            Backplane::local(lifecycle, metrics.clone(), recent.clone())
        } else {
            Backplane::redis(&config.redis, &config.cluster, lifecycle, metrics.clone(), recent.clone())?
        };
        let blobs =
            Blobs::open(&config.media).map_err(describe).context("cannot open the image store: check HUBBUB__MEDIA__URL")?;

        let limits = Limits::new(backplane.clone(), &config.limits, metrics);
        let auth = config::Auth { jwt_secret: jwt_secret(config)?, ..config.auth.clone() };
        let sessions = Sessions::new(store.clone(), backplane.clone(), &auth, clock.clone())?;
        let passwords = Passwords::new(&config.auth);
        let accounts = Accounts::new(store.clone(), passwords, sessions.clone(), limits.clone(), clock.clone());
        let media = Media::new(store.clone(), blobs, &config.media, clock.clone(), metrics);
        let delivery = Delivery::new(store.clone(), backplane.clone(), recent.clone(), clock.clone());
        let reads = Reads::new(store.clone(), delivery.clone(), lifecycle.clone());
        let last_seen = LastSeen::start(store.clone(), lifecycle, metrics.clone());
        let departures = last_seen.clone();
        let services = Services {
            accounts,
            sessions,
            users: Users::new(store.clone(), media.clone(), clock.clone()),
            conversations: Conversations::new(store.clone(), reads.clone()),
            messages: Messages::new(
                store.clone(),
                media.clone(),
                limits.clone(),
                delivery.clone(),
                clock.clone(),
                metrics.clone(),
            ),
            reads,
            delivery,
            sync: Sync::new(store.clone()),
            presence: Presence::start(
                backplane.clone(),
                store.clone(),
                last_seen.clone(),
                &config.presence,
                clock.clone(),
                lifecycle,
            ),
            typing: Typing::new(backplane.clone(), limits.clone()),
            last_seen,
            media,
            limits,
            nodes: Nodes::start(
                store.clone(),
                backplane.clone(),
                &config.cluster,
                clock.clone(),
                lifecycle,
                metrics.clone(),
                move |people, seen| people.into_iter().for_each(|user| departures.note(user, seen)),
            ),
            recent,
            clock,
        };
        let (alive, here) = (nodes::alive_for(config.cluster.database_beat), backplane.clone());
        Retention::start(store.clone(), config.database.log_retention, alive, move || here.node(), lifecycle, metrics.clone());
        Ok((store, backplane, signals, services))
    }

    /// The socket edge, for the benchmarks.
    #[cfg(feature = "bench")]
    pub fn realtime(&self) -> &Realtime {
        &self.realtime
    }

    /// Where REST and sockets are served.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// Where `/live`, `/ready` and `/metrics` are served.
    pub fn ops(&self) -> SocketAddr {
        self.ops
    }

    /// Drains and stops: not ready; after `drain.notice` no new sockets, and the transports of all are closed over
    /// `drain.spread`; then running requests get `drain.finish`.
    pub async fn shut_down(self) {
        self.lifecycle.drain();
        self.services.presence.freeze();
        tokio::time::sleep(self.config.drain.notice).await;
        self.realtime.drain(self.config.drain.spread).await;
        self.services.nodes.retire().await;
        self.backplane.close().await;
        self.lifecycle.stop();
        if tokio::time::timeout(self.config.drain.finish, self.lifecycle.tracker().wait()).await.is_err() {
            tracing::warn!("some requests did not end within drain.finish; leaving them");
        }
        // Nobody notes anything any more.
        self.services.last_seen.flush().await;
        self.store.close().await;
        tracing::info!("stopped");
    }
}

/// `hubbub migrate`: answers how many migrations it applied.
///
/// # Errors
/// If the database can't be reached or refuses.
pub async fn migrate(config: &Config) -> anyhow::Result<usize> {
    let store = Store::connect(&config.database, Clock::default(), Metrics::new()?, &TaskTracker::new()).await;
    let store = store.map_err(describe).context("cannot open the database: check DATABASE_URL and that it is running")?;
    let applied = store.migrate().await.map_err(describe).context("cannot bring the schema up to date")?;
    store.close().await;
    Ok(applied)
}

/// Opens the database for a command that works on what is there: neither makes one nor changes its schema.
///
/// # Errors
/// If there is none, it does not answer, or its schema is older than this hubbub.
pub async fn open_existing(config: &Config) -> anyhow::Result<Store> {
    if let Some(file) = config.database.file() {
        anyhow::ensure!(file.is_file(), "there is no database {}: set DATABASE_URL, or go to the hub's folder", file.display());
    }
    let store = Store::connect(&config.database, Clock::default(), Metrics::new()?, &TaskTracker::new()).await;
    let store = explained(store, "cannot open the database: check DATABASE_URL and that it is running")?;
    if let Schema::Behind(missing) = explained(store.schema().await, "cannot read the schema")? {
        anyhow::bail!("the schema misses {missing} migration(s): run `hubbub migrate` first");
    }
    Ok(store)
}

/// The answer of a service, or its failure in words for the person at the terminal.
///
/// # Errors
/// That failure.
pub fn explained<T>(answer: Result<T, Error>, failed: &'static str) -> anyhow::Result<T> {
    answer.map_err(describe).context(failed)
}

fn serve(
    listener: TcpListener,
    routes: Router,
    shortcut: Option<Shortcut>,
    config: &config::Http,
    lifecycle: &Lifecycle,
    connections: IntGauge,
) {
    let (config, node) = (config.clone(), lifecycle.clone());
    lifecycle.tracker().spawn(async move { http::server::serve(listener, routes, shortcut, &config, node, connections).await });
}

/// The secret that tokens are signed with: the configured one, or, on a node alone, one that is made once and kept.
fn jwt_secret(config: &Config) -> anyhow::Result<String> {
    match config.database.folder() {
        Some(folder) if config.auth.jwt_secret.is_empty() => config::secret::load_or_create(&folder)
            .with_context(|| format!("cannot keep a secret in {}: make it writable, or set JWT_SECRET", folder.display())),
        _ => Ok(config.auth.jwt_secret.clone()),
    }
}

async fn listen(host: std::net::IpAddr, port: u16, setting: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind((host, port))
        .await
        .with_context(|| format!("cannot listen on {host}:{port}: set {setting} to a port that is free (0 takes any)"))
}

/// Opens the database. One that is away may come; a file that can't be opened stays wrong.
async fn open_store(config: &config::Database, clock: Clock, metrics: &Metrics, lifecycle: &Lifecycle) -> anyhow::Result<Store> {
    // A tracker of their own: the writers outlive the requests that the lifecycle's tracker is waited for.
    let writers = TaskTracker::new();
    loop {
        let store = Store::connect(config, clock.clone(), metrics.clone(), &writers).await;
        match store {
            Err(error @ Error::Unavailable(_)) if !config.is_sqlite() => {
                tracing::warn!(cause = ?error.cause(), "the database does not answer yet; trying on");
                lifecycle.unfit(Some("waiting for the database".to_owned()));
                tokio::time::sleep(START_RETRY).await;
            }
            other => {
                lifecycle.unfit(None);
                return other.map_err(describe).context("cannot open the database: check DATABASE_URL");
            }
        }
    }
}

/// Waits until the schema is this binary's, or brings it there if configured so.
async fn await_schema(store: &Store, config: &config::Database, lifecycle: &Lifecycle) -> anyhow::Result<()> {
    if config.migrate_on_start || config.is_sqlite() {
        let applied = store.migrate().await.map_err(describe).context("cannot bring the schema up to date")?;
        tracing::info!(applied, "the schema is up to date");
    }
    let mut told = None;
    loop {
        let reason = match store.schema().await {
            Ok(Schema::Current) => {
                lifecycle.unfit(None);
                return Ok(());
            }
            // A newer hubbub migrated it; migrations keep the version before them working.
            Ok(Schema::Ahead) => {
                tracing::warn!("the database's schema is newer than this hubbub; going on");
                lifecycle.unfit(None);
                return Ok(());
            }
            Ok(Schema::Behind(missing)) => format!("the schema misses {missing} migration(s): run `hubbub migrate`"),
            Err(error) => format!("cannot read the schema: {}", describe(error)),
        };
        if told.as_ref() != Some(&reason) {
            tracing::warn!(%reason, "not ready; waiting");
            lifecycle.unfit(Some(reason.clone()));
            told = Some(reason);
        }
        tokio::time::sleep(START_RETRY).await;
    }
}

fn describe(error: Error) -> anyhow::Error {
    match error.cause() {
        Some(cause) => anyhow::anyhow!("{cause}"),
        None => anyhow::anyhow!("{error}"),
    }
}

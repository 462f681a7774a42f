//! Every key: what it takes, and which environment variables set it. `config/default.toml` holds the same keys with
//! their defaults and their manual; a test compares the two.

use super::value::Kind::{self, Address, Choice, Count, Flag, List, Share, Size, Text, Time};

/// One configurable value.
#[derive(Debug)]
pub(super) struct Key {
    /// `section.key`, or `section.key.part`.
    pub(super) path: &'static str,
    pub(super) kind: Kind,
    /// The variable that people already set, where there is one.
    pub(super) variable: Option<&'static str>,
    pub(super) secrecy: Secrecy,
}

/// How much of a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrecy {
    Public,
    /// A URL that may hold a password.
    Url,
    Secret,
}

impl Key {
    const fn new(path: &'static str, kind: Kind) -> Self {
        Self { path, kind, variable: None, secrecy: Secrecy::Public }
    }

    const fn variable(mut self, name: &'static str) -> Self {
        self.variable = Some(name);
        self
    }

    const fn shown_as(mut self, secrecy: Secrecy) -> Self {
        self.secrecy = secrecy;
        self
    }

    /// `HUBBUB__SECTION__KEY`.
    pub(super) fn long_variable(&self) -> String {
        format!("{PREFIX}{}", self.path.replace('.', "__").to_uppercase())
    }
}

/// How the variables of all keys begin.
pub(super) const PREFIX: &str = "HUBBUB__";

const PORT: Kind = Count(0, u16::MAX as i64);
const SOME: Kind = Count(1, 1_000_000);
const BURST: Kind = Count(0, 1_000_000);
const EVERY: Kind = Time("1ms", "1d");
/// For what must be over within a request's life.
const SHORT: Kind = Time("1ms", "5m");

pub(super) const KEYS: &[Key] = &[
    Key::new("http.host", Address),
    Key::new("http.port", PORT).variable("PORT"),
    Key::new("http.allowed_origins", List).variable("CLIENT_URL"),
    Key::new("http.body_limit", Size("1KiB", "1GiB")),
    Key::new("http.header_timeout", SHORT),
    Key::new("http.body_timeout", SHORT),
    Key::new("http.trusted_proxies", List),
    Key::new("http.max_connections", SOME),
    Key::new("ops.host", Address),
    Key::new("ops.port", PORT).variable("OPS_PORT"),
    Key::new("ops.recent_events", Count(0, 10_000_000)),
    Key::new("log.format", Choice(&["human", "json"])),
    Key::new("log.filter", Text).variable("RUST_LOG"),
    Key::new("runtime.worker_threads", Count(0, 1_024)),
    Key::new("database.url", Text).variable("DATABASE_URL").shown_as(Secrecy::Url),
    Key::new("database.read_connections", Count(1, 1000)),
    Key::new("database.writers", Count(1, 64)),
    Key::new("database.batch", Count(1, 256)),
    Key::new("database.queue", SOME),
    Key::new("database.timeout", SHORT),
    Key::new("database.migrate_on_start", Flag),
    Key::new("database.log_retention", Time("0s", "36500d")),
    Key::new("redis.url", Text).variable("REDIS_URL").shown_as(Secrecy::Url),
    Key::new("redis.prefix", Text),
    Key::new("redis.connections", Count(1, 64)),
    Key::new("redis.timeout", SHORT),
    Key::new("auth.jwt_secret", Text).variable("JWT_SECRET").shown_as(Secrecy::Secret),
    Key::new("auth.session_lifetime", Time("1s", "400d")),
    Key::new("auth.cookie_secure", Choice(&["auto", "always", "never"])),
    Key::new("auth.hash_concurrency", Count(1, 256)),
    Key::new("auth.hash_queue", SOME),
    Key::new("limits.send.burst", BURST),
    Key::new("limits.send.every", EVERY),
    Key::new("limits.event.burst", BURST),
    Key::new("limits.event.every", EVERY),
    Key::new("limits.typing.burst", BURST),
    Key::new("limits.typing.every", EVERY),
    Key::new("limits.admission.burst", BURST),
    Key::new("limits.admission.every", EVERY),
    Key::new("limits.handshake.burst", BURST),
    Key::new("limits.handshake.every", EVERY),
    Key::new("limits.sign_up.burst", BURST),
    Key::new("limits.sign_up.every", EVERY),
    Key::new("limits.sign_ups_from_address.burst", BURST),
    Key::new("limits.sign_ups_from_address.every", EVERY),
    Key::new("limits.failed_log_in.burst", BURST),
    Key::new("limits.failed_log_in.every", EVERY),
    Key::new("limits.deadline", SHORT),
    Key::new("media.url", Text).shown_as(Secrecy::Url),
    Key::new("media.shared", Flag),
    Key::new("media.s3_endpoint", Text).shown_as(Secrecy::Url),
    Key::new("media.s3_region", Text),
    Key::new("media.concurrency", Count(1, 256)),
    Key::new("media.queue", SOME),
    Key::new("media.max_pixels", Count(1, 1_000_000_000)),
    Key::new("realtime.ping_interval", Time("1s", "5m")),
    Key::new("realtime.ping_timeout", Time("1s", "5m")),
    Key::new("realtime.connect_timeout", Time("100ms", "5m")),
    Key::new("realtime.upgrade_timeout", Time("100ms", "5m")),
    Key::new("realtime.outbox", Count(8, 65_536)),
    Key::new("realtime.max_frame", Size("1KiB", "64MiB")),
    Key::new("realtime.write_timeout", Time("100ms", "5m")),
    Key::new("realtime.gap_hold", Time("0ms", "10s")),
    Key::new("realtime.sweep_interval", Time("100ms", "5m")),
    Key::new("realtime.replay", Count(0, 100_000)),
    Key::new("realtime.repair", Flag),
    Key::new("realtime.sockets_per_user", SOME),
    Key::new("presence.grace", Time("0ms", "5m")),
    Key::new("presence.interval", Time("10ms", "5m")),
    Key::new("presence.list_interval", Time("10ms", "5m")),
    Key::new("presence.audience", Choice(&["everyone", "conversations"])),
    Key::new("presence.everyone_up_to", Count(0, 100_000)),
    Key::new("presence.partners", Count(1, 10_000)),
    Key::new("presence.watch", Count(0, 10_000)),
    Key::new("presence.bytes_per_second", Size("1KiB", "1GiB")),
    Key::new("cluster.beat", Time("50ms", "1m")),
    Key::new("cluster.lease", Time("150ms", "5m")),
    Key::new("cluster.database_beat", Time("50ms", "1m")),
    Key::new("cluster.beacon", Time("50ms", "1m")),
    Key::new("cluster.deaf_after", Time("100ms", "5m")),
    Key::new("cluster.revocation_poll", Time("10ms", "900ms")),
    Key::new("cluster.address", Text),
    Key::new("cluster.shed", Flag),
    Key::new("cluster.shed_after", Time("100ms", "1d")),
    Key::new("cluster.shed_over", Time("100ms", "1d")),
    Key::new("cluster.shed_cookie", Text),
    Key::new("drain.notice", Time("0ms", "10m")),
    Key::new("drain.spread", Time("0ms", "10m")),
    Key::new("drain.finish", Time("0ms", "10m")),
    Key::new("tracing.otlp_endpoint", Text).shown_as(Secrecy::Url),
    Key::new("tracing.sample", Share),
];

/// The key of a path.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// Whether keys lie below this path: `limits`, `limits.send`.
pub(super) fn is_section(path: &str) -> bool {
    KEYS.iter().any(|key| key.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

//! What single values cannot say: which combinations make no sense, and why.

use std::net::IpAddr;
use toml::Value;

use super::{
    Config, Faults, auth::MIN_SECRET_BYTES, cluster, database::sqlite_path, fault::Source, load::Settings, origins::is_origin,
    redact, schema,
};

const REDIS_SCHEMES: &[&str] = &["redis", "rediss", "redis-cluster", "rediss-cluster", "redis-sentinel", "rediss-sentinel"];

/// Fills in what follows from other values.
pub(super) fn derive(settings: &mut Settings) {
    let text = |path: &str| settings.get(path).and_then(|(value, _)| value.as_str()).unwrap_or_default().to_owned();
    if text("media.url").is_empty()
        && let Some(key) = schema::find("media.url")
    {
        // Beside the embedded database, so that one folder (one volume, one backup) holds everything.
        let folder = match sqlite_path(&text("database.url")).map(|path| path.rsplit_once('/')) {
            Some(Some((folder, _))) => format!("{folder}/media"),
            Some(None) => "media".to_owned(),
            None => "data/media".to_owned(),
        };
        settings.set(key, Value::String(format!("file://{folder}")), Source::Derived("beside the database"));
    }
}

/// Collects the fault of every combination. `signs`: a secret is needed.
pub(super) fn check(config: &Config, settings: &Settings, faults: &mut Faults, signs: bool) {
    let mut checks = Checks { settings, faults };
    listeners(config, &mut checks);
    stores(config, &mut checks);
    secret(config, &mut checks, signs);
    times(config, &mut checks);
}

struct Checks<'a> {
    settings: &'a Settings,
    faults: &'a mut Faults,
}

impl Checks<'_> {
    fn refuse_if(&mut self, refused: bool, key: &str, wrong: impl Into<String>, right: impl Into<String>) {
        if refused {
            self.faults.add(self.settings.source(key), key, wrong, right);
        }
    }
}

fn listeners(config: &Config, checks: &mut Checks<'_>) {
    let (http, ops) = (&config.http, &config.ops);
    checks.refuse_if(
        http.port == ops.port && ops.port != 0,
        "ops.port",
        format!("{} is the public port, too", ops.port),
        "the probes and metrics need a port of their own (or 0, any free one)",
    );
    for origin in &http.allowed_origins {
        checks.refuse_if(
            !is_origin(origin),
            "http.allowed_origins",
            format!("{:?} is not an origin", redact::url(origin)),
            "expected scheme://host or scheme://host:port, without a path, such as https://chat.example.org",
        );
    }
    for proxy in &http.trusted_proxies {
        checks.refuse_if(
            proxy.parse::<ipnet::IpNet>().is_err() && proxy.parse::<IpAddr>().is_err(),
            "http.trusted_proxies",
            format!("{proxy:?} is neither an address nor a network"),
            "expected an address such as 10.0.0.1 or a network such as 10.0.0.0/8",
        );
    }
    let address = &config.cluster.address;
    checks.refuse_if(
        !address.is_empty() && cluster::parse(address).is_none(),
        "cluster.address",
        format!("{address:?} is no address at which other nodes could reach this one"),
        "expected IP:port, such as 10.0.0.7:3000 or [fd00::7]:3000; names are not resolved (port 0: this node's public port)",
    );
}

fn stores(config: &Config, checks: &mut Checks<'_>) {
    let (database, redis, media) = (&config.database, &config.redis, &config.media);
    let scheme = |url: &str| url.split_once(':').map_or(String::new(), |(scheme, _)| scheme.to_owned());
    match scheme(&database.url).as_str() {
        "postgres" | "postgresql" => {}
        "sqlite" => {
            let path = sqlite_path(&database.url).unwrap_or_default();
            checks.refuse_if(
                path.is_empty() || path.ends_with('/') || database.url.contains(":memory:"),
                "database.url",
                "an embedded database is a file, so that its writer and its readers see the same data",
                "expected sqlite://folder/file.db",
            );
        }
        other => checks.refuse_if(
            true,
            "database.url",
            format!("unknown kind of database {other:?}"),
            "expected sqlite://folder/file.db or postgres://user:password@host/database",
        ),
    }
    checks.refuse_if(
        config.database.batch > config.database.queue,
        "database.queue",
        format!("{} sends may wait, but a batch takes {}", config.database.queue, config.database.batch),
        "a queue shorter than a batch never fills one: raise database.queue or lower database.batch",
    );
    if redis.is_configured() {
        let kind = scheme(&redis.url);
        checks.refuse_if(
            !REDIS_SCHEMES.contains(&kind.as_str()) || redis.url.split_once("://").is_none_or(|(_, rest)| rest.is_empty()),
            "redis.url",
            format!("unknown kind of Redis {kind:?}"),
            format!("expected {}:// and a host", REDIS_SCHEMES.join("://, ")),
        );
        checks.refuse_if(
            database.is_sqlite(),
            "redis.url",
            "Redis connects several nodes, but SQLite is one node's own file: the others would not see its messages",
            "set DATABASE_URL to a PostgreSQL, or leave REDIS_URL out",
        );
        checks.refuse_if(
            media.url.starts_with("file:") && !media.shared,
            "media.url",
            "with Redis there are several nodes, but images in a folder are on one node only",
            "use s3://bucket/prefix, or set media.shared = true if the folder is the same on all nodes",
        );
    }
    checks.refuse_if(
        redis.prefix.is_empty()
            || redis.prefix.len() > 64
            || redis.prefix.contains(|c: char| c.is_whitespace() || c.is_control() || "{}*?[]".contains(c)),
        "redis.prefix",
        "the prefix stands before every key",
        "expected 1 to 64 bytes without blanks and none of { } * ? [ ]",
    );
    let place = |scheme: &str| media.url.strip_prefix(scheme).is_some_and(|rest| !rest.trim_matches('/').is_empty());
    checks.refuse_if(
        !place("file://") && !place("s3://"),
        "media.url",
        "this names no place for images",
        "expected file://folder or s3://bucket/prefix",
    );
    for (key, endpoint) in [("media.s3_endpoint", &media.s3_endpoint), ("tracing.otlp_endpoint", &config.tracing.otlp_endpoint)] {
        checks.refuse_if(
            !(endpoint.is_empty() || endpoint.starts_with("http://") || endpoint.starts_with("https://")),
            key,
            "this is not an HTTP address",
            "expected http://host:port or https://host",
        );
    }
}

fn secret(config: &Config, checks: &mut Checks<'_>, signs: bool) {
    let secret = &config.auth.jwt_secret;
    checks.refuse_if(
        !secret.is_empty() && secret.len() < MIN_SECRET_BYTES,
        "auth.jwt_secret",
        format!("the secret has {} bytes, which can be guessed", secret.len()),
        "expected at least 32 random bytes, such as the output of: openssl rand -base64 48",
    );
    checks.refuse_if(
        signs && secret.is_empty() && (config.database.url.starts_with("postgres") || config.redis.is_configured()),
        "auth.jwt_secret",
        "JWT_SECRET is missing; only a node alone with SQLite can make one by itself",
        "all nodes need the same secret: set JWT_SECRET to at least 32 random bytes (openssl rand -base64 48)",
    );
}

fn times(config: &Config, checks: &mut Checks<'_>) {
    let (cluster, realtime, presence, drain) = (&config.cluster, &config.realtime, &config.presence, &config.drain);
    checks.refuse_if(
        cluster.lease <= cluster.beat * 2,
        "cluster.lease",
        "the lease runs out when a single beat is late",
        "expected more than two of cluster.beat",
    );
    checks.refuse_if(
        cluster.deaf_after <= cluster.beacon * 2,
        "cluster.deaf_after",
        "the node counts as deaf when a single beacon is late",
        "expected more than two of cluster.beacon",
    );
    checks.refuse_if(
        realtime.gap_hold >= realtime.sweep_interval,
        "realtime.gap_hold",
        "the sweep would always repair a gap first",
        "expected less than realtime.sweep_interval",
    );
    checks.refuse_if(
        !presence.grace.is_zero() && presence.interval > presence.grace.max(std::time::Duration::from_secs(1)) * 10,
        "presence.interval",
        "the list would be stale for far longer than somebody stays online after leaving",
        "expected at most ten times presence.grace",
    );
    checks.refuse_if(
        drain.finish.is_zero() && !drain.spread.is_zero(),
        "drain.finish",
        "the requests that the last closed sockets make again would be cut off",
        "expected some seconds, or drain.spread = \"0s\" as well to stop at once",
    );
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    checks.refuse_if(
        !cluster.shed_cookie.split(';').next().unwrap_or_default().trim().chars().all(is_token)
            || cluster.shed_cookie.chars().any(|c| c.is_control() || !c.is_ascii()),
        "cluster.shed_cookie",
        "this is no name of a cookie",
        "expected the name, such as HUBNODE, or the name and attributes, such as HUBNODE; SameSite=None; Secure",
    );
    checks.refuse_if(
        cluster.shed && cluster.shed_over < cluster.beat * 10,
        "cluster.shed_over",
        "nodes know each other's load as of the last beat: one that sheds faster closes far too much",
        "expected at least ten of cluster.beat",
    );
    checks.refuse_if(
        config.limits.deadline > config.redis.timeout,
        "limits.deadline",
        "the wait for Redis ends with redis.timeout before that",
        "expected at most redis.timeout",
    );
}

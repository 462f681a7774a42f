//! The loader, as somebody who configures hubbub meets it.

use std::{io::Write, time::Duration};

use super::{Config, CookieSecure, Faults, LogFormat, load::DEFAULTS, schema::KEYS};

fn load(variables: &[(&str, &str)]) -> Result<Config, Faults> {
    Config::load(None, variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn load_file(text: &str, variables: &[(&str, &str)]) -> Result<Config, Faults> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    Config::load(Some(file.path()), variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

/// The only fault, which must be of this key.
fn fault(key: &str, variables: &[(&str, &str)]) -> String {
    let faults = load(variables).unwrap_err();
    assert_eq!(faults.0.iter().map(|fault| fault.key.as_str()).collect::<Vec<_>>(), [key], "{faults}");
    faults.to_string()
}

const SECRET: (&str, &str) = ("JWT_SECRET", "0123456789abcdef0123456789abcdef");
const POSTGRES: (&str, &str) = ("DATABASE_URL", "postgres://hub:hunter2@db/hub");
const REDIS: (&str, &str) = ("REDIS_URL", "redis://:hunter3@cache");
const S3: (&str, &str) = ("HUBBUB__MEDIA__URL", "s3://bucket/images");

#[test]
fn the_defaults_alone_are_a_working_node_with_sqlite() {
    let config = load(&[]).unwrap();
    assert_eq!((config.http.port, config.ops.port), (3000, 9464));
    assert_eq!(config.database.url, "sqlite://data/hubbub.db");
    assert_eq!(config.media.url, "file://data/media");
    assert_eq!(config.http.body_limit, 5 << 20);
    assert_eq!(config.auth.session_lifetime, Duration::from_secs(7 * 86_400));
    assert_eq!(config.auth.cookie_secure, CookieSecure::Auto);
    assert_eq!(config.limits.failed_log_in.every, Duration::from_secs(30));
    assert_eq!(config.http.allowed_origins, ["http://localhost:5173"]);
    assert!(!config.redis.is_configured());
}

#[test]
fn the_manual_holds_exactly_the_keys_of_the_schema() {
    fn paths(table: &toml::Table, above: &str, found: &mut Vec<String>) {
        for (name, value) in table {
            let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
            match value {
                toml::Value::Table(below) => paths(below, &path, found),
                _ => found.push(path),
            }
        }
    }
    let mut found = Vec::new();
    paths(&DEFAULTS.parse().unwrap(), "", &mut found);
    let mut known: Vec<String> = KEYS.iter().map(|key| key.path.to_owned()).collect();
    found.sort();
    known.sort();
    assert_eq!(found, known);
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let file = "[http]\nport = 4000\nbody_limit = \"1MiB\"\n[log]\nformat = \"json\"\n[limits]\nsend = { burst = 1 }\n";
    let config = load_file(file, &[("PORT", "5000"), ("HUBBUB__LIMITS__SEND__EVERY", "5s")]).unwrap();
    assert_eq!((config.http.port, config.http.body_limit), (5000, 1 << 20));
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!((config.limits.send.burst, config.limits.send.every), (1, Duration::from_secs(5)));
}

#[test]
fn the_precise_variable_wins_over_the_well_known_one() {
    assert_eq!(load(&[("PORT", "5000"), ("HUBBUB__HTTP__PORT", "6000")]).unwrap().http.port, 6000);
}

#[test]
fn an_empty_well_known_variable_counts_as_not_set() {
    let config = load(&[("PORT", ""), ("REDIS_URL", ""), ("DATABASE_URL", " "), ("JWT_SECRET", "")]).unwrap();
    assert_eq!(config.http.port, 3000);
}

#[test]
fn a_cluster_with_postgres_redis_and_s3_is_accepted() {
    let config = load(&[SECRET, POSTGRES, REDIS, S3, ("CLIENT_URL", "https://a.example.org, http://localhost:5173")]).unwrap();
    assert!(config.redis.is_configured() && !config.database.is_sqlite());
    assert_eq!(config.http.allowed_origins.len(), 2);
}

#[test]
fn all_faults_of_all_sources_are_reported_at_once() {
    let file = "weather = 1\n[http]\nprot = 1\nbody_limit = true\n[log]\nformat = \"xml\"\n";
    let variables = [("PORT", "abc"), ("HUBBUB__REDIS__TIMEOUT", "5"), ("HUBBUB__CLUSTER__LEASE", "3s"), ("UNRELATED", "x")];
    let faults = load_file(file, &variables).unwrap_err();
    let keys: Vec<&str> = faults.0.iter().map(|fault| fault.key.as_str()).collect();
    for key in ["weather", "http.prot", "http.body_limit", "log.format", "http.port", "redis.timeout", "cluster.lease"] {
        assert!(keys.contains(&key), "{key} is missing in: {faults}");
    }
    assert_eq!(keys.len(), 7, "{faults}");
    let text = faults.to_string();
    assert!(text.contains("did you mean http.port?"), "{text}");
    assert!(
        text.contains("http.port (environment PORT): \"abc\" is not acceptable; expected a number from 0 to 65535"),
        "{text}"
    );
}

#[test]
fn an_unknown_variable_of_ours_is_a_fault_with_a_suggestion() {
    let text = fault("media.max_pixel", &[("HUBBUB__MEDIA__MAX_PIXEL", "5")]);
    assert!(text.contains("did you mean HUBBUB__MEDIA__MAX_PIXELS?"), "{text}");
}

#[test]
fn a_file_that_is_missing_or_no_toml_is_a_fault_that_quotes_nothing() {
    let missing = Config::load(Some(std::path::Path::new("/nowhere/hubbub.toml")), []).unwrap_err();
    assert!(missing.to_string().contains("cannot be read"), "{missing}");
    let broken = load_file("[auth]\njwt_secret = hunter2hunter2\n", &[]).unwrap_err().to_string();
    assert!(broken.contains("line 2") && !broken.contains("hunter2"), "{broken}");
}

#[test]
fn redis_needs_a_database_and_images_that_all_nodes_share() {
    assert!(fault("redis.url", &[SECRET, REDIS, S3]).contains("SQLite"));
    assert!(fault("media.url", &[SECRET, REDIS, POSTGRES]).contains("media.shared"));
    assert!(load(&[SECRET, REDIS, POSTGRES, ("HUBBUB__MEDIA__SHARED", "true")]).is_ok());
}

#[test]
fn the_secret_must_be_given_for_postgres_and_long_enough_anywhere() {
    assert!(fault("auth.jwt_secret", &[POSTGRES]).contains("JWT_SECRET is missing"));
    let text = fault("auth.jwt_secret", &[("JWT_SECRET", "hunter2")]);
    assert!(text.contains("7 bytes") && !text.contains("hunter2"), "{text}");
}

#[test]
fn combinations_that_make_no_sense_are_refused() {
    for (key, variables) in [
        ("ops.port", &[("PORT", "9464")][..]),
        ("http.allowed_origins", &[("CLIENT_URL", "https://a.example.org/chat")]),
        ("http.allowed_origins", &[("CLIENT_URL", "*")]),
        ("http.trusted_proxies", &[("HUBBUB__HTTP__TRUSTED_PROXIES", "10.0.0.0/33")]),
        ("database.url", &[("DATABASE_URL", "mysql://db")]),
        ("database.url", &[("DATABASE_URL", "sqlite::memory:")]),
        ("redis.url", &[SECRET, POSTGRES, S3, ("REDIS_URL", "amqp://cache")]),
        ("media.url", &[("HUBBUB__MEDIA__URL", "ftp://images")]),
        ("cluster.lease", &[("HUBBUB__CLUSTER__LEASE", "4s")]),
        ("cluster.deaf_after", &[("HUBBUB__CLUSTER__DEAF_AFTER", "1s")]),
        ("drain.finish", &[("HUBBUB__DRAIN__FINISH", "0s")]),
        ("cluster.address", &[("HUBBUB__CLUSTER__ADDRESS", "node-1:3000")]),
        ("cluster.address", &[("HUBBUB__CLUSTER__ADDRESS", "10.0.0.7")]),
        ("cluster.address", &[("HUBBUB__CLUSTER__ADDRESS", "0.0.0.0:3000")]),
        ("cluster.address", &[("HUBBUB__CLUSTER__ADDRESS", "fd00::7:3000")]),
        ("database.queue", &[("HUBBUB__DATABASE__QUEUE", "2")]),
    ] {
        let _ = fault(key, variables);
    }
    assert!(load(&[("PORT", "0"), ("OPS_PORT", "0")]).is_ok());
}

#[test]
fn a_node_is_reached_at_the_address_that_it_was_given() {
    let reachable = |address| {
        let address = load(&[("HUBBUB__CLUSTER__ADDRESS", address)]).unwrap().cluster.reachable_at(4000);
        address.map(|address| address.to_string())
    };
    assert_eq!(reachable(""), None);
    assert_eq!(reachable("10.0.0.7:3000").as_deref(), Some("10.0.0.7:3000"));
    assert_eq!(reachable("[fd00::7]:3000").as_deref(), Some("[fd00::7]:3000"));
    assert_eq!(reachable("10.0.0.7:0").as_deref(), Some("10.0.0.7:4000"));
}

#[test]
fn images_and_the_secret_live_beside_the_database() {
    let config = load(&[("DATABASE_URL", "sqlite:///var/lib/hubbub/chat.db?mode=rwc")]).unwrap();
    assert_eq!(config.media.url, "file:///var/lib/hubbub/media");
    assert_eq!(config.database.folder(), Some("/var/lib/hubbub".into()));
    assert_eq!(load(&[("DATABASE_URL", "sqlite:here/chat.db")]).unwrap().media.url, "file://here/media");
}

#[test]
fn the_listing_says_where_values_come_from_and_reads_back() {
    let config = load(&[("PORT", "5000")]).unwrap();
    let text = config.describe();
    assert!(text.contains("port = 5000  # environment PORT\n"), "{text}");
    assert!(text.contains("burst = 60  # default\n") || text.contains("send.burst = 60  # default\n"), "{text}");
    assert_eq!(load_file(&text, &[]).unwrap().http.port, 5000);
}

#[test]
fn secrets_are_shown_nowhere() {
    let config = load(&[SECRET, POSTGRES, REDIS, S3]).unwrap();
    for text in [config.describe(), format!("{config:?}")] {
        for secret in [SECRET.1, "hunter2", "hunter3"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

//! `hubbub check-config`: every mistake at once, and no secret on the screen.

use tempfile::TempDir;

use super::process::{Ended, Process};

async fn check(settings: &[(&str, &str)]) -> Ended {
    let folder = TempDir::new().unwrap();
    let ended = Process::runs("check-config", folder.path(), settings).await;
    for secret in ["hunter", "correct-horse"] {
        assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret), "a secret shows: {ended:#?}");
    }
    ended
}

/// The line about a key, which must say all of this.
fn says(ended: &Ended, key: &str, words: &[&str]) {
    let line = ended.stderr.lines().find(|line| line.trim_start().starts_with(key));
    let line = line.unwrap_or_else(|| panic!("nothing about {key} in:\n{}", ended.stderr));
    for word in words {
        assert!(line.contains(word), "{word:?} is missing in: {line}");
    }
}

#[tokio::test]
async fn all_mistakes_are_told_at_once_with_what_would_be_right() {
    let ended = check(&[
        ("HUBBUB__HTTP__PROT", "5000"),
        ("PORT", "five thousand"),
        ("HUBBUB__DATABASE__MIGRATE_ON_START", "perhaps"),
        ("REDIS_URL", "redis://:hunter2@cache"),
        ("HUBBUB__MEDIA__SHARED", "true"),
        ("JWT_SECRET", "hunter3"),
        ("CLIENT_URL", "chat.example.org"),
    ])
    .await
    .is(1);
    assert_eq!(ended.stdout, "");
    says(&ended, "http.prot", &["HUBBUB__HTTP__PROT", "did you mean HUBBUB__HTTP__PORT?"]);
    says(&ended, "http.port", &["environment PORT", "expected a number from 0 to 65535"]);
    says(&ended, "database.migrate_on_start", &["HUBBUB__DATABASE__MIGRATE_ON_START", "expected true or false"]);
    says(&ended, "redis.url", &["REDIS_URL", "SQLite", "set DATABASE_URL to a PostgreSQL"]);
    says(&ended, "auth.jwt_secret", &["JWT_SECRET", "7 bytes", "at least 32 random bytes"]);
    says(&ended, "http.allowed_origins", &["CLIENT_URL", "\"chat.example.org\"", "expected scheme://host"]);
    assert!(ended.stderr.contains("6 faults"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_short_secret_is_refused_with_postgresql_and_its_length_alone_is_told() {
    let ended = check(&[("DATABASE_URL", "postgres://hub:hunter2@db/hub"), ("JWT_SECRET", "hunter3")]).await.is(1);
    says(&ended, "auth.jwt_secret", &["7 bytes", "at least 32 random bytes"]);
    assert!(ended.stderr.contains("1 fault:"), "{}", ended.stderr);
}

#[tokio::test]
async fn no_password_shows_in_what_is_said_of_a_place_that_is_wrong() {
    let ended = check(&[
        ("DATABASE_URL", "mysql://hub:hunter2@db/hub"),
        ("REDIS_URL", "amqp://:hunter3@cache"),
        ("HUBBUB__MEDIA__URL", "ftp://hub:hunter4@images"),
        ("HUBBUB__MEDIA__S3_ENDPOINT", "hub:hunter5@storage"),
        ("CLIENT_URL", "https://hub:hunter6@chat.example.org"),
        ("JWT_SECRET", "correct-horse-battery-staple-and-more"),
    ])
    .await
    .is(1);
    for key in ["database.url", "redis.url", "media.url", "media.s3_endpoint", "http.allowed_origins"] {
        says(&ended, key, &["expected"]);
    }
}

#[tokio::test]
async fn a_good_configuration_is_listed_with_its_sources_and_without_secrets() {
    let ended = check(&[
        ("DATABASE_URL", "postgres://hub:hunter2@db/hub"),
        ("REDIS_URL", "rediss://:hunter3@cache"),
        ("HUBBUB__MEDIA__URL", "s3://bucket/images"),
        ("JWT_SECRET", "correct-horse-battery-staple-and-more"),
        ("CLIENT_URL", "https://chat.example.org"),
    ])
    .await
    .is(0);
    assert_eq!(ended.stderr, "");
    for line in [
        "url = \"postgres://hub:***@db/hub\"  # environment DATABASE_URL",
        "url = \"rediss://:***@cache\"  # environment REDIS_URL",
        "jwt_secret = \"***\"  # environment JWT_SECRET",
        "allowed_origins = [\"https://chat.example.org\"]  # environment CLIENT_URL",
        "port = 3000  # default",
    ] {
        assert!(ended.stdout.lines().any(|printed| printed == line), "{line} is missing in:\n{}", ended.stdout);
    }
}

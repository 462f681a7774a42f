//! `hubbub migrate`, and nodes that wait for it.

use futures_util::future::join_all;
use serde_json::Value;
use std::{net::SocketAddr, path::Path};
use tempfile::TempDir;

use super::process::Process;
use crate::support::{eventually, services, user::get};

const SECRET: (&str, &str) = ("JWT_SECRET", "a secret for tests only, and long enough");

/// The settings of a node that serves beside any others.
fn serving<'a>(settings: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [("PORT", "0"), ("OPS_PORT", "0"), ("HUBBUB__HTTP__HOST", "127.0.0.1"), ("HUBBUB__OPS__HOST", "127.0.0.1")]
        .into_iter()
        .chain(settings.iter().copied())
        .collect()
}

/// Five at the same time, then a node on what they made.
async fn migrate_at_once(folder: &Path, settings: &[(&str, &str)]) {
    let runs: Vec<Process> = (0..5).map(|_| Process::starts("migrate", folder, settings)).collect();
    let ends = join_all(runs.into_iter().map(Process::ends)).await;
    let said: Vec<String> = ends.into_iter().map(|end| end.is(0).stdout).collect();
    assert_eq!(said.iter().filter(|said| said.starts_with("Applied ")).count(), 1, "{said:?}");
    assert!(said.iter().all(|said| said.contains("schema is up to date")), "{said:?}");

    // Only a node signs anything.
    let hub = Process::starts("serve", folder, &serving(&[settings, &[SECRET]].concat()));
    hub.serves().await;
    assert_eq!(get(&format!("http://{}/ready", hub.opens_ops().await)).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_five_migrations_started_at_once_on_postgresql_one_applies() {
    let folder = TempDir::new().unwrap();
    let database = services::empty_database().await;
    migrate_at_once(folder.path(), &[("DATABASE_URL", &database)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_five_migrations_started_at_once_on_sqlite_one_applies() {
    let folder = TempDir::new().unwrap();
    migrate_at_once(folder.path(), &[]).await;
}

async fn ready(ops: SocketAddr) -> (u16, Value) {
    let answer = get(&format!("http://{ops}/ready")).await;
    (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_its_schema_logs_what_to_do_and_serves_once_it_is_done() {
    let folder = TempDir::new().unwrap();
    let database = services::empty_database().await;
    let settings = [("DATABASE_URL", database.as_str()), SECRET];
    let hub = Process::starts("serve", folder.path(), &serving(&settings));
    let ops = hub.opens_ops().await;
    hub.logs("run `hubbub migrate`").await;
    let (status, body) = ready(ops).await;
    assert_eq!(status, 503, "{body}");
    let port = ops.port().to_string();
    Process::runs("healthcheck", folder.path(), &[("OPS_PORT", &port)]).await.is(1);

    Process::runs("migrate", folder.path(), &settings).await.is(0);
    hub.serves().await;
    assert_eq!(ready(ops).await.0, 200);
    Process::runs("healthcheck", folder.path(), &[("OPS_PORT", &port)]).await.is(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ready_and_the_healthcheck_name_the_command_that_is_missing() {
    let folder = TempDir::new().unwrap();
    let database = services::empty_database().await;
    let hub = Process::starts("serve", folder.path(), &serving(&[("DATABASE_URL", &database), SECRET]));
    let ops = hub.opens_ops().await;
    hub.logs("run `hubbub migrate`").await;
    let (status, body) = eventually("a reason in /ready", || async {
        let (status, body) = ready(ops).await;
        body["reason"].is_string().then_some((status, body))
    })
    .await;
    assert_eq!((status, body["status"].as_str()), (503, Some("unfit")), "{body}");
    assert!(body["reason"].as_str().unwrap().contains("`hubbub migrate`"), "{body}");
    let asked = Process::runs("healthcheck", folder.path(), &[("OPS_PORT", &ops.port().to_string())]).await.is(1);
    assert!(asked.stdout.contains("`hubbub migrate`"), "{asked:?}");
}

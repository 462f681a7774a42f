//! The smaller commands, and what `serve` says when it can't.

use serde_json::Value;
use socket2::{Domain, Socket, Type};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use tempfile::TempDir;

use super::process::Process;
use crate::support::user::get;

const LOOPBACK: [(&str, &str); 4] =
    [("PORT", "0"), ("OPS_PORT", "0"), ("HUBBUB__HTTP__HOST", "127.0.0.1"), ("HUBBUB__OPS__HOST", "127.0.0.1")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_printed_description_is_the_one_that_a_hub_serves() {
    let folder = TempDir::new().unwrap();
    let hub = Process::starts("serve", folder.path(), &LOOPBACK);
    let printed = Process::runs("openapi", folder.path(), &[]).await.is(0).stdout;
    let served = get(&format!("http://{}/api/openapi.json", hub.serves().await)).await.text().await.unwrap();
    let [printed, served] = [printed, served].map(|text| serde_json::from_str::<Value>(&text).unwrap());
    assert_eq!(printed, served);
    assert!(printed["paths"]["/api/messages/send/{id}"]["post"].is_object(), "{printed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthcheck_of_a_ready_hub_succeeds() {
    let folder = TempDir::new().unwrap();
    let hub = Process::starts("serve", folder.path(), &LOOPBACK);
    hub.serves().await;
    let port = hub.opens_ops().await.port().to_string();
    let asked = Process::runs("healthcheck", folder.path(), &[("OPS_PORT", &port)]).await.is(0);
    assert!(asked.stdout.contains("\"ready\""), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthcheck_where_nothing_listens_fails_and_says_what_to_look_at() {
    let folder = TempDir::new().unwrap();
    // Bound but not listening: nobody else can take the port, and connecting to it is refused.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port().to_string();
    let asked = Process::runs("healthcheck", folder.path(), &[("OPS_PORT", &port)]).await.is(1);
    assert!(asked.stderr.contains(&format!("127.0.0.1:{port}/ready: is hubbub running?")), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_taken_port_is_named_with_the_setting_that_chooses_it() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for setting in ["PORT", "OPS_PORT"] {
        let folder = TempDir::new().unwrap();
        let mut settings = LOOPBACK.to_vec();
        settings.retain(|(name, _)| *name != setting);
        settings.push((setting, &port));
        let ended = Process::runs("serve", folder.path(), &settings).await.is(1);
        let sentence = format!("cannot listen on 127.0.0.1:{port}: set {setting} to a port that is free");
        assert!(ended.stderr.contains(&sentence), "{ended:?}");
        assert!(!ended.stdout.contains("hubbub listens"), "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_help_names_every_command() {
    let folder = TempDir::new().unwrap();
    let help = Process::runs("--help", folder.path(), &[]).await.is(0).stdout;
    for command in ["serve", "migrate", "openapi", "check-config", "healthcheck", "doctor", "epoch"] {
        assert!(help.lines().any(|line| line.split_whitespace().next() == Some(command)), "{command} is missing in:\n{help}");
    }
}

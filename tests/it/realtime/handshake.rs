//! Who may come in, and what those who may not are told.

use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

use crate::support::{TestHub, TestSocket, eventually, on_both_databases, user::request};

on_both_databases! {
    async fn a_token_in_auth_counts_as_the_cookie_does(hub: &TestHub) {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        let mut socket = TestSocket::opens(hub.node(0), None).await;
        socket.connects(json!({ "token": bob.token })).await.unwrap();
        alice.sends(&bob, "hello").await;
        socket.expects_message("hello").await;
    }

    async fn refusals_carry_the_contracts_words(hub: &TestHub) {
        let [alice] = hub.users(["alice"]).await;
        let mut nobody = TestSocket::opens(hub.node(0), None).await;
        assert_eq!(nobody.connects(Value::Null).await, Err("Unauthorized - No Token Provided".to_owned()));
        let mut forger = TestSocket::opens(hub.node(0), None).await;
        assert_eq!(forger.connects(json!({ "token": "a.b.c" })).await, Err("Unauthorized - Authentication failed".to_owned()));
        alice.logs_out().await;
        let mut gone = TestSocket::opens(hub.node(0), Some(&alice.token)).await;
        assert_eq!(gone.connects(Value::Null).await, Err("Unauthorized - Authentication failed".to_owned()));
    }

    async fn logging_out_ends_the_sockets_of_that_session_only(hub: &TestHub) {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        let phone = bob.logs_in(hub.node(0)).await;
        let mut tab = bob.connects_to(hub.node(0)).await;
        let mut app = phone.connects_to(hub.node(0)).await;

        bob.logs_out().await;

        tab.expects_end().await;
        bob.gets("/api/auth/check").await.is_error(401, "Unauthorized - Invalid token", "auth.invalid_token");
        alice.sends(&bob, "still there?").await;
        app.expects_message("still there?").await;
    }

    async fn a_client_that_left_the_namespace_comes_back_on_the_same_connection(hub: &TestHub) {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        let mut his = bob.connects_to(hub.node(0)).await;
        alice.sends(&bob, "before").await;
        his.expects_message("before").await;

        his.says("41").await;
        eventually("his leaving", || async { (hub.node(0).metric("hubbub_sockets").await == 0.0).then_some(()) }).await;
        alice.sends(&bob, "meanwhile").await;
        let since = his.position().to_owned();
        his.connects(json!({ "since": since })).await.unwrap();

        his.expects_message("meanwhile").await;
        alice.sends(&bob, "after").await;
        his.expects_message("after").await;
        alice.sends(&bob, "marker").await;
        his.expects_only("marker").await;
    }

    async fn a_socket_ends_when_its_token_expires(hub: &TestHub) {
        let [bob] = hub.users(["bob"]).await;
        let mut tab = bob.connects_to(hub.node(0)).await;
        hub.clock().advance(Duration::from_secs(8 * 24 * 3600));
        tab.expects_end().await;
        assert_eq!(bob.gets("/api/auth/check").await.status, 401);
    }
}

#[tokio::test]
async fn origins_that_are_not_ours_are_refused_before_anything_else() {
    let hub = TestHub::alone_with(&[("CLIENT_URL", "https://chat.example.org")]).await;
    let [bob] = hub.users(["bob"]).await;
    let node = hub.node(0);
    let own = format!("http://{}", node.address());
    for origin in [None, Some("https://chat.example.org"), Some(own.as_str())] {
        assert!(TestSocket::tries_to_open(node, Some(&bob.token), origin).await.is_ok(), "{origin:?}");
    }
    for origin in ["https://evil.example", "null", "https://chat.example.org.evil.example"] {
        let opened = TestSocket::tries_to_open(node, Some(&bob.token), Some(origin)).await;
        assert_eq!(opened.err(), Some(403), "{origin}");
        let polling = node.url("/socket.io/?EIO=4&transport=polling");
        let answer = request(Method::GET, polling).header("origin", origin).send().await.unwrap();
        assert_eq!(answer.status(), 403, "{origin}");
    }
    hub.stops().await;
}

#[tokio::test]
async fn one_person_cannot_open_sockets_without_end() {
    let hub = TestHub::alone_with(&[("HUBBUB__REALTIME__SOCKETS_PER_USER", "3")]).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut tabs = Vec::new();
    for _ in 0..3 {
        tabs.push(bob.connects_to(hub.node(0)).await);
    }
    let mut one_more = TestSocket::opens(hub.node(0), Some(&bob.token)).await;
    one_more.says("40").await;
    one_more.expects_end().await;
    alice.sends(&bob, "hello").await;
    for tab in &mut tabs {
        tab.expects_message("hello").await;
    }
    hub.stops().await;
}

#[tokio::test]
async fn a_websocket_may_be_the_first_request_of_its_connection_or_a_later_one() {
    let hub = TestHub::alone().await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut first = TestSocket::opens(hub.node(0), Some(&bob.token)).await;
    let mut later = TestSocket::opens_after_another_request(hub.node(0), &bob.token).await;
    for socket in [&mut first, &mut later] {
        socket.connects(Value::Null).await.unwrap();
    }
    alice.sends(&bob, "hello").await;
    for socket in [&mut first, &mut later] {
        socket.expects_message("hello").await;
        assert!(socket.pid().starts_with(|c: char| c.is_ascii_digit()), "{}", socket.pid());
    }
    let upgrades = r#"hubbub_http_requests_total{method="GET",route="/socket.io/",status="101"}"#;
    assert_eq!(hub.node(0).metric(upgrades).await, 2.0, "both are counted");
    hub.stops().await;
}

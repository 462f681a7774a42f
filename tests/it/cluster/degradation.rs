//! What goes on while something is away, and what waits: decided, not discovered.

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Proxy, TestHub, TestUser, eventually, services, soon, user::get};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_database_sockets_stay_and_sends_are_told_to_come_again() {
    let (database, through) = Proxy::before(&services::database().await).await;
    let hub = TestHub::cluster_with(1, &[("DATABASE_URL", &through), ("HUBBUB__DATABASE__TIMEOUT", "1s")]).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut his = bob.connects_to(hub.node(0)).await;
    alice.sends(&bob, "before").await;
    his.expects_message("before").await;

    database.cuts();
    let body = json!({ "text": "kept by its clientId", "clientId": uuid::Uuid::new_v4() });
    let refused = alice.tries_to_send(&bob.id, body.clone()).await;
    refused.is_error(503, "Service temporarily unavailable. Please try again.", "unavailable");
    assert!(refused.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()), "{:?}", refused.headers);
    let asked = his.asks("sendMessage", json!({ "receiverId": alice.id, "text": "nor by socket" })).await;
    assert_eq!(asked["error"]["code"], "unavailable", "and the socket still answers");
    let ready = get(&hub.node(0).ops_url("/ready")).await;
    assert_eq!(ready.status(), 200, "an outage of the database must not empty the load balancer");

    database.heals();
    let sent = eventually("a send that is accepted", || async {
        let answer = alice.tries_to_send(&bob.id, body.clone()).await;
        (answer.status == 201).then_some(answer.body)
    })
    .await;
    assert_eq!(his.expects_message("kept by its clientId").await, sent);
    assert_eq!(hub.node(0).metric(r#"hubbub_disconnects_total{reason="transport_close"}"#).await, 0.0, "no socket ended");
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_comes_while_the_database_is_away_is_let_in_when_it_is_back() {
    let (database, through) = Proxy::before(&services::database().await).await;
    let hub = TestHub::cluster_with(1, &[("DATABASE_URL", &through), ("HUBBUB__DATABASE__TIMEOUT", "1s")]).await;
    let [bob] = hub.users(["bob"]).await;

    database.cuts();
    let mut early = crate::support::TestSocket::opens(hub.node(0), Some(&bob.token)).await;
    early.says("40").await;
    early.expects_end_without_a_word().await;

    database.heals();
    eventually("the database", || async { bob.gets("/api/auth/check").await.status.is_success().then_some(()) }).await;
    bob.connects_to(hub.node(0)).await.expects("getOnlineUsers").await;
    hub.stops().await;
}

/// Stock clients name no `clientId`, and repeat nothing by themselves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_send_whose_commit_was_not_heard_of_is_looked_for_and_answered_as_what_it_is() {
    let (database, through) = Proxy::before(&services::database().await).await;
    let settings = [("DATABASE_URL", through.as_str()), ("HUBBUB__REALTIME__SWEEP_INTERVAL", "5m")];
    let hub = TestHub::cluster_with(1, &settings).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut his = bob.connects_to(hub.node(0)).await;

    // A first message, which makes the conversation, is committed in the last of several steps; a further one in one.
    for (said, text) in [("COMMIT", "the first"), ("lantern", "a lantern in the window")] {
        database.loses_the_answer_to(said);
        let sent = alice.tries_to_send(&bob.id, json!({ "text": text })).await.is(201);
        database.heals();
        assert_eq!(his.expects_message(text).await, sent, "told at once, not by the sweep");
    }
    let retries = hub.node(0).metric(r#"hubbub_batch_retries_total{reason="connection"}"#).await;
    assert!(retries >= 2.0, "{retries}: no answer was lost");

    alice.sends(&bob, "marker").await;
    his.expects_only("marker").await;
    assert_eq!(bob.history_with(&alice).await.len(), 3);
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_send_that_was_committed_while_the_database_went_away_is_one_message_however_often_it_is_repeated() {
    let (database, through) = Proxy::before(&services::database().await).await;
    let settings =
        [("DATABASE_URL", through.as_str()), ("HUBBUB__DATABASE__TIMEOUT", "1s"), ("HUBBUB__REALTIME__SWEEP_INTERVAL", "200ms")];
    let hub = TestHub::cluster_with(1, &settings).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    alice.sends(&bob, "before").await;
    let mut his = bob.connects_to(hub.node(0)).await;
    let body = json!({ "text": "a lantern in the window", "clientId": uuid::Uuid::new_v4() });

    database.goes_away_after("lantern");
    let unknown = alice.tries_to_send(&bob.id, body.clone()).await;
    assert_eq!(unknown.status, 503, "nobody knows what became of it: {}", unknown.body);
    database.heals();

    // The message is there, and reaches him although nobody was told of it.
    let received = his.expects_message("a lantern in the window").await;
    for _ in 0..3 {
        assert_eq!(alice.tries_to_send(&bob.id, body.clone()).await.is(201), received);
    }
    alice.sends(&bob, "marker").await;
    his.expects_only("marker").await;
    assert_eq!(bob.history_with(&alice).await.len(), 3);
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_lags_behind_what_is_kept_of_the_log_is_sent_to_come_back_and_told() {
    let database = services::database().await;
    let settings = [("DATABASE_URL", database.as_str()), ("REDIS_URL", ""), ("HUBBUB__REALTIME__SWEEP_INTERVAL", "5m")];
    let hub = TestHub::cluster_with(2, &settings).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut his = bob.connects_to(hub.node(1)).await;
    his.expects("getOnlineUsers").await;
    says(&alice, &bob, &["one", "two", "three"]).await;
    services::tampers_with(&database, "DELETE FROM user_events WHERE seq <= 2").await;

    alice.at(hub.node(1)).sends(&bob, "four").await;
    his.expects_end_without_a_word().await;

    let memory = his.memory();
    let mut his = bob.comes_back_to(hub.node(1), memory).await;
    his.expects_verdict(json!({ "verdict": "reset", "count": 0, "reason": "trimmed" })).await;
    alice.at(hub.node(1)).sends(&bob, "marker").await;
    his.expects_only("marker").await;
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_polls_while_the_database_is_away_is_not_refused_for_good_either() {
    let (database, through) = Proxy::before(&services::database().await).await;
    let hub = TestHub::cluster_with(1, &[("DATABASE_URL", &through), ("HUBBUB__DATABASE__TIMEOUT", "1s")]).await;
    let [bob] = hub.users(["bob"]).await;
    let engine = "/socket.io/?EIO=4&transport=polling";
    let asks = async |method: Method, path: &str, body: &'static str| {
        let answer = bob.request(method, path).body(body).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    };

    database.cuts();
    let handshakes = (0..20).map(async |_| {
        let (_, open) = asks(Method::GET, engine, "").await;
        let open: serde_json::Value = serde_json::from_str(&open[1..]).unwrap();
        let session = format!("{engine}&sid={}", open["sid"].as_str().unwrap());
        asks(Method::POST, &session, "40").await;
        let mut heard = String::new();
        loop {
            match asks(Method::GET, &session, "").await {
                (StatusCode::OK, said) => heard += &said,
                (status, _) => return (status, heard),
            }
        }
    });

    for (status, heard) in soon("the end of all sessions", join_all(handshakes)).await {
        assert!(!heard.contains("44{"), "{heard}: a stock client would stay away for good");
        assert_eq!(status, 400, "it comes back after that");
    }
    hub.stops().await;
}

/// Without a Redis between them, what one node commits reaches the other by nothing but the database.
async fn strangers() -> TestHub {
    TestHub::cluster_with(2, &[("REDIS_URL", ""), ("HUBBUB__REALTIME__SWEEP_INTERVAL", "5m")]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_ahead_of_its_node_gets_nothing_twice() {
    let hub = strangers().await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut tab = bob.connects_to(hub.node(1)).await;
    let mut phone = bob.connects_to(hub.node(0)).await;
    alice.sends(&bob, "told on one node only").await;
    phone.expects_message("told on one node only").await;

    let memory = phone.memory();
    let mut phone = bob.comes_back_to(hub.node(1), memory).await;
    phone.expects_verdict(json!({ "verdict": "current", "count": 0 })).await;

    tab.expects_message("told on one node only").await;
    alice.at(hub.node(1)).sends(&bob, "marker").await;
    tab.expects_only("marker").await;
    phone.expects_only("marker").await;
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_socket_reads_from_the_log_on_its_way_in_reaches_it_once() {
    let hub = strangers().await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut tab = bob.connects_to(hub.node(1)).await;
    says(&alice, &bob, &["one", "two"]).await;
    alice.at(hub.node(1)).sends(&bob, "three").await;

    let mut phone = bob.resumes_at(hub.node(1), "1.0").await;

    alice.at(hub.node(1)).sends(&bob, "marker").await;
    for socket in [&mut tab, &mut phone] {
        for text in ["one", "two", "three", "marker"] {
            socket.expects_message(text).await;
        }
    }
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sweep_alone_brings_what_no_hint_brought() {
    let hub = TestHub::cluster_with(2, &[("REDIS_URL", ""), ("HUBBUB__REALTIME__SWEEP_INTERVAL", "200ms")]).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut his = bob.connects_to(hub.node(1)).await;

    says(&alice, &bob, &["one", "two"]).await;

    his.expects_message("one").await;
    his.expects_message("two").await;
    assert_eq!(hub.node(1).metric("hubbub_gaps_repaired_total").await, 2.0);
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_repair_switched_off_a_lost_hint_is_a_lost_message() {
    let settings = [("REDIS_URL", ""), ("HUBBUB__REALTIME__SWEEP_INTERVAL", "200ms"), ("HUBBUB__REALTIME__REPAIR", "false")];
    let hub = TestHub::cluster_with(2, &settings).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let his = bob.connects_to(hub.node(1)).await;

    says(&alice, &bob, &["one"]).await;
    eventually("some sweeps", || async {
        (hub.node(1).metric(r#"hubbub_reconciles_total{reason="sweep"}"#).await > 3.0).then_some(())
    })
    .await;

    assert_eq!(hub.node(1).metric(r#"hubbub_events_emitted_total{event="newMessage"}"#).await, 0.0, "the control");
    drop(his);
    hub.stops().await;
}

async fn says(alice: &TestUser, bob: &TestUser, texts: &[&str]) {
    for text in texts {
        alice.sends(bob, text).await;
    }
}

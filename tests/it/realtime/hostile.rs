//! Bad input and bad peers: a clear answer or a bounded disconnect, and everybody else goes on.

use serde_json::json;

use crate::support::{TestHub, TestSocket, eventually};

#[tokio::test]
async fn an_unknown_event_is_answered_and_changes_nothing() {
    let hub = TestHub::alone().await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut socket = alice.connects_to(hub.node(0)).await;
    let answer = socket.asks("launchMissiles", json!({ "at": "noon" })).await;
    assert_eq!(answer["error"]["code"], "request.malformed");
    let answer = socket.asks("sendMessage", json!({ "receiverId": bob.id, "text": "still fine" })).await;
    assert_eq!(answer["ok"], true);
    hub.stops().await;
}

#[tokio::test]
async fn an_event_before_connect_is_not_carried_out() {
    let hub = TestHub::alone().await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut early = TestSocket::opens(hub.node(0), Some(&alice.token)).await;
    early.says(&format!("420{}", json!(["sendMessage", { "receiverId": bob.id, "text": "too early" }]))).await;
    early.expects_end().await;
    assert!(bob.history_with(&alice).await.is_empty());
    hub.stops().await;
}

#[tokio::test]
async fn broken_packets_and_oversized_frames_end_only_their_own_connection() {
    let hub = TestHub::alone().await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut his = bob.connects_to(hub.node(0)).await;
    let huge = format!("42{}", json!(["sendMessage", { "receiverId": bob.id, "text": "x".repeat(1 << 20) }]));
    for packet in ["9", "4", "42{not json", "42[]", "42[5]", "4999", huge.as_str()] {
        let mut socket = alice.connects_to(hub.node(0)).await;
        socket.says(packet).await;
        drop(socket);
    }
    let mut socket = alice.connects_to(hub.node(0)).await;
    socket.says(&huge).await;
    socket.expects_end().await;
    alice.sends(&bob, "still here").await;
    his.expects_message("still here").await;
    hub.stops().await;
}

#[tokio::test]
async fn a_flood_is_refused_and_then_cut_while_others_are_served() {
    let hub = TestHub::alone_with(&[
        ("HUBBUB__LIMITS__EVENT__BURST", "50"),
        ("HUBBUB__LIMITS__EVENT__EVERY", "1s"),
        ("HUBBUB__LIMITS__SEND__BURST", "20"),
        ("HUBBUB__LIMITS__SEND__EVERY", "1m"),
    ])
    .await;
    let [mallory, alice, bob] = hub.users(["mallory", "alice", "bob"]).await;
    let mut his = bob.connects_to(hub.node(0)).await;
    let mut flood = mallory.connects_to(hub.node(0)).await;
    let flooding = tokio::spawn(async move {
        let packet = format!("42{}", json!(["sendMessage", { "receiverId": "nobody", "text": "spam" }]));
        for _ in 0..10_000 {
            if !flood.tries_to_say(&packet).await {
                break;
            }
        }
        flood.expects_end().await;
    });
    for n in 0..10 {
        alice.sends(&bob, &n.to_string()).await;
        his.expects_message(&n.to_string()).await;
    }
    flooding.await.unwrap();
    assert!(hub.node(0).metric("hubbub_disconnects_total{reason=\"flood\"}").await >= 1.0);
    hub.stops().await;
}

#[tokio::test]
async fn more_messages_than_allowed_are_refused_with_the_time_to_wait() {
    let hub = TestHub::alone_with(&[("HUBBUB__LIMITS__SEND__BURST", "3"), ("HUBBUB__LIMITS__SEND__EVERY", "1m")]).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    for _ in 0..3 {
        alice.sends(&bob, "hi").await;
    }
    let refused = alice.tries_to_send(&bob.id, json!({ "text": "hi" })).await;
    refused.is_error(429, "Rate limit exceeded. Please try again later.", "rate_limited");
    let wait: u64 = refused.header("retry-after").expect("Retry-After").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    bob.sends(&alice, "his own bucket").await;
    hub.stops().await;
}

#[tokio::test]
async fn a_socket_that_never_reads_is_cut_and_costs_nobody_else_anything() {
    let hub = TestHub::alone_with(&[("HUBBUB__REALTIME__OUTBOX", "16")]).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut reads = bob.connects_to(hub.node(0)).await;
    let _never_reads = bob.connects_to(hub.node(0)).await;
    let text = "x".repeat(2000);
    let cut = "hubbub_disconnects_total{reason=\"overflow\"}";
    let mut sent = 0;
    while hub.node(0).metric(cut).await < 1.0 {
        for _ in 0..50 {
            alice.sends(&bob, &text).await;
            reads.expects_message(&text).await;
            sent += 1;
        }
        assert!(sent < 20_000, "the socket that never reads was never cut");
    }
    eventually("the sockets that are left", || async { (hub.node(0).metric("hubbub_sockets").await == 1.0).then_some(()) }).await;
    alice.sends(&bob, "the other tab goes on").await;
    reads.expects_message("the other tab goes on").await;
    hub.stops().await;
}

#[tokio::test]
async fn who_asks_without_reading_the_answers_is_cut_instead_of_left_unanswered() {
    let hub = TestHub::alone_with(&[
        ("HUBBUB__REALTIME__OUTBOX", "16"),
        ("HUBBUB__REALTIME__WRITE_TIMEOUT", "1m"),
        ("HUBBUB__LIMITS__EVENT__BURST", "0"),
    ])
    .await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut his = bob.connects_to(hub.node(0)).await;
    let mut deaf = alice.connects_to(hub.node(0)).await;
    let question = format!("{}", json!(["areYouThere", "x".repeat(1000)]));

    let mut asked = 0;
    while hub.node(0).metric("hubbub_outbox_overflows_total").await == 0.0 {
        assert!(asked < 200_000, "it is neither answered nor cut");
        for _ in 0..1000 {
            asked += 1;
            if !deaf.tries_to_say(&format!("42{asked}{question}")).await {
                break;
            }
        }
    }

    deaf.expects_end().await;
    alice.sends(&bob, "others are served").await;
    his.expects_message("others are served").await;
    hub.stops().await;
}

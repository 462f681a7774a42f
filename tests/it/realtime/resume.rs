//! Coming back: what was missed follows, once and in order, and the client is told what became of its position.

use serde_json::json;

use crate::support::{TestHub, TestUser, on_both_databases, services};

async fn says_all(alice: &TestUser, bob: &TestUser, texts: &[&str]) {
    for text in texts {
        alice.sends(bob, text).await;
    }
}

on_both_databases! {
    async fn who_missed_nothing_is_told_so(hub: &TestHub) {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        let seen = bob.connects_to(hub.node(0)).await.loses_network().await;

        let mut phone = bob.resumes_at(hub.node(0), &seen).await;

        phone.expects_verdict(json!({ "verdict": "current", "count": 0 })).await;
        alice.sends(&bob, "marker").await;
        phone.expects_only("marker").await;
        assert_eq!(hub.node(0).metric(r#"hubbub_resumes_total{reason="",verdict="current"}"#).await, 1.0);
    }

    async fn what_was_missed_follows_in_order_and_then_what_is_new(hub: &TestHub) {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        let mut phone = bob.connects_to(hub.node(0)).await;
        alice.sends(&bob, "seen").await;
        phone.expects_message("seen").await;
        let seen = phone.loses_network().await;
        says_all(&alice, &bob, &["one", "two", "three"]).await;

        let mut phone = bob.resumes_at(hub.node(0), &seen).await;
        alice.sends(&bob, "new").await;

        phone.expects_verdict(json!({ "verdict": "resumed", "count": 3 })).await;
        for text in ["one", "two", "three", "new"] {
            phone.expects_message(text).await;
        }
        alice.sends(&bob, "marker").await;
        phone.expects_only("marker").await;
        assert_eq!(phone.position(), "1.6");
    }

    async fn an_absence_of_hundreds_of_messages_is_replayed_while_more_come(hub: &TestHub) {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        let seen = bob.connects_to(hub.node(0)).await.loses_network().await;
        let texts: Vec<String> = (0..400).map(|n| n.to_string()).collect();
        for text in &texts[..300] {
            alice.sends(&bob, text).await;
        }

        let (mut phone, ()) = tokio::join!(bob.resumes_at(hub.node(0), &seen), async {
            for text in &texts[300..] {
                alice.sends(&bob, text).await;
            }
        });

        for text in &texts {
            phone.expects_message(text).await;
        }
    }

    async fn an_event_ends_with_a_position_and_the_first_list_does(hub: &TestHub) {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        alice.sends(&bob, "before").await;
        let mut phone = bob.connects_to(hub.node(0)).await;
        phone.expects("getOnlineUsers").await;
        assert_eq!(phone.position(), "1.1", "what was there when it came");

        let sent = alice.sends(&bob, "now").await;
        phone.expects_message("now").await;
        assert_eq!(phone.position(), "1.2");
        let read = bob.posts(&format!("/api/messages/{}/read", alice.id), json!({ "upTo": sent["_id"] })).await;
        read.is(200);
        phone.expects("messagesRead").await;
        assert_eq!(phone.position(), "1.3");
    }

    async fn a_stock_client_gets_its_pid_again_exactly_when_nothing_is_missing(hub: &TestHub) {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        let mut phone = bob.connects_to(hub.node(0)).await;
        alice.sends(&bob, "seen").await;
        phone.expects_message("seen").await;
        let (pid, memory) = (phone.pid().to_owned(), phone.memory());
        drop(phone);

        alice.sends(&bob, "missed").await;
        let mut phone = bob.comes_back_to(hub.node(0), memory).await;
        assert_eq!(phone.pid(), pid, "resumed");
        phone.expects_message("missed").await;
        let again = bob.comes_back_to(hub.node(0), phone.memory()).await;
        assert_eq!(again.pid(), pid, "current");

        let foreign = alice.comes_back_to(hub.node(0), phone.memory()).await;
        assert_ne!(foreign.pid(), pid, "somebody else on the same page starts anew");
        let beyond = bob.comes_back_to(hub.node(0), json!({ "pid": pid, "offset": "1.1000" })).await;
        assert_ne!(beyond.pid(), pid, "a position that the log doesn't have");
    }

    async fn a_stock_client_that_never_got_an_event_resumes_from_its_pid(hub: &TestHub) {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        let phone = bob.connects_to(hub.node(0)).await;
        let memory = json!({ "pid": phone.pid() });
        drop(phone);
        alice.sends(&bob, "missed").await;

        let mut phone = bob.comes_back_to(hub.node(0), memory).await;

        phone.expects_message("missed").await;
        alice.sends(&bob, "marker").await;
        phone.expects_only("marker").await;
    }

    async fn a_position_that_cannot_be_resumed_is_told_why_and_what_comes_next_follows(hub: &TestHub) {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        alice.sends(&bob, "before").await;
        let claims = [
            (json!({ "since": "7.1" }), "unknown_log"),
            (json!({ "since": "yesterday" }), "unknown_log"),
            (json!({ "since": 12 }), "unknown_log"),
            (json!({ "pid": { "a": 1 } }), "unknown_log"),
            (json!({ "since": "1.99" }), "ahead"),
            (json!({ "since": "1.1", "user": alice.id }), "other_user"),
        ];
        for (claim, reason) in claims {
            let mut phone = bob.comes_back_to(hub.node(0), claim).await;
            phone.expects_verdict(json!({ "verdict": "reset", "count": 0, "reason": reason })).await;
            alice.sends(&bob, reason).await;
            phone.expects_only(reason).await;
        }
    }
}

#[tokio::test]
async fn who_missed_more_than_a_socket_replays_is_told_to_load_anew() {
    let hub = TestHub::alone_with(&[("HUBBUB__REALTIME__REPLAY", "3")]).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    says_all(&alice, &bob, &["1", "2", "3", "4"]).await;

    let mut late = bob.resumes_at(hub.node(0), "1.0").await;
    let mut soon = bob.resumes_at(hub.node(0), "1.1").await;

    late.expects_verdict(json!({ "verdict": "reset", "count": 0, "reason": "too_far" })).await;
    soon.expects_verdict(json!({ "verdict": "resumed", "count": 3 })).await;
    says_all(&alice, &bob, &["5"]).await;
    late.expects_only("5").await;
    for text in ["2", "3", "4", "5"] {
        soon.expects_message(text).await;
    }
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_cut_for_not_reading_comes_back_and_has_missed_nothing() {
    let hub = TestHub::alone_with(&[("HUBBUB__REALTIME__OUTBOX", "16"), ("HUBBUB__REALTIME__WRITE_TIMEOUT", "1m")]).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut phone = bob.connects_to(hub.node(0)).await;
    phone.expects("getOnlineUsers").await;

    let long = "𝄞".repeat(1900);
    let mut sent = 0;
    while hub.node(0).metric(r#"hubbub_disconnects_total{reason="overflow"}"#).await == 0.0 {
        assert!(sent < 1000, "it reads nothing and is still there");
        alice.sends(&bob, &format!("{sent} {long}")).await;
        sent += 1;
    }

    let memory = phone.memory();
    let mut phone = bob.comes_back_to(hub.node(0), memory).await;
    phone.expects_verdict(json!({ "verdict": "resumed", "count": sent })).await;
    for n in 0..sent {
        phone.expects_message(&format!("{n} {long}")).await;
    }
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_sent_while_bob_is_away_arrives_once_when_he_resumes_elsewhere() {
    let hub = TestHub::cluster(2).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let phone = bob.connects_to(hub.node(1)).await;

    let seen = phone.loses_network().await;
    alice.sends(&bob, "are you there?").await;

    let mut phone = bob.resumes_at(hub.node(0), &seen).await;
    phone.expects_message("are you there?").await;
    alice.sends(&bob, "marker").await;
    phone.expects_only("marker").await;
    hub.stops().await;
}

/// A hub whose database the test can put back to an earlier state.
async fn on_a_database_that_is_restored() -> (TestHub, String) {
    let database = services::database().await;
    let settings = [("DATABASE_URL", database.as_str()), ("HUBBUB__REALTIME__SWEEP_INTERVAL", "200ms")];
    (TestHub::cluster_with(1, &settings).await, database)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_connected_while_the_epoch_is_raised_comes_back_and_is_told() {
    let (hub, database) = on_a_database_that_is_restored().await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut phone = bob.connects_to(hub.node(0)).await;
    alice.sends(&bob, "before").await;
    phone.expects_message("before").await;

    services::tampers_with(&database, "UPDATE user_log SET epoch = epoch + 1").await;
    phone.expects_end_without_a_word().await;

    let memory = phone.memory();
    let mut phone = bob.comes_back_to(hub.node(0), memory).await;
    phone.expects_verdict(json!({ "verdict": "reset", "count": 0, "reason": "unknown_log" })).await;
    alice.sends(&bob, "after").await;
    phone.expects_only("after").await;
    assert_eq!(phone.position(), "2.2");
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_knows_more_than_a_database_that_was_restored_without_a_word_is_told_to_load_anew() {
    let (hub, database) = on_a_database_that_is_restored().await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut phone = bob.connects_to(hub.node(0)).await;
    says_all(&alice, &bob, &["1", "2", "3"]).await;
    for text in ["1", "2", "3"] {
        phone.expects_message(text).await;
    }

    let restore = "DELETE FROM user_events WHERE seq > 1; UPDATE user_log SET seq = 1";
    services::tampers_with(&database, restore).await;
    phone.expects_end_without_a_word().await;

    let memory = phone.memory();
    let mut phone = bob.comes_back_to(hub.node(0), memory).await;
    phone.expects_verdict(json!({ "verdict": "reset", "count": 0, "reason": "ahead" })).await;
    alice.sends(&bob, "the second, again").await;
    phone.expects_only("the second, again").await;
    assert_eq!(phone.position(), "1.2");
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_pruned_from_the_log_is_a_reset() {
    let (hub, database) = on_a_database_that_is_restored().await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    says_all(&alice, &bob, &["1", "2", "3"]).await;

    services::tampers_with(&database, "DELETE FROM user_events WHERE seq <= 2").await;

    let trimmed = json!({ "verdict": "reset", "count": 0, "reason": "trimmed" });
    let now = bob.resumes_at(hub.node(0), "1.1").await.expects_verdict(trimmed).await.expect("where to go on");
    bob.resumes_at(hub.node(0), &now).await.expects_verdict(json!({ "verdict": "current", "count": 0 })).await;
    let kept = json!({ "verdict": "resumed", "count": 1 });
    bob.resumes_at(hub.node(0), "1.2").await.expects_verdict(kept).await;
    let page = bob.gets("/api/sync?since=1.0").await.is(200);
    assert_eq!(page, json!({ "reset": "trimmed", "position": "1.3" }));
    services::tampers_with(&database, "DELETE FROM user_events").await;
    assert_eq!(bob.gets("/api/sync?since=1.2").await.is(200), json!({ "reset": "trimmed", "position": "1.3" }));
    hub.stops().await;
}

/// Messages to two sockets of one person, one of which comes and goes all the time, on two nodes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_comes_and_goes_under_load_gets_each_message_once_in_order() {
    let hub = TestHub::cluster(2).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut steady = bob.connects_to(hub.node(0)).await;
    let mut phone = bob.connects_to(hub.node(1)).await;
    phone.expects("getOnlineUsers").await;
    const COUNT: usize = 300;

    let sending = async {
        let lanes = (0..4).map(|lane| {
            let alice = alice.at(hub.node(lane % 2));
            let bob = &bob;
            async move {
                for n in (lane..COUNT).step_by(4) {
                    alice.sends(bob, &n.to_string()).await;
                }
            }
        });
        futures_util::future::join_all(lanes).await;
    };
    let coming_and_going = async {
        let mut seen = Vec::new();
        for round in 0.. {
            while seen.len() < COUNT && (seen.len() < (round + 1) * 20) {
                seen.push(phone.expects("newMessage").await["_id"].clone());
            }
            if seen.len() == COUNT {
                break;
            }
            let memory = phone.memory();
            phone = bob.comes_back_to(hub.node(round % 2), memory).await;
        }
        seen
    };
    let staying = async {
        let mut seen = Vec::new();
        while seen.len() < COUNT {
            seen.push(steady.expects("newMessage").await["_id"].clone());
        }
        seen
    };
    let (_, moved, stayed) = tokio::join!(sending, coming_and_going, staying);

    assert_eq!(moved, stayed);
    let history: Vec<_> = bob.history_with(&alice).await.iter().map(|message| message["_id"].clone()).collect();
    assert_eq!(stayed, history);
    hub.stops().await;
}

//! Many at the same moment: one order, no gaps, no repeats, no deadlock that anybody sees.

use futures_util::future::join_all;
use serde_json::{Value, json};
use std::collections::HashSet;
use uuid::Uuid;

use crate::support::{TestHub, TestUser};

fn ids(messages: &[Value]) -> Vec<String> {
    messages.iter().map(|message| message["_id"].as_str().expect("an id").to_owned()).collect()
}

/// What a socket gets, in order: `count` messages.
async fn hears(socket: &mut crate::support::TestSocket, count: usize) -> Vec<Value> {
    let mut heard = Vec::with_capacity(count);
    for _ in 0..count {
        heard.push(socket.expects("newMessage").await);
    }
    heard
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_sends_both_ways_from_two_nodes_have_one_order_for_both_sides() {
    let hub = TestHub::cluster(2).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut hers = alice.connects_to(hub.node(0)).await;
    let mut his = bob.connects_to(hub.node(1)).await;

    let sends = (0..200).map(|n| {
        let (from, to) = if n % 2 == 0 { (&alice, &bob) } else { (&bob, &alice) };
        let from = from.at(hub.node(n / 2 % 2));
        async move { from.sends(to, &n.to_string()).await }
    });
    let (sent, hers, his) = tokio::join!(join_all(sends), hears(&mut hers, 200), hears(&mut his, 200));

    assert_eq!(ids(&hers), ids(&his), "both sides see one order");
    assert_eq!(ids(&alice.history_with(&bob).await), ids(&hers), "and it is the history's");
    assert_eq!(ids(&sent).into_iter().collect::<HashSet<_>>().len(), 200);
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sends_among_twenty_people_at_random_all_arrive_once() {
    let hub = TestHub::cluster(2).await;
    let mut people: Vec<TestUser> = Vec::new();
    for n in 0..20 {
        people.push(TestUser::signs_up(hub.node(n % 2), &format!("person {n}")).await);
    }
    let mut sockets = Vec::new();
    for (n, person) in people.iter().enumerate() {
        sockets.push(person.connects_to(hub.node(n / 2 % 2)).await);
    }
    // A fixed walk that looks random: reproducible, and every pair of parities meets.
    let pairs: Vec<(usize, usize)> = (0..200).map(|n| (n * 7 % 20, (n * 7 + 1 + n * 13 % 19) % 20)).collect();
    let sends = pairs.iter().enumerate().map(|(n, &(from, to))| {
        let (from, to) = (people[from].at(hub.node(n % 2)), &people[to]);
        async move { from.sends(to, &n.to_string()).await }
    });
    let expected: Vec<usize> = (0..20).map(|person| pairs.iter().filter(|(a, b)| *a == person || *b == person).count()).collect();
    let listening = sockets.iter_mut().zip(&expected).map(|(socket, count)| hears(socket, *count));
    let (sent, heard) = tokio::join!(join_all(sends), join_all(listening));

    assert_eq!(ids(&sent).into_iter().collect::<HashSet<_>>().len(), 200);
    for (heard, expected) in heard.iter().zip(expected) {
        assert_eq!(ids(heard).into_iter().collect::<HashSet<_>>().len(), expected, "each once");
    }
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_sends_with_one_client_id_on_two_nodes_are_one_message() {
    let hub = TestHub::cluster(2).await;
    let [alice, bob, carol] = hub.users(["alice", "bob", "carol"]).await;
    let mut his = bob.connects_to(hub.node(1)).await;
    let body = json!({ "text": "once", "clientId": Uuid::new_v4() });

    let sends = (0..50).map(|n| {
        let (alice, body, bob) = (alice.at(hub.node(n % 2)), body.clone(), bob.id.clone());
        async move { alice.tries_to_send(&bob, body).await.is(201) }
    });
    let answers = join_all(sends).await;

    assert!(answers.iter().all(|answer| *answer == answers[0]), "fifty equal answers");
    assert_eq!(bob.history_with(&alice).await.len(), 1);
    his.expects_message("once").await;
    alice.sends(&bob, "marker").await;
    his.expects_message("marker").await;
    let other = alice.tries_to_send(&carol.id, body).await;
    other.is_error(409, "clientId was already used for a message to somebody else.", "message.client_id_reused");
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_first_messages_at_the_same_moment_make_one_conversation() {
    let hub = TestHub::cluster(2).await;
    for round in 0..5 {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        let bobs = bob.at(hub.node(1));
        tokio::join!(alice.sends(&bob, "hi bob"), bobs.sends(&alice, "hi alice"));
        assert_eq!(alice.history_with(&bob).await.len(), 2, "round {round}");
        let chats = alice.gets("/api/messages/chats").await.is(200);
        assert_eq!(chats.as_array().map(Vec::len), Some(1), "{chats}");
    }
    hub.stops().await;
}

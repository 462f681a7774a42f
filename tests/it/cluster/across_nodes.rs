//! The main job: a message sent through REST on one node appears at once on a socket of another.

use serde_json::{Value, json};

use crate::support::{TestHub, TestSocket, user::get};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_sent_on_one_node_appears_once_on_every_socket_of_every_node() {
    let hub = TestHub::cluster(2).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut tabs = [
        bob.connects_to(hub.node(1)).await,
        bob.connects_to(hub.node(1)).await,
        bob.connects_to(hub.node(0)).await,
        alice.connects_to(hub.node(1)).await,
    ];

    let sent = alice.sends(&bob, "hello").await;
    alice.at(hub.node(1)).sends(&bob, "marker").await;

    for tab in &mut tabs {
        assert_eq!(tab.expects_message("hello").await, sent);
        tab.expects_message("marker").await;
    }
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn presence_is_one_list_over_all_nodes_and_all_tabs() {
    // Longer than nodes take to tell each other who came.
    let hub = TestHub::cluster_with(2, &[("HUBBUB__PRESENCE__GRACE", "2s")]).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut hers = alice.connects_to(hub.node(0)).await;
    let mut his = bob.connects_to(hub.node(1)).await;
    let elsewhere = bob.connects_to(hub.node(0)).await;
    hers.expects_online(&[&alice.id, &bob.id]).await;
    his.expects_online(&[&alice.id, &bob.id]).await;

    elsewhere.hangs_up().await;
    let carol = crate::support::TestUser::signs_up(hub.node(1), "carol").await;
    let _hers_too = carol.connects_to(hub.node(1)).await;
    let list = hers.expects("getOnlineUsers").await;
    assert_eq!(list.as_array().map(Vec::len), Some(3), "one closed tab leaves Bob online: {list}");

    his.hangs_up().await;
    hers.expects_online(&[&alice.id, &carol.id]).await;
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logging_out_ends_the_sessions_sockets_on_every_node() {
    let hub = TestHub::cluster(2).await;
    let [bob] = hub.users(["bob"]).await;
    let mut here = bob.connects_to(hub.node(0)).await;
    let mut there = bob.connects_to(hub.node(1)).await;

    bob.logs_out().await;

    here.expects_end().await;
    there.expects_end().await;
    bob.at(hub.node(1)).gets("/api/auth/check").await.is_error(401, "Unauthorized - Invalid token", "auth.invalid_token");
    let mut again = TestSocket::opens(hub.node(1), Some(&bob.token)).await;
    assert!(again.connects(Value::Null).await.is_err());
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_sent_on_one_node_is_served_by_the_other() {
    let hub = TestHub::cluster(2).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut his = bob.connects_to(hub.node(1)).await;
    let image = "data:image/gif;base64,R0lGODlhAQABAIAAAAUEBAAAACwAAAAAAQABAAACAkQBADs=";

    alice.tries_to_send(&bob.id, json!({ "text": "", "image": image })).await.is(201);

    let message = his.expects("newMessage").await;
    assert!(message.get("text").is_none(), "{message}");
    let url = hub.node(1).url(message["image"].as_str().expect("an image"));
    let served = get(&url).await;
    assert_eq!((served.status().as_u16(), served.headers()["content-type"].to_str().unwrap()), (200, "image/gif"));
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stops_hands_its_people_over_without_a_flicker() {
    let mut hub = TestHub::cluster(2).await;
    let [alice, bob, carol] = hub.users(["alice", "bob", "carol"]).await;
    let mut hers = alice.connects_to(hub.node(0)).await;
    let mut his = bob.connects_to(hub.node(1)).await;
    hers.expects_online(&[&alice.id, &bob.id]).await;

    hub.node_mut(1).stops().await;

    his.expects_end().await;
    let mut his = bob.connects_to(hub.node(0)).await;
    let _marker = carol.connects_to(hub.node(0)).await;
    let list = hers.expects("getOnlineUsers").await;
    assert_eq!(list.as_array().map(Vec::len), Some(3), "no list without Bob came between: {list}");
    alice.sends(&bob, "welcome over").await;
    his.expects_message("welcome over").await;
    hub.stops().await;
}

//! `newMessage`: to every socket of the receiver and of the sender, once.

use serde_json::json;

use crate::support::{TestHub, on_both_databases};

on_both_databases! {
    async fn a_message_reaches_every_tab_of_both_people_once(hub: &TestHub) {
        let [alice, bob, carol] = hub.users(["alice", "bob", "carol"]).await;
        let mut tabs = Vec::new();
        for user in [&alice, &alice, &bob, &bob] {
            tabs.push(user.connects_to(hub.node(0)).await);
        }
        let mut bystander = carol.connects_to(hub.node(0)).await;

        let sent = alice.sends(&bob, "hello").await;
        alice.sends(&bob, "marker").await;
        alice.sends(&carol, "for carol").await;

        for tab in &mut tabs {
            assert_eq!(tab.expects_message("hello").await, sent, "exactly as the POST answered it");
            tab.expects_message("marker").await;
        }
        bystander.expects_message("for carol").await;
    }

    async fn messages_arrive_in_the_order_in_which_they_were_answered(hub: &TestHub) {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        let mut tab = bob.connects_to(hub.node(0)).await;
        for n in 0..50 {
            alice.sends(&bob, &n.to_string()).await;
        }
        for n in 0..50 {
            tab.expects_message(&n.to_string()).await;
        }
    }

    async fn what_was_sent_before_a_socket_connected_is_in_the_history_not_on_the_socket(hub: &TestHub) {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        alice.sends(&bob, "before").await;
        let mut tab = bob.connects_to(hub.node(0)).await;
        alice.sends(&bob, "after").await;
        tab.expects_message("after").await;
        let texts: Vec<_> = bob.history_with(&alice).await.iter().map(|message| message["text"].clone()).collect();
        assert_eq!(texts, [json!("before"), json!("after")]);
    }

    async fn reading_a_conversation_tells_the_readers_other_tabs(hub: &TestHub) {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        let mut tab = bob.connects_to(hub.node(0)).await;
        let sent = alice.sends(&bob, "read me").await;
        tab.expects_message("read me").await;

        bob.posts(&format!("/api/messages/{}/read", alice.id), json!({ "upTo": sent["_id"] })).await.is(200);

        let mark = tab.expects("messagesRead").await;
        assert_eq!(mark, json!({ "userId": alice.id, "upTo": sent["_id"], "unreadCount": 0 }));
    }
}

#[tokio::test]
async fn whoever_has_many_sockets_gets_each_message_on_all_of_them_in_order() {
    let hub = TestHub::alone_with(&[("HUBBUB__LIMITS__HANDSHAKE__BURST", "0")]).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut tabs = Vec::new();
    for _ in 0..40 {
        tabs.push(bob.connects_to(hub.node(0)).await);
    }
    for n in 0..20 {
        alice.sends(&bob, &n.to_string()).await;
    }
    for tab in &mut tabs {
        for n in 0..20 {
            tab.expects_message(&n.to_string()).await;
        }
    }
    hub.stops().await;
}

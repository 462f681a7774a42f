//! `sendMessage` and `messagesRead` over the socket, with their acknowledgements.

use serde_json::json;
use uuid::Uuid;

use crate::support::{TestHub, on_both_databases};

on_both_databases! {
    async fn a_message_sent_over_a_socket_is_acknowledged_with_the_stored_message(hub: &TestHub) {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        let mut hers = alice.connects_to(hub.node(0)).await;
        let mut his = bob.connects_to(hub.node(0)).await;
        let client_id = Uuid::new_v4().to_string();

        let payload = json!({ "receiverId": bob.id, "text": "over the socket", "clientId": client_id });
        let answer = hers.asks("sendMessage", payload.clone()).await;

        assert_eq!(answer["ok"], true, "{answer}");
        assert_eq!(answer["message"]["clientId"], client_id.as_str());
        assert_eq!(his.expects_message("over the socket").await, answer["message"]);
        assert_eq!(hers.expects_message("over the socket").await, answer["message"]);
        let again = hers.asks("sendMessage", payload).await;
        assert_eq!(again, answer, "a retry answers with the first message");
        assert_eq!(bob.history_with(&alice).await.len(), 1);
    }

    async fn sends_of_one_socket_keep_their_order(hub: &TestHub) {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        let mut hers = alice.connects_to(hub.node(0)).await;
        let mut his = bob.connects_to(hub.node(0)).await;
        for n in 0..40 {
            hers.says(&format!("42{}", json!(["sendMessage", { "receiverId": bob.id, "text": n.to_string() }]))).await;
        }
        for n in 0..40 {
            his.expects_message(&n.to_string()).await;
        }
    }

    async fn what_is_wrong_with_a_send_is_said_in_its_acknowledgement(hub: &TestHub) {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        let mut socket = alice.connects_to(hub.node(0)).await;
        let nobody = Uuid::new_v4().to_string();
        let cases = [
            (json!({ "receiverId": bob.id, "text": " " }), "message.empty"),
            (json!({ "receiverId": bob.id, "text": "x".repeat(2001) }), "message.text_too_long"),
            (json!({ "receiverId": bob.id, "text": "a\u{0}b" }), "message.text_invalid"),
            (json!({ "receiverId": alice.id, "text": "me" }), "message.to_self"),
            (json!({ "receiverId": nobody, "text": "anyone?" }), "message.receiver_not_found"),
            (json!({ "receiverId": "bob", "text": "hi" }), "request.bad_id"),
            (json!({ "receiverId": bob.id, "text": "hi", "clientId": "no uuid" }), "request.bad_id"),
            (json!({ "receiverId": bob.id, "text": 5 }), "request.malformed"),
            (json!({ "text": "hi" }), "request.malformed"),
            (json!("hi"), "request.malformed"),
            (json!(null), "request.malformed"),
        ];
        for (payload, code) in cases {
            let answer = socket.asks("sendMessage", payload.clone()).await;
            assert_eq!((&answer["ok"], &answer["error"]["code"]), (&json!(false), &json!(code)), "{payload}");
            assert!(answer["error"]["message"].is_string());
        }
        let answer = socket.asks("sendMessage", json!({ "receiverId": bob.id, "text": "fine" })).await;
        assert_eq!(answer["ok"], true);
    }

    async fn a_conversation_is_marked_as_read_over_the_socket(hub: &TestHub) {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        let first = alice.sends(&bob, "one").await;
        alice.sends(&bob, "two").await;
        let mut socket = bob.connects_to(hub.node(0)).await;

        let answer = socket.asks("messagesRead", json!({ "userId": alice.id, "upTo": first["_id"] })).await;

        assert_eq!(answer, json!({ "ok": true, "userId": alice.id, "upTo": first["_id"], "unreadCount": 1 }));
        assert_eq!(socket.expects("messagesRead").await["unreadCount"], 1);
        let unknown = socket.asks("messagesRead", json!({ "userId": alice.id, "upTo": Uuid::new_v4() })).await;
        assert_eq!(unknown["error"]["code"], "message.not_found");
    }
}

//! Sending through REST.

use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};
use uuid::Uuid;

use crate::support::{TestHub, on_both_databases};

fn fields(message: &Value) -> Vec<&str> {
    let mut fields: Vec<&str> = message.as_object().expect("an object").keys().map(String::as_str).collect();
    fields.sort_unstable();
    fields
}

on_both_databases! {
    async fn a_text_is_answered_as_it_was_stored(hub: &TestHub) {
        let [ann, bob] = hub.users(["ann", "bob"]).await;
        let sent = ann.sends(&bob, "  hello  ").await;
        assert_eq!(fields(&sent), ["_id", "createdAt", "receiverId", "senderId", "text", "updatedAt"], "no image, not null");
        let said = (&sent["senderId"], &sent["receiverId"], &sent["text"]);
        assert_eq!(said, (&json!(ann.id), &json!(bob.id), &json!("  hello  ")));
        assert_eq!(bob.history_with(&ann).await, [sent]);
    }

    async fn what_is_wrong_with_a_send_is_said_in_the_contracts_words(hub: &TestHub) {
        let [ann, bob] = hub.users(["ann", "bob"]).await;
        let empty = ("Text or image is required.", "message.empty");
        let cases = [
            (json!({}), empty),
            (json!({ "text": "", "image": "" }), empty),
            (json!({ "text": null, "image": null }), empty),
            (json!({ "text": " \n\t " }), empty),
            (json!({ "text": "x".repeat(2001) }), ("Text must be at most 2000 characters.", "message.text_too_long")),
            (json!({ "text": "a\u{0}b" }), ("Text must not contain NUL characters.", "message.text_invalid")),
        ];
        for (body, (message, code)) in cases {
            ann.tries_to_send(&bob.id, body).await.is_error(400, message, code);
        }
        let self_message = ann.tries_to_send(&ann.id, json!({ "text": "me" })).await;
        self_message.is_error(400, "Cannot send messages to yourself.", "message.to_self");
        let nobody = ann.tries_to_send(&Uuid::new_v4().to_string(), json!({ "text": "anyone?" })).await;
        nobody.is_error(404, "Receiver not found.", "message.receiver_not_found");
        let bad_id = ann.tries_to_send("bob", json!({ "text": "hi" })).await;
        assert_eq!((bad_id.status.as_u16(), &bad_id.body["code"]), (400, &json!("request.bad_id")));
        for body in [json!({ "text": 5 }), json!({ "text": ["a"] }), json!({ "image": {} }), json!([]), json!("text")] {
            let refused = ann.tries_to_send(&bob.id, body.clone()).await;
            assert_eq!((refused.status.as_u16(), &refused.body["code"]), (400, &json!("request.malformed")), "{body}");
        }
        assert!(bob.history_with(&ann).await.is_empty(), "nothing was stored");
    }

    async fn two_thousand_characters_of_any_script_are_a_text(hub: &TestHub) {
        let [ann, bob] = hub.users(["ann", "bob"]).await;
        let text = "ё👍".repeat(1000);
        ann.sends(&bob, &text).await;
        assert_eq!(bob.history_with(&ann).await[0]["text"], text.as_str());
    }

    async fn a_retry_with_the_same_client_id_answers_the_first_message(hub: &TestHub) {
        let [ann, bob, carol] = hub.users(["ann", "bob", "carol"]).await;
        let client_id = Uuid::new_v4().to_string();
        let first = ann.tries_to_send(&bob.id, json!({ "text": "once", "clientId": client_id })).await.is(201);
        assert_eq!(first["clientId"], client_id.as_str());
        let again = ann.tries_to_send(&bob.id, json!({ "text": "another text", "clientId": client_id })).await.is(201);
        assert_eq!(again, first);
        assert_eq!(bob.history_with(&ann).await.len(), 1);
        let elsewhere = ann.tries_to_send(&carol.id, json!({ "text": "once", "clientId": client_id })).await;
        elsewhere.is_error(409, "clientId was already used for a message to somebody else.", "message.client_id_reused");
        let his_own = bob.tries_to_send(&ann.id, json!({ "text": "mine", "clientId": client_id })).await;
        his_own.is(201);
        let bad = ann.tries_to_send(&bob.id, json!({ "text": "hi", "clientId": "7" })).await;
        assert_eq!(bad.status, 400, "{}", bad.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_who_hangs_up_during_the_send_delays_nothing() {
    // No sweep: only the hint can bring the message in time.
    let hub = TestHub::cluster_with(1, &[("HUBBUB__REALTIME__SWEEP_INTERVAL", "5m")]).await;
    let [ann, bob] = hub.users(["ann", "bob"]).await;
    let mut his = bob.connects_to(hub.node(0)).await;
    let request = format!(
        "POST /api/messages/send/{} HTTP/1.1\r\nhost: hub\r\ncookie: jwt={}\r\ncontent-type: application/json\r\n\
         content-length: 21\r\n\r\n{{\"text\":\"hanging up\"}}",
        bob.id, ann.token
    );
    for _ in 0..100 {
        let mut connection = TcpStream::connect(hub.node(0).address()).await.unwrap();
        connection.write_all(request.as_bytes()).await.unwrap();
        // Gone at some moment between the first byte and the answer.
        tokio::task::yield_now().await;
    }
    ann.sends(&bob, "marker").await;
    while his.expects("newMessage").await["text"] != "marker" {}
    let sent = bob.history_with(&ann).await.len() as f64;
    assert_eq!(hub.node(0).metric("hubbub_messages_accepted_total").await, sent);
    assert_eq!(hub.node(0).metric("hubbub_gaps_repaired_total").await, 0.0, "every hint came, none was read from the log");
    hub.stops().await;
}

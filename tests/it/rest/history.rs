//! What was said, and what of it was read.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{TestHub, on_both_databases};

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().expect("an array").iter().map(|message| message["text"].as_str().expect("a text")).collect()
}

async fn unread(reader: &crate::support::TestUser) -> Value {
    reader.gets("/api/messages/chats").await.is(200)[0]["unreadCount"].clone()
}

on_both_databases! {
    async fn history_is_both_directions_oldest_first(hub: &TestHub) {
        let [ann, bob, carol] = hub.users(["ann", "bob", "carol"]).await;
        ann.sends(&bob, "one").await;
        bob.sends(&ann, "two").await;
        carol.sends(&ann, "from somebody else").await;
        for (me, other) in [(&ann, &bob), (&bob, &ann)] {
            let history = me.gets(&format!("/api/messages/{}", other.id)).await.is(200);
            assert_eq!(texts(&history), ["one", "two"]);
        }
    }

    async fn an_unknown_person_has_an_empty_history_and_a_malformed_id_is_refused(hub: &TestHub) {
        let [ann] = hub.users(["ann"]).await;
        assert_eq!(ann.gets(&format!("/api/messages/{}", Uuid::new_v4())).await.is(200), json!([]));
        for id in ["nobody", "123", "%00", "0192f0c12b3c7def8123456789abcdef"] {
            let refused = ann.gets(&format!("/api/messages/{id}")).await;
            assert_eq!((refused.status.as_u16(), &refused.body["code"]), (400, &json!("request.bad_id")), "{id}");
        }
    }

    async fn older_pages_are_behind_the_link_header(hub: &TestHub) {
        let [ann, bob] = hub.users(["ann", "bob"]).await;
        for n in 1..=5 {
            ann.sends(&bob, &n.to_string()).await;
        }
        let mut path = format!("/api/messages/{}?limit=2", ann.id);
        let mut pages = Vec::new();
        loop {
            let answer = bob.gets(&path).await;
            let link = answer.header("link").map(str::to_owned);
            pages.push(texts(&answer.is(200)).join(" "));
            let Some(link) = link else { break };
            path = link.trim_start_matches('<').split_once('>').expect("a link").0.to_owned();
        }
        assert_eq!(pages, ["4 5", "2 3", "1"]);
    }

    async fn loading_a_conversation_as_existing_frontends_do_marks_it_as_read(hub: &TestHub) {
        let [ann, bob] = hub.users(["ann", "bob"]).await;
        ann.sends(&bob, "one").await;
        ann.sends(&bob, "two").await;
        assert_eq!(unread(&bob).await, 2);
        bob.gets(&format!("/api/messages/{}?limit=50", ann.id)).await.is(200);
        assert_eq!(unread(&bob).await, 2, "a frontend that pages knows read marks and says so itself");
        bob.history_with(&ann).await;
        assert_eq!(unread(&bob).await, 0);
    }

    async fn reading_up_to_a_message_never_moves_backwards(hub: &TestHub) {
        let [ann, bob, carol] = hub.users(["ann", "bob", "carol"]).await;
        let first = ann.sends(&bob, "one").await;
        let second = ann.sends(&bob, "two").await;
        ann.sends(&bob, "three").await;
        let elsewhere = carol.sends(&ann, "elsewhere").await;
        let read = format!("/api/messages/{}/read", ann.id);

        let mark = bob.posts(&read, json!({ "upTo": second["_id"] })).await.is(200);
        assert_eq!(mark, json!({ "userId": ann.id, "upTo": second["_id"], "unreadCount": 1 }));
        let mark = bob.posts(&read, json!({ "upTo": first["_id"] })).await.is(200);
        assert_eq!(mark["upTo"], second["_id"], "where it stood");
        assert_eq!(unread(&bob).await, 1);

        for unknown in [elsewhere["_id"].clone(), json!(Uuid::new_v4())] {
            bob.posts(&read, json!({ "upTo": unknown })).await.is_error(404, "Message not found.", "message.not_found");
        }
        for body in [json!({}), json!({ "upTo": 5 }), json!({ "upTo": "x" })] {
            assert_eq!(bob.posts(&read, body).await.status, 400);
        }
    }
}

//! `GET /api/sync`: everything that changed, in order, in pages.

use serde_json::{Value, json};

use crate::support::{TestHub, on_both_databases};

fn texts(page: &Value) -> Vec<&str> {
    page["events"].as_array().expect("events").iter().filter_map(|event| event["data"]["text"].as_str()).collect()
}

on_both_databases! {
    async fn what_changed_comes_in_pages_until_next_is_the_end(hub: &TestHub) {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        let start = bob.gets("/api/sync").await.is(200);
        assert_eq!(start, json!({ "events": [], "next": "1.0", "position": "1.0" }));
        for n in 1..=5 {
            alice.sends(&bob, &n.to_string()).await;
        }

        let mut since = start["next"].as_str().unwrap().to_owned();
        let mut pages = Vec::new();
        loop {
            let page = bob.gets(&format!("/api/sync?since={since}&limit=2")).await.is(200);
            since = page["next"].as_str().unwrap().to_owned();
            pages.push(texts(&page).join(","));
            if page["next"] == page["position"] {
                break;
            }
        }
        assert_eq!(pages, ["1,2", "3,4", "5"]);
        assert_eq!(since, "1.5");
    }

    async fn an_event_is_what_a_socket_would_have_got(hub: &TestHub) {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        let mut his = bob.connects_to(hub.node(0)).await;
        alice.sends(&bob, "hello").await;
        let message = his.expects_message("hello").await;
        let page = bob.gets("/api/sync?since=1.0").await.is(200);
        assert_eq!(page["events"], json!([{ "event": "newMessage", "data": message, "position": his.position() }]));
    }

    async fn a_position_that_leads_nowhere_is_a_reset(hub: &TestHub) {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        alice.sends(&bob, "one").await;
        let reset = |reason: &str| json!({ "reset": reason, "position": "1.1" });
        assert_eq!(bob.gets("/api/sync?since=2.1").await.is(200), reset("unknown_log"));
        assert_eq!(bob.gets("/api/sync?since=1.9").await.is(200), reset("ahead"));
        let malformed = bob.gets("/api/sync?since=noon").await;
        assert_eq!((malformed.status.as_u16(), &malformed.body["code"]), (400, &json!("request.malformed")));
    }
}

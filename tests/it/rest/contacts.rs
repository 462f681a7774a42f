//! Whom I could talk with, and whom I do.

use serde_json::{Value, json};
use std::time::Duration;

use crate::support::{Answer, TestHub, TestUser, on_both_databases};

fn names(list: &Value) -> Vec<&str> {
    list.as_array().expect("an array").iter().map(|user| user["fullName"].as_str().expect("a name")).collect()
}

/// The path in `Link: <…>; rel="next"`.
fn next(answer: &Answer) -> Option<String> {
    let link = answer.header("link")?;
    let (path, rest) = link.strip_prefix('<')?.split_once('>')?;
    assert_eq!(rest, "; rel=\"next\"");
    Some(path.to_owned())
}

/// All rows of a paged list, page by page.
async fn all_pages(user: &TestUser, first: &str) -> Vec<Vec<Value>> {
    let (mut pages, mut path) = (Vec::new(), Some(first.to_owned()));
    while let Some(current) = path {
        let answer = user.gets(&current).await;
        path = next(&answer);
        pages.push(answer.is(200).as_array().expect("an array").clone());
        assert!(pages.len() < 50, "pages without end");
    }
    pages
}

on_both_databases! {
    async fn contacts_are_everybody_else_oldest_first_without_addresses(hub: &TestHub) {
        let [ann, bob, carol] = hub.users(["ann", "bob", "carol"]).await;
        let contacts = bob.gets("/api/messages/contacts").await.is(200);
        assert_eq!(names(&contacts), ["ann", "carol"]);
        let mut fields: Vec<&String> = contacts[0].as_object().unwrap().keys().collect();
        fields.sort();
        assert_eq!(fields, ["_id", "createdAt", "fullName", "profilePic", "updatedAt"], "no address");
        assert_eq!((contacts[0]["_id"].as_str(), contacts[1]["_id"].as_str()), (Some(&*ann.id), Some(&*carol.id)));
    }

    async fn contacts_are_paged_by_the_link_header(hub: &TestHub) {
        let [me, ..] = hub.users(["me", "p1", "p2", "p3", "p4", "p5"]).await;
        let pages = all_pages(&me, "/api/messages/contacts?limit=2").await;
        let sizes: Vec<usize> = pages.iter().map(Vec::len).collect();
        assert_eq!(sizes, [2, 2, 1]);
        assert_eq!(names(&Value::Array(pages.concat())), ["p1", "p2", "p3", "p4", "p5"]);
    }

    async fn contacts_are_searched_by_a_part_of_the_name_taken_literally(hub: &TestHub) {
        let [me, ..] = hub.users(["me", "Ann Lee", "Joanna", "100% Bob", "under_score", "underscore"]).await;
        for (q, expected) in [
            ("AN", vec!["Ann Lee", "Joanna"]),
            ("%25", vec!["100% Bob"]),
            ("r_s", vec!["under_score"]),
            ("nobody", vec![]),
        ] {
            let found = me.gets(&format!("/api/messages/contacts?q={q}")).await.is(200);
            assert_eq!(names(&found), expected, "{q}");
        }
        let pages = all_pages(&me, "/api/messages/contacts?q=n&limit=1").await;
        assert_eq!(names(&Value::Array(pages.concat())), ["Ann Lee", "Joanna", "under_score", "underscore"]);
    }

    async fn chats_are_those_i_exchanged_messages_with_most_recent_first(hub: &TestHub) {
        let [me, ann, bob, _stranger] = hub.users(["me", "ann", "bob", "stranger"]).await;
        me.sends(&ann, "to ann").await;
        hub.clock().advance(Duration::from_secs(1));
        bob.sends(&me, "one").await;
        let last = bob.sends(&me, "two").await;

        let chats = me.gets("/api/messages/chats").await.is(200);
        assert_eq!(names(&chats), ["bob", "ann"]);
        assert_eq!((&chats[0]["lastMessage"], &chats[0]["unreadCount"]), (&last, &json!(2)));
        assert_eq!(chats[1]["unreadCount"], 0, "my own messages are not unread: {chats}");
        assert!(chats[0].get("email").is_none());

        hub.clock().advance(Duration::from_secs(1));
        me.sends(&ann, "again").await;
        assert_eq!(names(&me.gets("/api/messages/chats").await.is(200)), ["ann", "bob"]);
        let pages = all_pages(&me, "/api/messages/chats?limit=1").await;
        assert_eq!(names(&Value::Array(pages.concat())), ["ann", "bob"]);
    }

    async fn malformed_page_parameters_are_refused(hub: &TestHub) {
        let [me, bob] = hub.users(["me", "bob"]).await;
        let history = format!("/api/messages/{}", bob.id);
        for path in ["/api/messages/contacts", "/api/messages/chats", &history] {
            for query in ["limit=0", "limit=1001", "limit=x", "limit=-1", "cursor=zzz", "before=x"] {
                if (query.starts_with("before") && path != history) || (query.starts_with("cursor") && path == history) {
                    continue;
                }
                let refused = me.gets(&format!("{path}?{query}")).await;
                assert_eq!(refused.status, 400, "{path}?{query}: {}", refused.body);
                assert!(refused.body["message"].is_string() && refused.body["code"] == "request.malformed", "{}", refused.body);
            }
        }
    }
}

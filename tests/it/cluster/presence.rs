//! Who is online, over several nodes, for clients that are told what changes.

use serde_json::json;

use crate::support::{Redis, TestHub};

/// Long enough for a busy machine, short enough for a test.
const PATIENT: &[(&str, &str)] = &[("HUBBUB__CLUSTER__DEAF_AFTER", "1s")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_and_goes_on_another_node_is_told_with_the_time_at_which_they_left() {
    let hub = TestHub::cluster(2).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut hers = alice.takes_changes_at(hub.node(0)).await;

    let his = bob.connects_to(hub.node(1)).await;
    hers.is_told_online(&bob.id).await;
    let before = hub.clock().now();
    his.hangs_up().await;

    let gone = hers.is_told_offline(&bob.id).await;
    let last_seen: chrono::DateTime<chrono::Utc> = gone["lastSeen"].as_str().unwrap().parse().unwrap();
    assert!(last_seen >= before, "{gone}");
    // Whoever asks any node is told the same.
    for node in 0..2 {
        let status = alice.at(hub.node(node)).gets(&format!("/api/users/{}/presence", bob.id)).await.is(200);
        assert_eq!(status, json!({ "userId": bob.id, "state": "offline", "lastSeen": gone["lastSeen"] }));
    }
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_is_away_nobody_is_offline_and_clients_know_that_it_is_not_known() {
    let mut redis = Redis::starts();
    let hub = TestHub::cluster_with(2, &[&[("REDIS_URL", redis.url().as_str())], PATIENT].concat()).await;
    hub.settles().await;
    let [alice, bob, carol] = hub.users(["alice", "bob", "carol"]).await;
    let mut hers = alice.takes_changes_at(hub.node(0)).await;
    let mut known = hers.expects("presence:snapshot").await["state"] == "known";
    while !known {
        known = hers.expects("presence:state").await["state"] == "known";
    }
    let bobs = bob.connects_to(hub.node(0)).await;
    hers.is_told_online(&bob.id).await;
    let carols = carol.connects_to(hub.node(1)).await;
    hers.is_told_online(&carol.id).await;

    redis.dies();
    assert_eq!(hers.expects("presence:state").await, json!({ "state": "unknown" }));
    bobs.hangs_up().await;
    carols.hangs_up().await;
    // Bob goes on elsewhere, where nobody can tell from here.
    let _again = bob.connects_to(hub.node(1)).await;
    let late = alice.at(hub.node(0)).takes_changes_at(hub.node(0)).await.expects("presence:snapshot").await;
    assert_eq!(late["state"], "unknown", "{late}");
    assert!(late["online"].as_array().unwrap().contains(&json!(bob.id)), "{late}");

    redis.returns();
    let (mut told_offline, mut states) = (Vec::new(), Vec::new());
    while told_offline.is_empty() || states.is_empty() {
        match hers.hears_next_of(&["presence", "presence:state"]).await {
            (name, payload) if name == "presence:state" => states.push(payload["state"].clone()),
            (_, payload) => told_offline.extend(payload["offline"].as_array().unwrap().iter().map(|gone| gone["id"].clone())),
        }
    }
    assert_eq!((states, told_offline), (vec![json!("known")], vec![json!(carol.id)]), "she left, and Bob did not");
    hub.stops().await;
}

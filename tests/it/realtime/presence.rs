//! `getOnlineUsers`: the list, to whoever connects and when it changes.

use serde_json::{Value, json};

use crate::support::{TestHub, eventually, on_both_databases};

on_both_databases! {
    async fn everybody_sees_who_comes_and_goes(hub: &TestHub) {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        let mut hers = alice.connects_to(hub.node(0)).await;
        hers.expects_online(&[&alice.id]).await;
        let mut his = bob.connects_to(hub.node(0)).await;
        his.expects_online(&[&alice.id, &bob.id]).await;
        hers.expects_online(&[&alice.id, &bob.id]).await;
        his.hangs_up().await;
        hers.expects_online(&[&alice.id]).await;
    }

    async fn closing_one_of_two_tabs_leaves_its_owner_online(hub: &TestHub) {
        let [alice, bob, carol] = hub.users(["alice", "bob", "carol"]).await;
        let mut hers = alice.connects_to(hub.node(0)).await;
        let first = bob.connects_to(hub.node(0)).await;
        let mut second = bob.connects_to(hub.node(0)).await;
        hers.expects_online(&[&alice.id, &bob.id]).await;

        first.hangs_up().await;
        // The next list that anybody gets is because of Carol, and Bob is still in it.
        let _carols = carol.connects_to(hub.node(0)).await;
        let list = hers.expects("getOnlineUsers").await;
        assert_eq!(list.as_array().map(Vec::len), Some(3), "{list}");

        alice.sends(&bob, "the second tab is not deaf").await;
        second.expects_message("the second tab is not deaf").await;
    }
}

#[tokio::test]
async fn a_reload_makes_nobody_flicker() {
    let hub = TestHub::alone_with(&[("HUBBUB__PRESENCE__GRACE", "30s")]).await;
    let [alice, bob, carol] = hub.users(["alice", "bob", "carol"]).await;
    let mut hers = alice.connects_to(hub.node(0)).await;
    let tab = bob.connects_to(hub.node(0)).await;
    hers.expects_online(&[&alice.id, &bob.id]).await;

    tab.hangs_up().await;
    let _reloaded = bob.connects_to(hub.node(0)).await;
    let _marker = carol.connects_to(hub.node(0)).await;

    let list = hers.expects("getOnlineUsers").await;
    assert_eq!(list.as_array().map(Vec::len), Some(3), "no list without Bob came between: {list}");
    hub.stops().await;
}

on_both_databases! {
    async fn a_client_that_asked_for_changes_gets_a_snapshot_and_then_only_what_changed(hub: &TestHub) {
        let [alice, bob, carol] = hub.users(["alice", "bob", "carol"]).await;
        let _his = bob.connects_to(hub.node(0)).await;
        let mut hers = alice.takes_changes_at(hub.node(0)).await;

        let snapshot = hers.expects("presence:snapshot").await;
        assert_eq!((&snapshot["scope"], &snapshot["state"]), (&json!("everyone"), &json!("known")));
        assert!(snapshot["online"].as_array().unwrap().contains(&json!(bob.id)), "{snapshot}");
        assert!(snapshot["position"].is_string(), "where she is in her log: {snapshot}");

        let carols = carol.connects_to(hub.node(0)).await;
        hers.is_told_online(&carol.id).await;
        carols.hangs_up().await;
        let gone = hers.is_told_offline(&carol.id).await;
        assert!(gone["lastSeen"].is_string(), "{gone}");
        assert_eq!(hers.lists_so_far().await, Vec::<Vec<String>>::new(), "lists are for those who know nothing else");
    }

    async fn the_position_in_a_snapshot_is_one_to_come_back_to(hub: &TestHub) {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        let mut his = bob.takes_changes_at(hub.node(0)).await;
        let seen = his.expects("presence:snapshot").await["position"].as_str().unwrap().to_owned();
        his.hangs_up().await;
        alice.sends(&bob, "while he was away").await;

        let mut his = bob.comes_back_to(hub.node(0), json!({ "since": seen, "presence": "diff" })).await;
        his.expects_message("while he was away").await;
        let snapshot = his.expects("presence:snapshot").await;
        assert_ne!(snapshot["position"], json!(seen), "it is where the replay ended: {snapshot}");
    }

    async fn when_somebody_was_last_here_is_known_after_they_left(hub: &TestHub) {
        let [alice, bob] = hub.users(["alice", "bob"]).await;
        let path = format!("/api/users/{}/presence", bob.id);
        let his = bob.connects_to(hub.node(0)).await;
        eventually("him to be online", || async { (alice.gets(&path).await.is(200)["state"] == "online").then_some(()) }).await;
        let before = hub.clock().now();
        his.hangs_up().await;

        let last_seen = eventually("him to be offline", || async {
            let status = alice.gets(&path).await.is(200);
            (status["state"] == "offline").then(|| status["lastSeen"].as_str().unwrap().to_owned())
        });
        let last_seen: chrono::DateTime<chrono::Utc> = last_seen.await.parse().unwrap();
        let after = hub.clock().now() - last_seen;
        assert!(last_seen >= before, "not the time at which he came");
        assert!(after.to_std().unwrap() >= std::time::Duration::from_millis(250), "nor the end of his grace: {after}");
    }
}

#[tokio::test]
async fn whoever_logs_out_is_offline_at_once_but_not_while_another_device_is_there() {
    let hub = TestHub::alone_with(&[("HUBBUB__PRESENCE__GRACE", "5m")]).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut hers = alice.takes_changes_at(hub.node(0)).await;
    let phone = bob.logs_in(hub.node(0)).await;
    let (_his, _phones) = (bob.connects_to(hub.node(0)).await, phone.connects_to(hub.node(0)).await);
    hers.is_told_online(&bob.id).await;

    bob.logs_out().await;
    hers.asks("presence:watch", json!({ "userIds": [bob.id] })).await;
    let status = hers.asks("presence:watch", json!({ "userIds": [bob.id] })).await;
    assert_eq!(status["presence"][0]["state"], "online", "{status}");

    phone.logs_out().await;
    hers.is_told_offline(&bob.id).await;
    hub.stops().await;
}

#[tokio::test]
async fn a_log_out_ends_the_grace_of_a_tab_that_was_closed_before() {
    let hub = TestHub::alone_with(&[("HUBBUB__PRESENCE__GRACE", "5m")]).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut hers = alice.takes_changes_at(hub.node(0)).await;
    let his = bob.connects_to(hub.node(0)).await;
    hers.is_told_online(&bob.id).await;
    his.hangs_up().await;

    bob.logs_out().await;

    hers.is_told_offline(&bob.id).await;
    hub.stops().await;
}

/// Two people at a time see everybody; more see those with whom they talk.
const FEW: &[(&str, &str)] = &[("HUBBUB__PRESENCE__EVERYONE_UP_TO", "2")];

#[tokio::test]
async fn above_the_limit_people_are_told_of_those_with_whom_they_talk_and_the_hub_says_so() {
    let hub = TestHub::alone_with(FEW).await;
    let [alice, bob, carol, dave] = hub.users(["alice", "bob", "carol", "dave"]).await;
    alice.sends(&bob, "hello").await;
    let mut stock = alice.connects_to(hub.node(0)).await;
    let mut aware = alice.takes_changes_at(hub.node(0)).await;
    let everyone = aware.expects("presence:snapshot").await;
    assert_eq!(everyone["scope"], "everyone");
    let scope = |audience| format!("hubbub_presence_audience{{audience=\"{audience}\"}}");
    assert_eq!(hub.node(0).metric(&scope("everyone")).await, 1.0);

    let (_bobs, _carols) = (bob.connects_to(hub.node(0)).await, carol.connects_to(hub.node(0)).await);

    let narrow = aware.expects("presence:snapshot").await;
    assert_eq!(narrow["scope"], "conversations", "{narrow}");
    assert!(!narrow["online"].as_array().unwrap().contains(&json!(carol.id)), "{narrow}");
    stock.expects_online(&[&alice.id, &bob.id]).await;
    assert_eq!((hub.node(0).metric(&scope("everyone")).await, hub.node(0).metric(&scope("conversations")).await), (0.0, 1.0));

    // Whoever begins to talk sees each other.
    carol.sends(&alice, "hello from Carol").await;
    aware.is_told_online(&carol.id).await;
    stock.expects_online(&[&alice.id, &bob.id, &carol.id]).await;
    let _dave = dave;
    hub.stops().await;
}

#[tokio::test]
async fn people_on_the_screen_can_be_watched_whoever_they_are() {
    let settings = [FEW, &[("HUBBUB__PRESENCE__WATCH", "2"), ("HUBBUB__PRESENCE__AUDIENCE", "conversations")]].concat();
    let hub = TestHub::alone_with(&settings).await;
    let [alice, bob, carol, dave] = hub.users(["alice", "bob", "carol", "dave"]).await;
    let bobs = bob.connects_to(hub.node(0)).await;
    let mut hers = alice.takes_changes_at(hub.node(0)).await;
    hers.expects("presence:snapshot").await;

    let watched = hers.asks("presence:watch", json!({ "userIds": [bob.id, carol.id] })).await;
    let state = |at: usize| (watched["presence"][at]["userId"].clone(), watched["presence"][at]["state"].clone());
    assert_eq!((state(0), state(1)), ((json!(bob.id), json!("online")), (json!(carol.id), json!("offline"))), "{watched}");
    assert_eq!(watched["presence"][1]["lastSeen"], Value::Null, "she was never here");
    let carols = carol.connects_to(hub.node(0)).await;
    hers.is_told_online(&carol.id).await;
    bobs.hangs_up().await;
    hers.is_told_offline(&bob.id).await;

    let refused = hers.asks("presence:watch", json!({ "userIds": [dave.id] })).await;
    assert_eq!((&refused["ok"], &refused["error"]["code"]), (&json!(false), &json!("request.malformed")), "{refused}");
    assert_eq!(hers.asks("presence:unwatch", json!({ "userIds": [bob.id, carol.id] })).await, json!({ "ok": true }));
    assert_eq!(hers.asks("presence:watch", json!({ "userIds": [dave.id] })).await["ok"], true);
    carols.hangs_up().await;
    let daves = dave.connects_to(hub.node(0)).await;
    hers.is_told_online(&dave.id).await;
    daves.hangs_up().await;
    let gone = hers.expects("presence").await["offline"].clone();
    assert_eq!(gone.as_array().map(Vec::len), Some(1), "Carol is watched no more: {gone}");
    hub.stops().await;
}

#[tokio::test]
async fn what_cannot_be_watched_is_refused_with_a_reason() {
    let hub = TestHub::alone().await;
    let [alice] = hub.users(["alice"]).await;
    let mut stock = alice.connects_to(hub.node(0)).await;
    let answer = stock.asks("presence:watch", json!({ "userIds": [alice.id] })).await;
    assert!(answer["error"]["message"].as_str().unwrap().contains("presence: \"diff\""), "{answer}");
    let mut aware = alice.takes_changes_at(hub.node(0)).await;
    for (payload, code) in [
        (json!({ "userIds": ["nobody"] }), "request.bad_id"),
        (json!({ "userIds": alice.id }), "request.malformed"),
        (json!({ "userIds": vec![&alice.id; 201] }), "request.malformed"),
    ] {
        assert_eq!(aware.asks("presence:watch", payload).await["error"]["code"], code);
    }
    let nobody = json!({ "userIds": ["00000000-0000-7000-8000-000000000000"] });
    assert_eq!(aware.asks("presence:watch", nobody).await["presence"], json!([]), "who has no account has no presence");
    hub.stops().await;
}

//! What a running node tells of itself: health, metrics, drain.

use serde_json::Value;
use std::time::Duration;

use crate::support::{Redis, TestHub, TestSocket, eventually, user::get};

async fn ready(hub: &TestHub) -> (u16, Value) {
    let answer = get(&hub.node(0).ops_url("/ready")).await;
    (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_serves_is_live_and_ready_and_tells_its_metrics() {
    let hub = TestHub::cluster(1).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut his = bob.connects_to(hub.node(0)).await;
    alice.sends(&bob, "hello").await;
    his.expects_message("hello").await;

    assert_eq!(get(&hub.node(0).ops_url("/live")).await.status(), 200);
    assert_eq!(ready(&hub).await.0, 200);
    assert_eq!(hub.node(0).metric("hubbub_sockets").await, 1.0);
    assert_eq!(hub.node(0).metric("hubbub_messages_accepted_total").await, 1.0);
    let route = "hubbub_http_requests_total{method=\"POST\",route=\"/api/messages/send/{id}\",status=\"201\"}";
    assert_eq!(hub.node(0).metric(route).await, 1.0);
    hub.stops().await;
}

/// The value of a series on one of the nodes.
async fn counted(hub: &TestHub, node: usize, series: &str) -> Option<()> {
    (hub.node(node).metric(series).await >= 1.0).then_some(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_delivered_is_counted_and_timed_by_the_way_it_came() {
    let hub = TestHub::cluster(2).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut hers = alice.connects_to(hub.node(0)).await;
    let mut his = bob.connects_to(hub.node(1)).await;

    alice.at(hub.node(0)).sends(&bob, "hello").await;
    hers.expects_message("hello").await;
    his.expects_message("hello").await;

    for (node, path) in [(0, "local"), (1, "remote")] {
        let (count, timed) = (
            format!("hubbub_log_entries_delivered_total{{path=\"{path}\"}}"),
            format!("hubbub_delivery_seconds_count{{path=\"{path}\"}}"),
        );
        eventually(&count, || counted(&hub, node, &count)).await;
        eventually(&timed, || counted(&hub, node, &timed)).await;
    }
    let within = "hubbub_delivery_seconds_bucket{path=\"remote\",le=\"10\"}";
    assert_eq!(hub.node(1).metric(within).await, 1.0, "both clocks are the same here");
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_told_is_counted_and_timed_as_read_from_the_log() {
    let mut redis = Redis::starts();
    let hub = TestHub::cluster_with(2, &[("REDIS_URL", &redis.url()), ("HUBBUB__REALTIME__SWEEP_INTERVAL", "200ms")]).await;
    hub.settles().await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut his = bob.connects_to(hub.node(1)).await;

    redis.dies();
    alice.at(hub.node(0)).sends(&bob, "hello").await;
    his.expects_message("hello").await;

    let timed = "hubbub_delivery_seconds_count{path=\"log\"}";
    eventually(timed, || counted(&hub, 1, timed)).await;
    assert_eq!(hub.node(1).metric("hubbub_gaps_repaired_total").await, 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waited_for_a_gap_to_be_filled_is_counted_with_it() {
    let redis = Redis::starts();
    let hub = TestHub::cluster_with(2, &[("REDIS_URL", &redis.url()), ("HUBBUB__REDIS__PREFIX", "gap:")]).await;
    hub.settles().await;
    let [alice, bob, carol] = hub.users(["alice", "bob", "carol"]).await;
    let mut hers = carol.connects_to(hub.node(1)).await;
    let mut his = bob.connects_to(hub.node(1)).await;
    let presence = format!("gap:presence:{{{}}}", bob.id);
    let place = eventually("where bob is", || async {
        let place = redis.run(&["HGETALL", &presence]);
        (!place.trim().is_empty()).then_some(place)
    })
    .await;

    redis.run(&["DEL", &presence]);
    alice.at(hub.node(0)).sends(&bob, "told to nobody").await;
    // Nodes are told in order: when this is there, that one has been told to nobody.
    alice.at(hub.node(0)).sends(&carol, "a marker").await;
    hers.expects_message("a marker").await;
    redis.run(&[&["HSET", &presence], place.split_whitespace().collect::<Vec<_>>().as_slice()].concat());
    alice.at(hub.node(0)).sends(&bob, "told").await;
    his.expects_message("told to nobody").await;
    his.expects_message("told").await;

    let (log, remote) =
        ("hubbub_log_entries_delivered_total{path=\"log\"}", "hubbub_log_entries_delivered_total{path=\"remote\"}");
    eventually("all three counted", || async {
        (hub.node(1).metric(log).await + hub.node(1).metric(remote).await == 3.0).then_some(())
    })
    .await;
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_metrics_show_the_pools_and_what_has_not_happened_yet() {
    let hub = TestHub::cluster(1).await;
    let node = hub.node(0);
    for pool in ["read", "write"] {
        assert!(node.metric(&format!("hubbub_database_pool_limit{{pool=\"{pool}\"}}")).await >= 3.0);
        let there =
            ["idle", "used"].map(|state| format!("hubbub_database_pool_connections{{pool=\"{pool}\",state=\"{state}\"}}"));
        assert!(node.metric(&there[0]).await + node.metric(&there[1]).await >= 1.0, "{pool}");
    }
    assert_eq!(node.metric("hubbub_redis_connections{state=\"up\"}").await, 3.0);
    assert!(node.metric("hubbub_beacon_age_seconds").await < 5.0);
    eventually("a look at the runtime", || counted(&hub, 0, "hubbub_runtime_lag_seconds_count")).await;
    // A rate over a series that appears with its first event misses that event.
    let text = get(&node.ops_url("/metrics")).await.text().await.unwrap();
    for series in ["handshakes_total{result=\"throttled\"} 0", "log_entries_delivered_total{path=\"log\"} 0"] {
        assert!(text.contains(&format!("\nhubbub_{series}\n")), "{series}");
    }
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_lets_no_more_sessions_in_than_it_can_take_at_once() {
    let settings = [("HUBBUB__LIMITS__ADMISSION__BURST", "2"), ("HUBBUB__LIMITS__ADMISSION__EVERY", "1h")];
    let hub = TestHub::alone_with(&settings).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut his = bob.connects_to(hub.node(0)).await;
    let polling = hub.node(0).url("/socket.io/?EIO=4&transport=polling");
    assert_eq!(get(&polling).await.status(), 200);

    let refused = get(&polling).await;

    assert_eq!(refused.status(), 503, "a stock client comes back after that");
    assert!(refused.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
    assert_eq!(TestSocket::tries_to_open(hub.node(0), Some(&alice.token), None).await.err(), Some(503));
    alice.sends(&bob, "who is in stays in").await;
    his.expects_message("who is in stays in").await;
    assert_eq!(hub.node(0).metric("hubbub_handshakes_total{result=\"throttled\"}").await, 2.0);
    assert_eq!(hub.node(0).metric("hubbub_rate_limited_total{limit=\"admission\"}").await, 2.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draining_node_is_not_ready_and_closes_its_sockets() {
    let mut hub = TestHub::alone_with(&[("HUBBUB__DRAIN__NOTICE", "700ms")]).await;
    let [bob] = hub.users(["bob"]).await;
    let mut his = bob.connects_to(hub.node(0)).await;
    let url = hub.node(0).ops_url("/ready");
    let (metrics, hub_draining) = (hub.node(0).ops_url("/metrics"), "\nhubbub_draining 1\n");
    assert_eq!(hub.node(0).metric("hubbub_draining").await, 0.0);
    let watching = tokio::spawn(async move {
        eventually("503 from /ready", || async {
            let answer = get(&url).await;
            (answer.status() == 503).then_some(())
        })
        .await;
        assert!(get(&metrics).await.text().await.unwrap().contains(hub_draining));
    });
    hub.node_mut(0).stops().await;
    watching.await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), his.expects_end()).await.expect("the socket's end");
}

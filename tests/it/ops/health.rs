//! What a running node tells of itself: health, metrics, drain.

use serde_json::Value;
use std::time::Duration;

use crate::support::{TestHub, eventually, user::get};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draining_node_is_not_ready_and_closes_its_sockets() {
    let mut hub = TestHub::alone_with(&[("HUBBUB__DRAIN__NOTICE", "700ms")]).await;
    let [bob] = hub.users(["bob"]).await;
    let mut his = bob.connects_to(hub.node(0)).await;
    let url = hub.node(0).ops_url("/ready");
    let watching = tokio::spawn(async move {
        eventually("503 from /ready", || async {
            let answer = get(&url).await;
            (answer.status() == 503).then_some(())
        })
        .await;
    });
    hub.node_mut(0).stops().await;
    watching.await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), his.expects_end()).await.expect("the socket's end");
}

//! Redis away: what works goes on, what can't waits, and all is made good.

use crate::support::{Redis, TestHub, user::get};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sends_and_revocations_work_while_redis_is_away_and_the_rest_is_made_good() {
    let mut redis = Redis::starts();
    let hub = TestHub::cluster_with(2, &[("REDIS_URL", &redis.url())]).await;
    hub.settles().await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut here = bob.connects_to(hub.node(0)).await;
    let mut there = bob.connects_to(hub.node(1)).await;
    let phone = bob.logs_in(hub.node(0)).await;
    let mut phones = phone.connects_to(hub.node(1)).await;
    let mut hers = alice.connects_to(hub.node(0)).await;
    hers.expects_online(&[&alice.id, &bob.id]).await;

    redis.dies();
    alice.sends(&bob, "while it is away").await;
    here.expects_message("while it is away").await;
    there.expects_message("while it is away").await;
    phones.expects_message("while it is away").await;
    phone.logs_out().await;
    phones.expects_end().await;
    assert!(bob.logs_in(hub.node(1)).await.gets("/api/auth/check").await.status.is_success());
    assert_eq!(bob.history_with(&alice).await.len(), 1);
    let ready = get(&hub.node(0).ops_url("/ready")).await;
    assert_eq!(ready.status(), 200, "an outage of Redis must not empty the load balancer");

    redis.returns();
    hub.settles().await;
    let lists = hers.lists_so_far().await;
    assert!(lists.iter().all(|list| list.contains(&bob.id)), "nobody is offline because Redis is: {lists:?}");
    alice.sends(&bob, "back").await;
    here.expects_message("back").await;
    there.expects_message("back").await;
    hub.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_starts_and_serves_its_own_while_redis_is_away() {
    let mut redis = Redis::starts();
    redis.dies();
    let hub = TestHub::cluster_with(1, &[("REDIS_URL", &redis.url())]).await;
    let [alice, bob] = hub.users(["alice", "bob"]).await;
    let mut his = bob.connects_to(hub.node(0)).await;
    alice.sends(&bob, "without Redis").await;
    his.expects_message("without Redis").await;
    redis.returns();
    hub.settles().await;
    alice.sends(&bob, "with Redis").await;
    his.expects_message("with Redis").await;
    hub.stops().await;
}

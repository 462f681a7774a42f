//! What becomes of the people of nodes that died.

use super::*;
use std::time::Instant;

on_every_redis! {
    on one cluster for all {
        one_of_all_sweeps_a_dead_node_and_says_who_is_nowhere_now;
        an_id_that_was_given_up_leaves_nobody_to_report;
    }
    on a cluster of its own {
        a_big_node_is_swept_fast;
    }
}

async fn one_of_all_sweeps_a_dead_node_and_says_who_is_nowhere_now(redis: Deployment) {
    let [a, b, c] = [Node::redis(&redis), Node::redis(&redis), Node::redis(&redis)];
    let [ann, bob, carl] = [UserId::new(), UserId::new(), UserId::new()];
    let then = now() - chrono::TimeDelta::seconds(12);
    a.fences(ann).await;
    b.fences(bob).await;
    b.fences(carl).await;
    c.fences(carl).await;
    for node in [&a, &c] {
        node.knows(true).await;
        node.shows_online(&[ann, bob, carl]).await;
    }
    let versions = [a.online().version, c.online().version];

    b.dies();
    let dead = b.backplane.node();
    a.suspects(dead).await;
    let reported = tokio::join!(a.backplane.sweep(dead, then), c.backplane.sweep(dead, then));

    assert_eq!([reported.0, reported.1].concat(), [bob], "by one of them, and only who is nowhere");
    a.shows_online(&[ann, carl]).await;
    c.shows_online(&[ann, carl]).await;
    assert_eq!([a.backplane.last_seen(bob), c.backplane.last_seen(bob)], [Some(then); 2]);
    assert_eq!([a.online().version, c.online().version], versions.map(|version| version + 1), "announced once");
    assert_eq!(a.backplane.sweep(dead, then).await, []);
    assert_eq!(c.backplane.sweep(dead, then).await, []);
    assert_eq!(a.metrics.nodes_swept.get() + c.metrics.nodes_swept.get(), 1);
}

async fn an_id_that_was_given_up_leaves_nobody_to_report(redis: Deployment) {
    let [a, b] = [Node::redis(&redis), Node::redis(&redis)];
    let [ann, bob] = [UserId::new(), UserId::new()];
    a.fences(ann).await;
    b.fences(bob).await;
    a.knows(true).await;
    a.shows_online(&[ann, bob]).await;
    let (former, version) = (b.backplane.node(), a.online().version);

    redis.run(&of_node(former, "lease"), "DEL {key}");
    until_true("another id", || b.backplane.node() != former).await;
    b.knows(true).await;

    assert_eq!(a.backplane.sweep(former, now()).await, []);
    b.backplane.detach(bob, now());
    a.shows_online(&[ann]).await;
    assert_eq!(a.online().version, version + 1, "nobody flickered");
}

async fn a_big_node_is_swept_fast(redis: Deployment) {
    let [a, b] = [Node::redis(&redis), Node::redis(&redis)];
    a.fences(UserId::new()).await;
    let crowd: Vec<UserId> = (0..15_000).map(|_| UserId::new()).collect();
    futures_util::future::join_all(crowd.iter().map(|user| b.fences(*user))).await;
    until_true("everybody is seen", || a.online().users.len() == crowd.len() + 1).await;
    a.knows(true).await;

    b.dies();
    let dead = b.backplane.node();
    a.suspects(dead).await;
    let since = Instant::now();
    let reported = a.backplane.sweep(dead, now()).await;

    assert_eq!(reported.len(), crowd.len());
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    assert_eq!(a.online().users.len(), 1);
    assert!(!redis.keys().contains(&crowd[0].to_string()));
}

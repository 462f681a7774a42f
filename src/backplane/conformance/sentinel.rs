//! A Sentinel that makes the replica the primary.

use super::{shards::tells, *};

#[tokio::test]
async fn when_the_primary_dies_the_nodes_follow_the_sentinel() {
    fails_over("KILL").await;
}

#[tokio::test]
async fn when_the_primary_hangs_the_nodes_follow_the_sentinel() {
    fails_over("STOP").await;
}

async fn fails_over(signal: &str) {
    let redis = Deployment::sentinel();
    let [mut a, mut b] = [Node::redis(&redis), Node::redis(&redis)];
    let [ann, bob] = [UserId::new(), UserId::new()];
    a.fences(ann).await;
    b.fences(bob).await;
    a.shows_online(&[ann, bob]).await;
    b.shows_online(&[ann, bob]).await;
    let versions = [a.online().version, b.online().version];

    redis.servers()[0].signal(signal);

    a.pulls_reconcile(CUT).await;
    b.pulls_reconcile(CUT).await;
    tells(&a, &mut b, bob).await;
    tells(&b, &mut a, ann).await;
    assert!(redis.servers()[1].run("INFO replication").contains("role:master"));
    a.knows(true).await;
    b.knows(true).await;
    assert_eq!([a.online().version, b.online().version], versions, "nobody flickered");
    assert_eq!((a.online().users, b.online().users), (Arc::new(vec![ann, bob]), Arc::new(vec![ann, bob])));
}

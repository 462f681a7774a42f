//! What is noticed and repaired.

use super::*;

on_every_redis! {
    on one cluster for all {
        a_number_that_goes_missing_is_noticed;
        a_number_that_goes_missing_in_a_stream_is_noticed;
        a_number_that_is_lower_than_expected_is_noticed;
        what_redis_wrongly_holds_for_a_node_is_corrected;
        a_node_that_died_is_swept_by_one_and_forgotten_by_all;
        a_living_node_is_not_swept;
        a_living_node_that_is_not_listed_any_more_lists_itself_again;
        what_did_not_fit_the_queue_makes_the_others_reconcile;
    }
    on a cluster of its own {
        after_a_restart_of_redis_all_nodes_reconcile_and_hear_again;
        after_a_flush_nodes_come_back_under_new_ids_and_nobody_looks_offline;
        a_lost_subscription_is_noticed_and_made_again;
        another_history_of_the_server_makes_nodes_register_again;
        publishing_returns_at_once_while_redis_is_away_and_is_made_good;
        whoever_attached_without_redis_is_registered_when_it_comes;
        without_redis_the_node_decides_limits_by_itself;
        a_node_without_redis_says_that_it_is_deaf;
        a_redis_that_hangs_is_noticed_and_healed_from;
    }
}

async fn after_a_restart_of_redis_all_nodes_reconcile_and_hear_again(redis: Deployment) {
    let [mut a, mut b] = [Node::redis(&redis), Node::redis(&redis)];
    let [ann, bob] = [UserId::new(), UserId::new()];
    a.fences(ann).await;
    b.fences(bob).await;
    a.shows_online(&[ann, bob]).await;

    assert!(redis.restart());

    a.pulls_reconcile(CUT).await;
    b.pulls_reconcile(CUT).await;
    a.backplane.publish(envelope(&[bob]));
    assert_eq!(b.pulls_envelopes_until(bob).await, [bob]);
    a.shows_online(&[ann, bob]).await;
    b.shows_online(&[ann, bob]).await;
}

async fn after_a_flush_nodes_come_back_under_new_ids_and_nobody_looks_offline(redis: Deployment) {
    let [mut a, mut b] = [Node::redis(&redis), Node::redis(&redis)];
    let [ann, bob] = [UserId::new(), UserId::new()];
    a.fences(ann).await;
    b.fences(bob).await;
    a.shows_online(&[ann, bob]).await;
    b.shows_online(&[ann, bob]).await;
    let (former, version) = (b.backplane.node(), a.online().version);

    redis.run_everywhere("FLUSHALL");

    a.pulls_reconcile(&[Reason::LeaseLost]).await;
    b.pulls_reconcile(&[Reason::LeaseLost]).await;
    assert_ne!(b.backplane.node(), former);
    a.backplane.publish(envelope(&[bob]));
    assert_eq!(b.pulls_envelopes_until(bob).await, [bob]);
    assert_eq!((a.online().version, a.online().users.as_slice()), (version, [ann, bob].as_slice()), "nobody flickered");
}

async fn a_lost_subscription_is_noticed_and_made_again(redis: Deployment) {
    let [a, mut b] = [Node::redis(&redis), Node::redis(&redis)];
    let bob = UserId::new();
    a.fences(UserId::new()).await;
    b.fences(bob).await;

    redis.run_everywhere("CLIENT KILL TYPE pubsub");

    b.pulls_reconcile(CUT).await;
    a.backplane.publish(envelope(&[bob]));
    assert_eq!(b.pulls_envelopes_until(bob).await, [bob]);
}

async fn another_history_of_the_server_makes_nodes_register_again(redis: Deployment) {
    let [a, mut b] = [Node::redis(&redis), Node::redis(&redis)];
    a.fences(UserId::new()).await;
    let bob = somebody_elsewhere(&redis, b.backplane.node());
    b.fences(bob).await;

    redis.run(&presence(bob), "DEL {key}");
    redis.holder(&presence(bob)).expect("it serves").run("DEBUG CHANGE-REPL-ID");

    b.pulls_reconcile(&[Reason::Reconnected]).await;
    a.backplane.publish(envelope(&[bob]));
    assert_eq!(b.pulls_envelopes_until(bob).await, [bob]);
}

async fn a_number_that_goes_missing_is_noticed(redis: Deployment) {
    let mut node = Node::redis(&redis);
    node.fences(UserId::new()).await;

    redis.run(&of_node(node.backplane.node(), "number"), "INCR {key}");

    node.pulls_reconcile(&[Reason::InboxGap]).await;
}

async fn a_number_that_goes_missing_in_a_stream_is_noticed(redis: Deployment) {
    let mut node = Node::redis(&redis);
    node.fences(UserId::new()).await;
    let (inbox, publish) = (of_node(node.backplane.node(), "inbox"), if redis.is_clustered() { "SPUBLISH" } else { "PUBLISH" });

    for number in [7, 9] {
        redis.run(&inbox, &format!("{publish} {{key}} a1.{number}|[]"));
    }

    node.pulls_reconcile(&[Reason::InboxGap]).await;
}

async fn a_number_that_is_lower_than_expected_is_noticed(redis: Deployment) {
    let mut node = Node::redis(&redis);
    node.fences(UserId::new()).await;
    // The next beacon shall be lower even if it is only the second.
    redis.run(&of_node(node.backplane.node(), "number"), "SET {key} 1000");
    node.pulls_reconcile(&[Reason::InboxGap]).await;

    redis.run(&of_node(node.backplane.node(), "number"), "SET {key} 10");

    node.pulls_reconcile(&[Reason::InboxGap]).await;
}

async fn what_redis_wrongly_holds_for_a_node_is_corrected(redis: Deployment) {
    let [a, b] = [Node::redis(&redis), Node::redis(&redis)];
    let [ann, bob, ghost] = [UserId::new(), UserId::new(), UserId::new()];
    a.fences(ann).await;
    b.fences(bob).await;
    b.shows_online(&[ann, bob]).await;
    let node = a.backplane.node();

    redis.run(&presence(ghost), &format!("HSET {{key}} {node} 77"));
    redis.run(&of_node(node, "users"), &format!("SADD {{key}} {ghost}"));
    redis.run(&of_node(node, "version"), "INCR {key}");

    let gone = async {
        while redis.keys().contains(&ghost.to_string()) {
            tokio::task::yield_now().await
        }
    };
    timeout(PATIENCE, gone).await.expect("the ghost is laid in time");
    b.shows_online(&[ann, bob]).await;
}

async fn a_node_that_died_is_swept_by_one_and_forgotten_by_all(redis: Deployment) {
    let [mut a, b, mut c] = [Node::redis(&redis), Node::redis(&redis), Node::redis(&redis)];
    let [ann, bob, carl] = [UserId::new(), UserId::new(), UserId::new()];
    a.fences(ann).await;
    b.fences(bob).await;
    c.fences(carl).await;
    a.shows_online(&[ann, bob, carl]).await;
    c.shows_online(&[ann, bob, carl]).await;

    b.dies();
    let dead = b.backplane.node();
    a.suspects(dead).await;
    assert_eq!(*a.online().users, [ann, bob, carl], "suspected is not dead");
    tokio::join!(a.backplane.sweep(dead, now()), c.backplane.sweep(dead, now()));

    a.pulls_reconcile(&[Reason::PeerDied]).await;
    c.pulls_reconcile(&[Reason::PeerDied]).await;
    a.shows_online(&[ann, carl]).await;
    c.shows_online(&[ann, carl]).await;
    assert!(!a.backplane.suspects().await.contains(&dead));
}

async fn a_living_node_is_not_swept(redis: Deployment) {
    let [a, b] = [Node::redis(&redis), Node::redis(&redis)];
    let [ann, bob] = [UserId::new(), UserId::new()];
    a.fences(ann).await;
    b.fences(bob).await;
    a.shows_online(&[ann, bob]).await;

    a.backplane.sweep(b.backplane.node(), now()).await;
    a.backplane.sweep(a.backplane.node(), now()).await;

    assert_eq!(*a.online().users, [ann, bob]);
    assert_eq!(a.backplane.suspects().await, []);
}

async fn a_living_node_that_is_not_listed_any_more_lists_itself_again(redis: Deployment) {
    let [a, mut b] = [Node::redis(&redis), Node::redis(&redis)];
    let bob = UserId::new();
    b.fences(bob).await;
    a.shows_online(&[bob]).await;

    redis.run("nodes", "DEL {key}");

    // Every node is told of a revocation, so it comes through when b is listed; each beat is another chance.
    let (session, mut ticks) = (SessionId::new(), tokio::time::interval(Duration::from_millis(50)));
    let telling = async {
        loop {
            ticks.tick().await;
            a.backplane.revoke(session);
        }
    };
    tokio::select! {
        () = telling => {}
        () = b.pulls("the revocation", |signal| matches!(signal, Signal::Revoked(told) if told == session).then_some(())) => {}
    }
    a.shows_online(&[bob]).await;
}

async fn publishing_returns_at_once_while_redis_is_away_and_is_made_good(redis: Deployment) {
    let [mut a, mut b] = [Node::redis(&redis), Node::redis(&redis)];
    let [ann, bob] = [UserId::new(), UserId::new()];
    a.fences(ann).await;
    b.fences(bob).await;
    a.shows_online(&[ann, bob]).await;

    redis.kill();
    let before = std::time::Instant::now();
    a.backplane.publish(envelope(&[ann, bob]));
    assert!(before.elapsed() < Duration::from_millis(500), "{:?}", before.elapsed());
    assert_eq!(a.pulls_envelopes_until(ann).await, [ann], "the own people are served");
    assert_eq!(*a.online().users, [ann, bob], "unknown is not offline");
    assert!(redis.restart());

    b.pulls_reconcile(&[CUT, &[Reason::PublishFailed]].concat()).await;
    assert!(a.metrics.publish_failures.get() >= 1);
}

async fn what_did_not_fit_the_queue_makes_the_others_reconcile(redis: Deployment) {
    let [a, mut b] = [Node::redis(&redis), Node::redis(&redis)];
    let bob = UserId::new();
    a.fences(UserId::new()).await;
    b.fences(bob).await;

    for _ in 0..(crate::backplane::redis::QUEUE + 10) {
        a.backplane.publish(envelope(&[bob]));
    }

    assert!(a.metrics.publish_failures.get() >= 10);
    b.pulls_reconcile(&[Reason::PublishFailed]).await;
}

async fn whoever_attached_without_redis_is_registered_when_it_comes(redis: Deployment) {
    redis.kill();
    let mut a = Node::redis(&redis);
    let ann = UserId::new();
    assert_eq!(a.backplane.attach(ann).await, Attached::Later);
    assert_eq!(*a.online().users, [ann], "the own node knows");

    assert!(redis.restart());

    a.pulls_reconcile(&[Reason::LateAttach]).await;
    let b = Node::redis(&redis);
    b.fences(UserId::new()).await;
    b.backplane.publish(envelope(&[ann]));
    assert_eq!(a.pulls_envelopes_until(ann).await, [ann]);
}

async fn without_redis_the_node_decides_limits_by_itself(redis: Deployment) {
    let node = Node::redis(&redis);
    node.fences(UserId::new()).await;
    redis.kill();

    let deadline = Duration::from_millis(50);
    assert_eq!(node.backplane.take("ann", quota(1), deadline).await, Ok(()));
    assert!(node.backplane.take("ann", quota(1), deadline).await.is_err());
    assert_eq!(node.metrics.limit_fallbacks.get(), 2);
}

async fn a_node_without_redis_says_that_it_is_deaf(redis: Deployment) {
    let mut node = Node::redis(&redis);
    node.fences(UserId::new()).await;
    redis.kill();
    let deaf = async {
        while !node.backplane.health().deaf {
            tokio::task::yield_now().await
        }
    };
    timeout(PATIENCE, deaf).await.expect("it notices in time");
    assert!(!node.backplane.health().connected);
    assert_eq!((node.metrics.backplane_deaf.get(), node.metrics.backplane_up.get()), (1, 0));

    assert!(redis.restart());
    node.pulls_reconcile(CUT).await;
    assert!(!node.backplane.health().deaf);
    assert_eq!(node.metrics.backplane_deaf.get(), 0);
}

async fn a_redis_that_hangs_is_noticed_and_healed_from(redis: Deployment) {
    let [mut a, mut b] = [Node::redis(&redis), Node::redis(&redis)];
    let [ann, bob] = [UserId::new(), UserId::new()];
    a.fences(ann).await;
    b.fences(bob).await;
    a.shows_online(&[ann, bob]).await;

    redis.run_everywhere("CLIENT PAUSE 6000 ALL");

    a.pulls_reconcile(CUT).await;
    b.pulls_reconcile(CUT).await;
    b.fences(bob).await;
    a.backplane.publish(envelope(&[bob]));
    assert_eq!(b.pulls_envelopes_until(bob).await, [bob]);
    assert_eq!(*a.online().users, [ann, bob]);
}

/// Somebody whose presence, in a cluster, is on another server than the lease of `node`.
fn somebody_elsewhere(redis: &Deployment, node: NodeId) -> UserId {
    let port = |key: &str| redis.holder(key).expect("all slots are served").port;
    let lease = port(&of_node(node, "lease"));
    let mut people = std::iter::repeat_with(UserId::new);
    people.find(|user| !redis.is_clustered() || port(&presence(*user)) != lease).expect("there are more shards than one")
}

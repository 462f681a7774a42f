//! What is noticed and repaired.

use super::*;

/// What a node may say after it lost Redis, depending on what it noticed first.
const CUT: &[Reason] = &[Reason::Reconnected, Reason::LeaseLost, Reason::Deaf];

#[tokio::test]
async fn after_a_restart_of_redis_all_nodes_reconcile_and_hear_again() {
    let mut server = Server::start();
    let [mut a, mut b] = [Node::redis(&server), Node::redis(&server)];
    let [ann, bob] = [UserId::new(), UserId::new()];
    a.fences(ann).await;
    b.fences(bob).await;
    a.shows_online(&[ann, bob]).await;

    assert!(server.restart());

    a.pulls_reconcile(CUT).await;
    b.pulls_reconcile(CUT).await;
    a.backplane.publish(envelope(&[bob]));
    assert_eq!(b.pulls_envelopes_until(bob).await, [bob]);
    a.shows_online(&[ann, bob]).await;
    b.shows_online(&[ann, bob]).await;
}

#[tokio::test]
async fn after_a_flush_nodes_come_back_under_new_ids_and_nobody_looks_offline() {
    let server = Server::start();
    let [mut a, mut b] = [Node::redis(&server), Node::redis(&server)];
    let [ann, bob] = [UserId::new(), UserId::new()];
    a.fences(ann).await;
    b.fences(bob).await;
    a.shows_online(&[ann, bob]).await;
    b.shows_online(&[ann, bob]).await;
    let (former, version) = (b.backplane.node(), a.online().version);

    server.run("FLUSHALL");

    a.pulls_reconcile(&[Reason::LeaseLost]).await;
    b.pulls_reconcile(&[Reason::LeaseLost]).await;
    assert_ne!(b.backplane.node(), former);
    a.backplane.publish(envelope(&[bob]));
    assert_eq!(b.pulls_envelopes_until(bob).await, [bob]);
    assert_eq!((a.online().version, a.online().users.as_slice()), (version, [ann, bob].as_slice()), "nobody flickered");
}

#[tokio::test]
async fn a_lost_subscription_is_noticed_and_made_again() {
    let server = Server::start();
    let [a, mut b] = [Node::redis(&server), Node::redis(&server)];
    let bob = UserId::new();
    a.fences(UserId::new()).await;
    b.fences(bob).await;

    server.run("CLIENT KILL TYPE pubsub");

    b.pulls_reconcile(CUT).await;
    a.backplane.publish(envelope(&[bob]));
    assert_eq!(b.pulls_envelopes_until(bob).await, [bob]);
}

#[tokio::test]
async fn another_history_of_the_server_makes_nodes_register_again() {
    let server = Server::start();
    let [a, mut b] = [Node::redis(&server), Node::redis(&server)];
    let bob = UserId::new();
    a.fences(UserId::new()).await;
    b.fences(bob).await;

    server.run(&format!("DEL test:presence:{{{bob}}}"));
    server.run("DEBUG CHANGE-REPL-ID");

    b.pulls_reconcile(&[Reason::Reconnected]).await;
    a.backplane.publish(envelope(&[bob]));
    assert_eq!(b.pulls_envelopes_until(bob).await, [bob]);
}

#[tokio::test]
async fn a_number_that_goes_missing_is_noticed() {
    let server = Server::start();
    let mut node = Node::redis(&server);
    node.fences(UserId::new()).await;

    server.run(&format!("INCR test:{{{}}}:number", node.backplane.node()));

    node.pulls_reconcile(&[Reason::InboxGap]).await;
}

#[tokio::test]
async fn a_number_that_is_lower_than_expected_is_noticed() {
    let server = Server::start();
    let mut node = Node::redis(&server);
    node.fences(UserId::new()).await;
    // The next beacon shall be lower even if it is only the second.
    server.run(&format!("SET test:{{{}}}:number 1000", node.backplane.node()));
    node.pulls_reconcile(&[Reason::InboxGap]).await;

    server.run(&format!("SET test:{{{}}}:number 10", node.backplane.node()));

    node.pulls_reconcile(&[Reason::InboxGap]).await;
}

#[tokio::test]
async fn what_redis_wrongly_holds_for_a_node_is_corrected() {
    let server = Server::start();
    let [a, b] = [Node::redis(&server), Node::redis(&server)];
    let [ann, bob, ghost] = [UserId::new(), UserId::new(), UserId::new()];
    a.fences(ann).await;
    b.fences(bob).await;
    b.shows_online(&[ann, bob]).await;
    let node = a.backplane.node();

    server.run(&format!("HSET test:presence:{{{ghost}}} {node} 77"));
    server.run(&format!("SADD test:{{{node}}}:users {ghost}"));
    server.run(&format!("INCR test:{{{node}}}:version"));

    let gone = async {
        while server.run("KEYS *").contains(&ghost.to_string()) {
            tokio::task::yield_now().await
        }
    };
    timeout(PATIENCE, gone).await.expect("the ghost is laid in time");
    b.shows_online(&[ann, bob]).await;
}

#[tokio::test]
async fn a_node_that_died_is_swept_by_one_and_forgotten_by_all() {
    let server = Server::start();
    let [mut a, b, mut c] = [Node::redis(&server), Node::redis(&server), Node::redis(&server)];
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
    tokio::join!(a.backplane.sweep(dead), c.backplane.sweep(dead));

    a.pulls_reconcile(&[Reason::PeerDied]).await;
    c.pulls_reconcile(&[Reason::PeerDied]).await;
    a.shows_online(&[ann, carl]).await;
    c.shows_online(&[ann, carl]).await;
    assert!(!a.backplane.suspects().await.contains(&dead));
}

#[tokio::test]
async fn a_living_node_is_not_swept() {
    let server = Server::start();
    let [a, b] = [Node::redis(&server), Node::redis(&server)];
    let [ann, bob] = [UserId::new(), UserId::new()];
    a.fences(ann).await;
    b.fences(bob).await;
    a.shows_online(&[ann, bob]).await;

    a.backplane.sweep(b.backplane.node()).await;
    a.backplane.sweep(a.backplane.node()).await;

    assert_eq!(*a.online().users, [ann, bob]);
    assert_eq!(a.backplane.suspects().await, []);
}

#[tokio::test]
async fn a_living_node_that_is_not_listed_any_more_lists_itself_again() {
    let server = Server::start();
    let [a, mut b] = [Node::redis(&server), Node::redis(&server)];
    let bob = UserId::new();
    b.fences(bob).await;
    a.shows_online(&[bob]).await;

    server.run("DEL test:nodes");

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

#[tokio::test]
async fn publishing_returns_at_once_while_redis_is_away_and_is_made_good() {
    let mut server = Server::start();
    let [mut a, mut b] = [Node::redis(&server), Node::redis(&server)];
    let [ann, bob] = [UserId::new(), UserId::new()];
    a.fences(ann).await;
    b.fences(bob).await;
    a.shows_online(&[ann, bob]).await;

    server.kill();
    let before = std::time::Instant::now();
    a.backplane.publish(envelope(&[ann, bob]));
    assert!(before.elapsed() < Duration::from_millis(500), "{:?}", before.elapsed());
    assert_eq!(a.pulls_envelopes_until(ann).await, [ann], "the own people are served");
    assert_eq!(*a.online().users, [ann, bob], "unknown is not offline");
    assert!(server.restart());

    b.pulls_reconcile(&[CUT, &[Reason::PublishFailed]].concat()).await;
    assert!(a.metrics.publish_failures.get() >= 1);
}

#[tokio::test]
async fn what_did_not_fit_the_queue_makes_the_others_reconcile() {
    let server = Server::start();
    let [a, mut b] = [Node::redis(&server), Node::redis(&server)];
    let bob = UserId::new();
    a.fences(UserId::new()).await;
    b.fences(bob).await;

    for _ in 0..(crate::backplane::redis::QUEUE + 10) {
        a.backplane.publish(envelope(&[bob]));
    }

    assert!(a.metrics.publish_failures.get() >= 10);
    b.pulls_reconcile(&[Reason::PublishFailed]).await;
}

#[tokio::test]
async fn whoever_attached_without_redis_is_registered_when_it_comes() {
    let mut server = Server::absent();
    let mut a = Node::redis(&server);
    let ann = UserId::new();
    assert_eq!(a.backplane.attach(ann).await, Attached::Later);
    assert_eq!(*a.online().users, [ann], "the own node knows");

    assert!(server.restart());

    a.pulls_reconcile(&[Reason::LateAttach]).await;
    let b = Node::redis(&server);
    b.fences(UserId::new()).await;
    b.backplane.publish(envelope(&[ann]));
    assert_eq!(a.pulls_envelopes_until(ann).await, [ann]);
}

#[tokio::test]
async fn without_redis_the_node_decides_limits_by_itself() {
    let mut server = Server::start();
    let node = Node::redis(&server);
    node.fences(UserId::new()).await;
    server.kill();

    let deadline = Duration::from_millis(50);
    assert_eq!(node.backplane.take("ann", quota(1), deadline).await, Ok(()));
    assert!(node.backplane.take("ann", quota(1), deadline).await.is_err());
    assert_eq!(node.metrics.limit_fallbacks.get(), 2);
}

#[tokio::test]
async fn a_node_without_redis_says_that_it_is_deaf() {
    let mut server = Server::start();
    let mut node = Node::redis(&server);
    node.fences(UserId::new()).await;
    server.kill();
    let deaf = async {
        while !node.backplane.health().deaf {
            tokio::task::yield_now().await
        }
    };
    timeout(PATIENCE, deaf).await.expect("it notices in time");
    assert!(!node.backplane.health().connected);
    assert_eq!((node.metrics.backplane_deaf.get(), node.metrics.backplane_up.get()), (1, 0));

    assert!(server.restart());
    node.pulls_reconcile(CUT).await;
    assert!(!node.backplane.health().deaf);
    assert_eq!(node.metrics.backplane_deaf.get(), 0);
}

#[tokio::test]
async fn a_redis_that_hangs_is_noticed_and_healed_from() {
    let server = Server::start();
    let [mut a, mut b] = [Node::redis(&server), Node::redis(&server)];
    let [ann, bob] = [UserId::new(), UserId::new()];
    a.fences(ann).await;
    b.fences(bob).await;
    a.shows_online(&[ann, bob]).await;

    server.run("CLIENT PAUSE 6000 ALL");

    a.pulls_reconcile(CUT).await;
    b.pulls_reconcile(CUT).await;
    b.fences(bob).await;
    a.backplane.publish(envelope(&[bob]));
    assert_eq!(b.pulls_envelopes_until(bob).await, [bob]);
    assert_eq!(*a.online().users, [ann, bob]);
}

//! Who is online, whatever happens to Redis.

use super::*;
use std::{collections::BTreeSet, time::Instant};

on_every_redis! {
    on one cluster for all {
        a_version_never_comes_twice_with_other_people;
        whoever_moved_on_from_a_node_that_left_is_not_kept_online_by_it;
        whom_a_node_releases_stays_on_it_until_they_are_on_another;
    }
    on a cluster of its own {
        who_leaves_while_redis_is_away_is_shown_until_it_is_known_that_they_are_nowhere;
        who_moves_to_another_node_while_redis_is_away_never_looks_offline;
        presence_is_whole_within_five_seconds_after_a_flush_and_shows_who_left_meanwhile;
        presence_is_whole_within_five_seconds_after_a_restart;
        presence_is_whole_within_five_seconds_after_redis_came_back_with_older_data;
        who_leaves_while_redis_is_silent_is_shown_before_anybody_noticed_that_it_is;
        a_node_that_redis_forgot_is_shown_until_somebody_says_that_it_is_dead;
        what_the_view_got_wrong_is_corrected_one_lease_after_redis_forgot;
    }
}

/// What is promised.
const WHOLE: Duration = Duration::from_secs(5);

/// The version of a node's set as Redis holds it.
fn version(redis: &Deployment, node: NodeId) -> i64 {
    let answer = redis.run(&of_node(node, "version"), "GET {key}");
    answer.lines().nth(1).and_then(|version| version.parse().ok()).unwrap_or(0)
}

/// Waits until Redis holds so many people for a node.
async fn holds(redis: &Deployment, node: NodeId, people: usize) {
    let (key, people) = (of_node(node, "users"), format!(":{people}"));
    let held = async {
        while redis.run(&key, "SCARD {key}").lines().next() != Some(&people) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, held).await.expect("they are taken out in time");
}

/// Follows what a node shows: who was missing in any list, and who was in any.
struct Follower {
    task: tokio::task::JoinHandle<(BTreeSet<UserId>, BTreeSet<UserId>)>,
    end: tokio::sync::oneshot::Sender<()>,
}

impl Follower {
    #[expect(clippy::disallowed_methods, reason = "ends with the test, which has no node's life")]
    fn of(node: &Node) -> Self {
        let mut online = node.backplane.online();
        let (end, mut ended) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(async move {
            let first: BTreeSet<UserId> = online.borrow_and_update().users.iter().copied().collect();
            let (mut always, mut ever) = (first.clone(), first);
            loop {
                tokio::select! {
                    changed = online.changed() => if changed.is_err() { break },
                    _ = &mut ended => break,
                }
                let now: BTreeSet<UserId> = online.borrow_and_update().users.iter().copied().collect();
                always.retain(|user| now.contains(user));
                ever.extend(now);
            }
            (always, ever)
        });
        Self { task, end }
    }

    /// -> who was shown all the time, and who was shown at any
    async fn saw(self) -> (BTreeSet<UserId>, BTreeSet<UserId>) {
        drop(self.end);
        self.task.await.expect("it follows to the end")
    }
}

async fn a_version_never_comes_twice_with_other_people(redis: Deployment) {
    let [a, b] = [Node::redis(&redis), Node::redis(&redis)];
    let [ann, bob, carl] = [UserId::new(), UserId::new(), UserId::new()];
    a.fences(ann).await;
    b.fences(bob).await;
    b.fences(carl).await;
    a.shows_online(&[ann, bob, carl]).await;
    let node = b.backplane.node();
    let former = version(&redis, node);

    // As a Redis does that is back with what it held before the last write.
    redis.run(&of_node(node, "version"), &format!("SET {{key}} {}", former - 1));
    b.backplane.detach(carl, now());

    a.shows_online(&[ann, bob]).await;
    assert!(version(&redis, node) > former);
}

async fn who_leaves_while_redis_is_away_is_shown_until_it_is_known_that_they_are_nowhere(redis: Deployment) {
    let [a, b] = [Node::redis(&redis), Node::redis(&redis)];
    let [ann, bob, carl] = [UserId::new(), UserId::new(), UserId::new()];
    let then = now() - chrono::TimeDelta::seconds(10);
    a.fences(ann).await;
    a.fences(bob).await;
    b.fences(UserId::new()).await;
    a.knows(true).await;
    assert_eq!(a.metrics.presence_known.get(), 1);
    redis.kill();
    a.knows(false).await;
    b.knows(false).await;
    assert_eq!(a.metrics.presence_known.get(), 0);

    let before = a.online();
    a.backplane.detach(bob, then);
    a.backplane.attach(carl).await;

    assert!(!a.backplane.is_here(bob));
    assert_eq!((a.online().users.len(), a.online().version), (before.users.len() + 1, before.version + 1), "arrivals show");
    assert_eq!(a.backplane.last_seen(bob), None);
    assert!(redis.restart());
    a.knows(true).await;
    assert!(!a.online().users.contains(&bob) && a.online().users.contains(&carl));
    assert_eq!(a.backplane.last_seen(bob), Some(then));
}

async fn who_leaves_while_redis_is_silent_is_shown_before_anybody_noticed_that_it_is(redis: Deployment) {
    let a = Node::redis(&redis);
    let [ann, bob] = [UserId::new(), UserId::new()];
    a.fences(ann).await;
    a.fences(bob).await;
    a.knows(true).await;
    let follower = Follower::of(&a);

    redis.servers().iter().for_each(|server| server.signal("STOP"));
    a.backplane.detach(bob, now());
    a.knows(false).await;

    // They may have gone to another node, which could not tell.
    assert_eq!(follower.saw().await.0, BTreeSet::from([ann, bob]));
    redis.servers().iter().for_each(|server| server.signal("CONT"));
    a.shows_online(&[ann]).await;
}

async fn whom_a_node_releases_stays_on_it_until_they_are_on_another(redis: Deployment) {
    let [a, b] = [Node::redis(&redis), Node::redis(&redis)];
    let [ann, bob, carl, dora] = std::array::from_fn(|_| UserId::new());
    for user in [ann, bob, carl] {
        a.fences(user).await;
    }
    for user in [ann, dora] {
        b.fences(user).await;
    }
    b.shows_online(&[ann, bob, carl, dora]).await;
    a.shows_online(&[ann, bob, carl, dora]).await;
    for user in [ann, bob, carl] {
        a.backplane.release(user, now());
    }

    holds(&redis, a.backplane.node(), 2).await;
    b.fences(bob).await;
    holds(&redis, a.backplane.node(), 1).await;
    b.backplane.detach(ann, now());
    b.backplane.detach(bob, now());
    b.shows_online(&[carl, dora]).await;
}

async fn whoever_moved_on_from_a_node_that_left_is_not_kept_online_by_it(redis: Deployment) {
    let [a, b, c] = [Node::redis(&redis), Node::redis(&redis), Node::redis(&redis)];
    let [ann, bob, carl, dora] = std::array::from_fn(|_| UserId::new());
    for user in [ann, bob, carl] {
        a.fences(user).await;
    }
    b.fences(dora).await;
    c.shows_online(&[ann, bob, carl, dora]).await;
    let leaving = a.backplane.node();

    // One moves before it has left, one after that, and one never.
    b.fences(ann).await;
    a.backplane.close().await;
    b.fences(bob).await;
    holds(&redis, leaving, 1).await;
    b.backplane.detach(ann, now());
    b.backplane.detach(bob, now());

    for node in [&b, &c] {
        node.shows_online(&[carl, dora]).await;
    }
    Node::redis(&redis).shows_online(&[carl, dora]).await;
}

async fn who_moves_to_another_node_while_redis_is_away_never_looks_offline(redis: Deployment) {
    let [a, b, c] = [Node::redis(&redis), Node::redis(&redis), Node::redis(&redis)];
    let [ann, bob, carl, dora] = [UserId::new(), UserId::new(), UserId::new(), UserId::new()];
    a.fences(ann).await;
    b.fences(bob).await;
    b.fences(dora).await;
    c.fences(carl).await;
    let nodes = [&a, &b, &c];
    for node in nodes {
        node.knows(true).await;
        node.shows_online(&[ann, bob, carl, dora]).await;
    }
    let followers = nodes.map(Follower::of);
    redis.kill();
    for node in nodes {
        node.knows(false).await;
    }

    b.backplane.detach(bob, now());
    b.backplane.detach(dora, now());
    a.backplane.attach(bob).await;
    assert!(redis.restart());

    for node in nodes {
        node.knows(true).await;
        node.shows_online(&[ann, bob, carl]).await;
        assert!(node.backplane.last_seen(dora).is_some());
    }
    for follower in followers {
        assert_eq!(follower.saw().await.0, BTreeSet::from([ann, bob, carl]));
    }
}

async fn presence_is_whole_within_five_seconds_after_a_flush_and_shows_who_left_meanwhile(redis: Deployment) {
    let [a, b] = [0, 1].map(|_| Node::every(&redis.config(), &default_cluster()));
    let [ann, bob, carl] = [UserId::new(), UserId::new(), UserId::new()];
    a.fences(ann).await;
    b.fences(bob).await;
    b.fences(carl).await;
    a.knows(true).await;
    b.knows(true).await;
    a.shows_online(&[ann, bob, carl]).await;
    let formers = [a.backplane.node(), b.backplane.node()];
    let follower = Follower::of(&a);

    redis.run_everywhere("FLUSHALL");
    let since = Instant::now();
    b.backplane.detach(carl, now());

    a.shows_online(&[ann, bob]).await;
    b.shows_online(&[ann, bob]).await;
    for node in [&a, &b] {
        until_true("back under a new id", || !formers.contains(&node.backplane.node())).await;
        node.knows(true).await;
    }
    assert!(since.elapsed() < WHOLE, "{:?}", since.elapsed());
    assert_eq!(follower.saw().await.0, BTreeSet::from([ann, bob]), "nobody else flickered");
}

async fn presence_is_whole_within_five_seconds_after_a_restart(redis: Deployment) {
    let [a, b] = [0, 1].map(|_| Node::every(&redis.config(), &default_cluster()));
    let [ann, bob, carl] = [UserId::new(), UserId::new(), UserId::new()];
    a.fences(ann).await;
    b.fences(bob).await;
    b.fences(carl).await;
    a.knows(true).await;
    a.shows_online(&[ann, bob, carl]).await;
    redis.kill();
    a.knows(false).await;
    b.knows(false).await;
    b.backplane.detach(carl, now());

    assert!(redis.restart() && redis.serves());

    let since = Instant::now();
    a.knows(true).await;
    b.knows(true).await;
    assert!(since.elapsed() < WHOLE, "{:?}", since.elapsed());
    assert_eq!((a.online().users.as_slice(), b.online().users.as_slice()), ([ann, bob].as_slice(), [ann, bob].as_slice()));
}

async fn presence_is_whole_within_five_seconds_after_redis_came_back_with_older_data(redis: Deployment) {
    let [a, b] = [0, 1].map(|_| Node::every(&redis.config(), &default_cluster()));
    let [ann, bob, carl, dora] = [UserId::new(), UserId::new(), UserId::new(), UserId::new()];
    a.fences(ann).await;
    b.fences(bob).await;
    b.fences(carl).await;
    a.knows(true).await;
    b.knows(true).await;
    a.shows_online(&[ann, bob, carl]).await;
    redis.run_everywhere("SAVE");
    b.backplane.detach(carl, now());
    b.fences(dora).await;
    a.shows_online(&[ann, bob, dora]).await;
    let follower = Follower::of(&a);

    redis.kill();
    a.knows(false).await;
    b.knows(false).await;
    assert!(redis.restart_with_what_was_saved() && redis.serves());

    let since = Instant::now();
    a.knows(true).await;
    b.knows(true).await;
    let took = since.elapsed();
    assert!(took < WHOLE, "{took:?}");
    assert_eq!(*a.online().users, [ann, bob, dora]);
    assert_eq!(follower.saw().await.1, BTreeSet::from([ann, bob, dora]), "who left does not come back");
    let newcomer = Node::redis(&redis);
    newcomer.shows_online(&[ann, bob, dora]).await;
    until_true("nothing of who left is kept", || !redis.keys().contains(&carl.to_string())).await;
}

async fn a_node_that_redis_forgot_is_shown_until_somebody_says_that_it_is_dead(redis: Deployment) {
    let [a, b] = [Node::redis(&redis), Node::redis(&redis)];
    let ([ann, bob], then) = ([UserId::new(), UserId::new()], now() - chrono::TimeDelta::seconds(10));
    a.fences(ann).await;
    b.fences(bob).await;
    a.knows(true).await;
    a.shows_online(&[ann, bob]).await;

    b.dies();
    redis.run_everywhere("FLUSHALL");
    a.knows(false).await;
    a.knows(true).await;

    // It may be slow, or cut off: the database knows.
    a.suspects(b.backplane.node()).await;
    a.shows_online(&[ann, bob]).await;
    assert_eq!(a.backplane.sweep(b.backplane.node(), then).await, [bob]);
    a.shows_online(&[ann]).await;
    assert_eq!(a.backplane.last_seen(bob), Some(then));
    assert!(a.backplane.suspects().await.is_empty());
}

async fn what_the_view_got_wrong_is_corrected_one_lease_after_redis_forgot(redis: Deployment) {
    let a = Node::redis(&redis);
    let [ann, bob, carl, other] = [UserId::new(), UserId::new(), UserId::new(), UserId::new()];
    a.fences(ann).await;
    a.knows(true).await;
    // A node that says nothing by itself.
    let silent = NodeId::new();
    redis.run(&of_node(silent, "users"), &format!("SADD {{key}} {bob} {other}"));
    redis.run(&of_node(silent, "version"), "SET {key} 5");
    redis.run(&of_node(silent, "lease"), "SET {key} 0");
    redis.run("nodes", &format!("SADD {{key}} {silent}"));
    a.shows_online(&[ann, bob, other]).await;

    redis.run(&of_node(silent, "users"), &format!("SREM {{key}} {bob}"));
    redis.run(&of_node(silent, "users"), &format!("SADD {{key}} {carl}"));
    redis.holder(&of_node(a.backplane.node(), "lease")).expect("it serves").run("DEBUG CHANGE-REPL-ID");

    a.shows_online(&[ann, carl, other]).await;
    until_true("they are counted", || a.metrics.presence_corrected.get() == 2).await;
}

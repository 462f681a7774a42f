//! What several nodes on one Redis do together while nothing is wrong.

use super::*;
use futures_util::future::join_all;

on_every_redis! {
    on one cluster for all {
        an_envelope_reaches_the_node_of_its_person_once_and_no_other;
        a_node_is_told_only_the_entries_of_its_own_people;
        people_of_whose_arrival_nobody_has_heard_yet_are_told;
        a_node_that_does_not_understand_streams_is_told_with_numbers_of_redis;
        a_person_who_left_is_not_told_any_more;
        everybody_sees_who_is_online_everywhere;
        a_crowd_is_registered_and_seen;
        a_revoked_session_is_signalled_on_every_node;
        how_many_sockets_a_node_holds_is_known_to_the_others_until_it_leaves;
        nodes_share_their_buckets;
        a_node_that_leaves_in_order_keeps_its_people_online_for_a_while;
        a_swept_node_leaves_no_key_behind;
    }
    on a cluster of its own {
        a_node_remembers_whom_it_told_and_what_it_could_not_tell;
    }
}

async fn an_envelope_reaches_the_node_of_its_person_once_and_no_other(redis: Deployment) {
    let [a, mut b, mut c] = [Node::redis(&redis), Node::redis(&redis), Node::redis(&redis)];
    let [on_b, on_c, on_both] = [UserId::new(), UserId::new(), UserId::new()];
    a.fences(UserId::new()).await;
    b.fences(on_b).await;
    b.fences(on_both).await;
    c.fences(on_c).await;
    c.fences(on_both).await;

    a.backplane.publish(envelope(&[on_b]));
    a.backplane.publish(envelope(&[on_both]));

    assert_eq!(b.pulls_envelopes_until(on_both).await, [on_b, on_both]);
    assert_eq!(c.pulls_envelopes_until(on_both).await, [on_both]);
}

/// An older hubbub, in a rolling update.
async fn a_node_that_does_not_understand_streams_is_told_with_numbers_of_redis(redis: Deployment) {
    let a = Node::redis(&redis);
    let (ann, older, bob) = (UserId::new(), NodeId::new(), UserId::new());
    a.fences(ann).await;
    redis.run(&of_node(older, "lease"), "SET {key} \"7 whispers\"");
    redis.run(&of_node(older, "users"), &format!("SADD {{key}} {bob}"));
    redis.run(&of_node(older, "version"), "SET {key} 1");
    redis.run(&presence(bob), &format!("HSET {{key}} {older} 1"));
    redis.run("nodes", &format!("SADD {{key}} {older}"));
    a.shows_online(&[ann, bob]).await;

    a.backplane.publish(envelope(&[bob]));

    until_true("the envelope is told", || redis.run(&of_node(older, "number"), "GET {key}").contains("\r\n1\r\n")).await;
}

async fn people_of_whose_arrival_nobody_has_heard_yet_are_told(redis: Deployment) {
    let [a, mut b] = [Node::redis(&redis), Node::redis(&redis)];
    let mut online = vec![UserId::new()];
    a.fences(online[0]).await;
    for size in [1, 20] {
        let crowd: Vec<UserId> = (0..2 * size).map(|_| UserId::new()).collect();
        let (seen, unseen) = crowd.split_at(size);
        join_all(seen.iter().map(|user| b.fences(*user))).await;
        online.extend(seen);
        a.shows_online(&online).await;
        // The next beacon tells a of them.
        join_all(unseen.iter().map(|user| b.fences(*user))).await;

        a.backplane.publish(envelope(&crowd));

        let mut missing = crowd.clone();
        while !missing.is_empty() {
            let told = b.pulls("an envelope", |signal| match signal {
                Signal::Envelope(envelope) => Some(envelope.entries),
                _ => None,
            });
            for (user, _) in told.await {
                let at = missing.iter().position(|missing| *missing == user).expect("told once");
                missing.swap_remove(at);
            }
        }
        online.extend(unseen);
    }
}

async fn a_node_is_told_only_the_entries_of_its_own_people(redis: Deployment) {
    let [a, mut b] = [Node::redis(&redis), Node::redis(&redis)];
    let [ann, bob] = [UserId::new(), UserId::new()];
    a.fences(ann).await;
    b.fences(bob).await;

    a.backplane.publish(envelope(&[ann, bob]));

    let told = b.pulls("an envelope", |signal| match signal {
        Signal::Envelope(envelope) => Some(envelope),
        _ => None,
    });
    let told = told.await;
    assert_eq!((told.entries, told.event.payload.get()), (vec![(bob, 1)], r#"{"text":"hello"}"#));
}

async fn a_person_who_left_is_not_told_any_more(redis: Deployment) {
    let [a, mut b] = [Node::redis(&redis), Node::redis(&redis)];
    let [ann, bob, marker] = [UserId::new(), UserId::new(), UserId::new()];
    a.fences(bob).await;
    b.fences(ann).await;
    a.shows_online(&[ann, bob]).await;

    b.backplane.detach(ann, now());
    // Written after the detach, on the same connection.
    b.fences(marker).await;
    // Until a has heard of it, b may be told in vain.
    a.shows_online(&[bob, marker]).await;
    a.backplane.publish(envelope(&[ann]));
    a.backplane.publish(envelope(&[marker]));

    assert_eq!(b.pulls_envelopes_until(marker).await, [marker]);
}

async fn everybody_sees_who_is_online_everywhere(redis: Deployment) {
    let [a, b] = [Node::redis(&redis), Node::redis(&redis)];
    let [ann, bob, carl] = [UserId::new(), UserId::new(), UserId::new()];
    a.fences(ann).await;
    b.fences(bob).await;
    a.shows_online(&[ann, bob]).await;
    b.shows_online(&[ann, bob]).await;

    // On both nodes at once, then only on one, then on none.
    a.fences(carl).await;
    b.fences(carl).await;
    a.shows_online(&[ann, bob, carl]).await;
    a.backplane.detach(carl, now());
    a.backplane.detach(ann, now());
    b.shows_online(&[bob, carl]).await;
    b.backplane.detach(carl, now());
    a.shows_online(&[bob]).await;

    let newcomer = Node::redis(&redis);
    newcomer.shows_online(&[bob]).await;
}

async fn a_crowd_is_registered_and_seen(redis: Deployment) {
    let [a, b] = [Node::redis(&redis), Node::redis(&redis)];
    let crowd: Vec<UserId> = (0..3000).map(|_| UserId::new()).collect();
    b.fences(UserId::new()).await;
    let fences = join_all(crowd.iter().map(|user| a.fences(*user)));
    fences.await;
    let seen = async {
        let mut online = b.backplane.online();
        online.wait_for(|online| crowd.iter().all(|user| online.users.binary_search(user).is_ok())).await.map(drop)
    };
    timeout(PATIENCE, seen).await.expect("in time").expect("the backplane lives");
}

async fn a_revoked_session_is_signalled_on_every_node(redis: Deployment) {
    let [a, mut b] = [Node::redis(&redis), Node::redis(&redis)];
    a.fences(UserId::new()).await;
    b.fences(UserId::new()).await;
    let session = SessionId::new();

    a.backplane.revoke(session);

    let revoked = b.pulls("the revocation", |signal| match signal {
        Signal::Revoked(session) => Some(session),
        _ => None,
    });
    assert_eq!(revoked.await, session);
}

async fn how_many_sockets_a_node_holds_is_known_to_the_others_until_it_leaves(redis: Deployment) {
    let [a, b, c] = [Node::redis(&redis), Node::redis(&redis), Node::redis(&redis)];
    let known = async |to: &Node, expected: &[u64]| {
        let mut loads = Vec::new();
        let matches = async {
            while loads != expected {
                loads = to.backplane.loads().await.unwrap_or_default();
                loads.sort_unstable();
                // Away from Redis nothing is awaited, and no timeout would ever be looked at.
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, matches).await.expect("known in time");
    };
    a.backplane.holds(Some(7));
    b.backplane.holds(Some(0));
    c.backplane.holds(Some(30));
    known(&a, &[0, 30]).await;
    known(&b, &[7, 30]).await;

    c.backplane.holds(None);

    known(&a, &[0]).await;
    assert!(!a.backplane.suspects().await.contains(&c.backplane.node()), "it still lives");
}

async fn nodes_share_their_buckets(redis: Deployment) {
    let [a, b] = [Node::redis(&redis), Node::redis(&redis)];
    a.fences(UserId::new()).await;
    b.fences(UserId::new()).await;

    assert_eq!(a.backplane.take("ann", quota(2), PATIENCE).await, Ok(()));
    assert_eq!(b.backplane.take("ann", quota(2), PATIENCE).await, Ok(()));
    assert!(a.backplane.take("ann", quota(2), PATIENCE).await.is_err());
    assert!(b.backplane.peek("ann", quota(2), PATIENCE).await.is_err());
}

async fn a_node_that_leaves_in_order_keeps_its_people_online_for_a_while(redis: Deployment) {
    let [a, mut b] = [Node::redis(&redis), Node::redis(&redis)];
    let [ann, bob] = [UserId::new(), UserId::new()];
    a.fences(ann).await;
    b.fences(bob).await;
    b.shows_online(&[ann, bob]).await;

    a.backplane.publish(envelope(&[bob]));
    a.backplane.close().await;

    assert_eq!(b.pulls_envelopes_until(bob).await, [bob], "what was queued is told first");
    let left = redis.run(&of_node(a.backplane.node(), "lease"), "PTTL {key}");
    let left: u64 = left.lines().next().and_then(|line| line.strip_prefix(':')?.parse().ok()).expect("a lease");
    assert!(left > 10_000, "{left} ms");
    assert_eq!(*b.online().users, [ann, bob]);
}

async fn a_swept_node_leaves_no_key_behind(redis: Deployment) {
    let [a, b] = [Node::redis(&redis), Node::redis(&redis)];
    let [ann, bob] = [UserId::new(), UserId::new()];
    a.fences(ann).await;
    a.fences(bob).await;
    b.fences(bob).await;
    a.backplane.detach(ann, now());
    b.shows_online(&[bob]).await;

    a.dies();
    let dead = a.backplane.node();
    b.suspects(dead).await;
    b.backplane.sweep(dead, now()).await;

    let keys = redis.keys();
    let of_the_dead: Vec<&str> = keys.lines().filter(|key| key.contains(&dead.to_string()) && !key.ends_with(":sweep")).collect();
    assert!(of_the_dead.is_empty(), "{of_the_dead:?}");
    assert!(!keys.contains(&ann.to_string()));
    assert!(!redis.run(&presence(bob), "HKEYS {key}").contains(&dead.to_string()));
    assert_eq!(*b.online().users, [bob]);
}

async fn a_node_remembers_whom_it_told_and_what_it_could_not_tell(redis: Deployment) {
    let [a, mut b] = [Node::redis(&redis), Node::redis(&redis)];
    let [ann, bob] = [UserId::new(), UserId::new()];
    a.fences(ann).await;
    b.fences(bob).await;
    let recalls = async |wanted: &[Told]| {
        let recalled = async {
            loop {
                let facts = a.recent.recall(MessageId::new(), &[(ann, 1), (bob, 1)]).facts;
                let told = facts.into_iter().filter_map(|fact| match fact.what {
                    What::Told { user, node, outcome, .. } => Some((user, node, outcome.into_owned())),
                    _ => None,
                });
                let told: Vec<Told> = told.collect();
                if told.len() >= wanted.len() {
                    return told;
                }
                tokio::task::yield_now().await;
            }
        };
        assert_eq!(timeout(PATIENCE, recalled).await.expect("remembered in time"), wanted);
    };

    a.backplane.publish(envelope(&[ann, bob]));

    b.pulls_envelopes_until(bob).await;
    let there = Some(b.backplane.node());
    let mut told = vec![(ann, None, "nowhere".to_owned()), (bob, there, "told".to_owned())];
    recalls(&told).await;
    assert_eq!(a.recent.recall(MessageId::new(), &[]).node, Some(a.backplane.node()));

    redis.kill();
    a.backplane.publish(envelope(&[bob]));
    told.push((bob, None, "away".to_owned()));
    recalls(&told).await;
}

/// Whose entry, which node, what came of telling it.
type Told = (UserId, Option<NodeId>, String);

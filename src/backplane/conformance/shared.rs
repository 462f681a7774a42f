//! What every backplane does alike.

use super::*;
use crate::model::event::{Whisper, WhisperKind};

/// Runs one body against each backplane.
macro_rules! on_every_backplane {
    ($($name:ident;)*) => {
        mod local {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Node::local()).await;
            })*
        }

        mod redis {
            $(#[tokio::test]
            async fn $name() {
                let redis = super::Deployment::single();
                super::$name(super::Node::redis(&redis)).await;
            })*
        }

        mod redis_cluster {
            $(#[tokio::test]
            async fn $name() {
                let redis = super::Deployment::shared_cluster();
                super::$name(super::Node::redis(&redis)).await;
            })*
        }
    };
}

on_every_backplane! {
    an_envelope_reaches_its_own_node_once;
    attaching_shows_at_once_and_detaching_soon;
    attaching_twice_counts_once;
    a_bucket_gives_its_burst_and_then_nothing;
    looking_into_a_bucket_takes_nothing;
    a_revoked_session_is_signalled;
    whispers_take_no_room_from_what_matters;
    who_is_here_and_when_others_were_is_known;
    a_slow_consumer_gets_one_reconcile_for_what_it_missed;
    a_healthy_backplane_says_so;
}

async fn an_envelope_reaches_its_own_node_once(mut node: Node) {
    let [ann, marker] = [UserId::new(), UserId::new()];
    node.fences(ann).await;

    node.backplane.publish(envelope(&[ann]));
    node.backplane.publish(envelope(&[marker]));

    assert_eq!(node.pulls_envelopes_until(marker).await, [ann, marker]);
}

async fn attaching_shows_at_once_and_detaching_soon(node: Node) {
    let (ann, bob) = (UserId::new(), UserId::new());
    node.knows(true).await;
    node.backplane.attach(bob).await;
    node.backplane.attach(ann).await;
    let both = node.online();
    assert_eq!(*both.users, [ann, bob], "sorted by id, which means by age");

    node.backplane.detach(ann, now());
    node.shows_online(&[bob]).await;
    assert!(node.online().version > both.version);
}

async fn attaching_twice_counts_once(node: Node) {
    let ann = UserId::new();
    node.knows(true).await;
    node.fences(ann).await;
    let version = node.online().version;
    assert_eq!(node.backplane.attach(ann).await, Attached::Fenced);
    assert_eq!((node.online().version, node.online().users.as_slice()), (version, [ann].as_slice()));
    node.backplane.detach(ann, now());
    node.backplane.detach(ann, now());
    node.shows_online(&[]).await;
}

async fn a_bucket_gives_its_burst_and_then_nothing(node: Node) {
    node.fences(UserId::new()).await;
    for _ in 0..3 {
        assert_eq!(node.backplane.take("ann", quota(3), PATIENCE).await, Ok(()));
    }
    let wait = node.backplane.take("ann", quota(3), PATIENCE).await.expect_err("the burst is used up");
    assert!(wait > Duration::from_secs(30) && wait <= Duration::from_secs(60), "{wait:?}");
    assert_eq!(node.backplane.take("bob", quota(3), PATIENCE).await, Ok(()), "another key has a bucket of its own");
    assert_eq!(node.backplane.take("ann", quota(0), PATIENCE).await, Ok(()), "a burst of zero switches the limit off");
    assert_eq!(node.metrics.limit_fallbacks.get(), 0);
}

async fn looking_into_a_bucket_takes_nothing(node: Node) {
    node.fences(UserId::new()).await;
    for _ in 0..5 {
        assert_eq!(node.backplane.peek("ann", quota(1), PATIENCE).await, Ok(()));
    }
    assert_eq!(node.backplane.take("ann", quota(1), PATIENCE).await, Ok(()));
    assert!(node.backplane.peek("ann", quota(1), PATIENCE).await.is_err());
}

async fn a_revoked_session_is_signalled(mut node: Node) {
    let session = SessionId::new();
    node.backplane.revoke(session);
    let revoked = node.pulls("the revocation", |signal| match signal {
        Signal::Revoked(session) => Some(session),
        _ => None,
    });
    assert_eq!(revoked.await, session);
}

async fn whispers_take_no_room_from_what_matters(mut node: Node) {
    let ann = UserId::new();
    node.fences(ann).await;
    let payload: Arc<RawValue> = Arc::from(RawValue::from_string("{}".to_owned()).expect("json"));
    let queue = crate::backplane::signals::QUEUE;
    for _ in 0..2 * queue {
        node.backplane.whisper(Whisper { kind: WhisperKind::Typing, to: vec![ann], payload: payload.clone() });
    }

    for _ in 0..queue / 2 - 10 {
        node.backplane.publish(envelope(&[ann]));
    }

    assert_eq!(node.metrics.signals_dropped.get(), 0);
    node.pulls("a whisper", |signal| matches!(signal, Signal::Whisper(whisper) if whisper.to == [ann]).then_some(())).await;
}

async fn who_is_here_and_when_others_were_is_known(node: Node) {
    let (ann, then) = (UserId::new(), now() - chrono::TimeDelta::seconds(10));
    assert!(!node.backplane.is_here(ann));
    node.knows(true).await;
    node.fences(ann).await;
    assert!(node.backplane.is_here(ann));
    assert_eq!(node.backplane.last_seen(ann), None);

    node.backplane.detach(ann, then);

    assert!(!node.backplane.is_here(ann));
    node.shows_online(&[]).await;
    assert_eq!(node.backplane.last_seen(ann), Some(then));
}

async fn a_slow_consumer_gets_one_reconcile_for_what_it_missed(mut node: Node) {
    let ann = UserId::new();
    for _ in 0..(crate::backplane::signals::QUEUE + 10) {
        node.backplane.publish(envelope(&[ann]));
    }
    assert!(node.metrics.signals_dropped.get() >= 10);
    node.pulls_reconcile(&[Reason::Overflow]).await;
}

async fn a_healthy_backplane_says_so(node: Node) {
    node.fences(UserId::new()).await;
    let health = node.backplane.health();
    assert!(health.connected && !health.deaf && health.beacon_age < PATIENCE, "{health:?}");
    assert_eq!(node.metrics.backplane_deaf.get(), 0);
}

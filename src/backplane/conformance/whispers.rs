//! What is true for a moment only: told once, or not at all.

use super::*;
use crate::model::event::{Whisper, WhisperKind};

on_every_redis! {
    on one cluster for all {
        a_whisper_reaches_its_people_wherever_they_are_and_no_other_node;
        a_node_that_does_not_understand_whispers_is_told_none;
    }
    on a cluster of its own {
        a_whisper_that_can_not_be_told_is_forgotten;
    }
}

fn whisper(to: &[UserId]) -> Whisper {
    let payload = RawValue::from_string(r#"{"typing":true}"#.to_owned()).expect("json");
    Whisper { kind: WhisperKind::Typing, to: to.to_vec(), payload: Arc::from(payload) }
}

async fn pulls_whisper(node: &mut Node) -> Vec<UserId> {
    let find = |signal| match signal {
        Signal::Whisper(whisper) => Some((whisper.to, whisper.payload.get().to_owned())),
        _ => None,
    };
    let (to, payload) = node.pulls("a whisper", find).await;
    assert_eq!(payload, r#"{"typing":true}"#);
    to
}

async fn a_whisper_reaches_its_people_wherever_they_are_and_no_other_node(redis: Deployment) {
    let [mut a, mut b, mut c] = [Node::redis(&redis), Node::redis(&redis), Node::redis(&redis)];
    let [ann, bob, carl] = [UserId::new(), UserId::new(), UserId::new()];
    a.fences(ann).await;
    b.fences(bob).await;
    c.fences(carl).await;

    a.backplane.whisper(whisper(&[ann, bob, UserId::new()]));
    a.backplane.whisper(whisper(&[carl]));

    assert_eq!(pulls_whisper(&mut a).await, [ann]);
    assert_eq!(pulls_whisper(&mut b).await, [bob]);
    assert_eq!(pulls_whisper(&mut c).await, [carl], "the first one did not come here");
}

async fn a_node_that_does_not_understand_whispers_is_told_none(redis: Deployment) {
    let a = Node::redis(&redis);
    a.fences(UserId::new()).await;
    let (older, bob) = (NodeId::new(), UserId::new());
    redis.run(&of_node(older, "lease"), "SET {key} 7");
    redis.run(&presence(bob), &format!("HSET {{key}} {older} 1"));
    let told = || redis.run(&of_node(older, "number"), "GET {key}");

    a.backplane.whisper(whisper(&[bob]));
    a.backplane.publish(envelope(&[bob]));

    until_true("the envelope is told", || !told().starts_with("$-1")).await;
    a.backplane.whisper(whisper(&[bob]));
    a.backplane.publish(envelope(&[bob]));
    until_true("the second envelope is told", || !told().contains("\r\n1\r\n")).await;
    assert!(told().contains("\r\n2\r\n"), "{}", told());
}

async fn a_whisper_that_can_not_be_told_is_forgotten(redis: Deployment) {
    let [mut a, b] = [Node::redis(&redis), Node::redis(&redis)];
    let [ann, bob] = [UserId::new(), UserId::new()];
    a.fences(ann).await;
    b.fences(bob).await;
    redis.kill();

    for _ in 0..3 {
        a.backplane.whisper(whisper(&[ann, bob]));
        assert_eq!(pulls_whisper(&mut a).await, [ann], "the own people are told");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    until_true("it notices", || !a.backplane.health().connected).await;
    a.backplane.whisper(whisper(&[bob]));
    assert_eq!(a.metrics.publish_failures.get(), 0);
}

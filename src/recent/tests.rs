//! What a node remembers, and for how long.

use std::time::Duration;

use super::{Fact, Recent, Record, Sockets, Telling, What};
use crate::model::{Clock, MessageId, NodeId, UserId, position::Position};

fn memory(events: usize) -> (Recent, Clock) {
    let clock = Clock::shifted();
    (Recent::new(events, clock.clone()), clock)
}

#[test]
fn an_entry_is_followed_from_its_commit_to_the_end_of_its_socket() {
    let (recent, clock) = memory(100);
    let [ann, bob, eve] = [UserId::new(), UserId::new(), UserId::new()];
    let (message, other) = (MessageId::new(), MessageId::new());
    let [here, there] = [NodeId::new(), NodeId::new()];
    recent.named(here);
    let [phone, laptop] = [recent.number_socket(), recent.number_socket()];
    let later = || clock.advance(Duration::from_millis(5));

    recent.opened(bob, phone, 40, 41);
    later();
    recent.committed(message, &[(ann, 7), (bob, 42)]);
    recent.committed(other, &[(bob, 43), (eve, 1)]);
    later();
    recent.told([(bob, 42, Some(there), Telling::Told), (bob, 43, None, Telling::Nowhere)]);
    later();
    recent.queued(bob, 42, "hint", Sockets::from_iter([phone]));
    recent.queued(bob, 43, "hint", Sockets::from_iter([phone]));
    recent.held(eve, 1);
    later();
    recent.ended(bob, phone, "ping_timeout");
    later();
    recent.resumed(bob, laptop, Position { epoch: 1, seq: 40 }, 43, "resumed");
    recent.opened(eve, recent.number_socket(), 0, 0);

    let recalled = recent.recall(message, &[(bob, 42)]);

    let what: Vec<What> = recalled.facts.into_iter().map(|fact| fact.what).collect();
    assert_eq!(
        what,
        [
            What::Opened { user: bob, socket: 1, since: 40, live: 41 },
            What::Committed { message, user: ann, seq: 7 },
            What::Committed { message, user: bob, seq: 42 },
            What::Told { user: bob, seq: 42, node: Some(there), outcome: "told".into() },
            What::Queued { user: bob, seq: 42, how: "hint".into(), sockets: vec![1], count: 1 },
            What::Ended { user: bob, socket: 1, reason: "ping_timeout".into() },
            What::Resumed { user: bob, socket: 2, epoch: 1, from: 40, to: 43, verdict: "resumed".into() },
        ]
    );
    assert_eq!((recalled.node, recalled.remembers, recalled.cut), (Some(here), true, false));
}

#[test]
fn what_is_older_than_the_memory_is_forgotten_and_the_answer_says_since_when() {
    let (recent, clock) = memory(4);
    let (user, started) = (UserId::new(), clock.now());
    assert!(recent.recall(MessageId::new(), &[]).deliveries_since >= started);
    for seq in 1..=6 {
        clock.advance(Duration::from_secs(1));
        recent.queued(user, seq, "hint", Sockets::default());
    }

    let forgotten = recent.recall(MessageId::new(), &[(user, 2)]);
    let kept = recent.recall(MessageId::new(), &[(user, 3)]);

    assert_eq!(forgotten.facts, []);
    assert_eq!(kept.facts.len(), 1);
    assert_eq!(kept.deliveries_since, kept.facts[0].at);
    assert!(kept.sockets_since < kept.deliveries_since, "sockets have a buffer of their own");
}

#[test]
fn many_sockets_are_counted_and_the_first_named() {
    let (recent, _) = memory(4);
    let user = UserId::new();
    recent.queued(user, 1, "log", (1..=50).collect());
    let facts = recent.recall(MessageId::new(), &[(user, 1)]).facts;
    assert_eq!(facts[0].what, What::Queued { user, seq: 1, how: "log".into(), sockets: vec![1, 2, 3, 4], count: 50 });
}

#[test]
fn switched_off_it_remembers_nothing_but_still_numbers_sockets() {
    let (recent, _) = memory(0);
    let user = UserId::new();
    recent.queued(user, 1, "log", Sockets::default());
    recent.ended(user, 1, "drain");
    let recalled = recent.recall(MessageId::new(), &[(user, 1)]);
    assert!(!recalled.remembers && recalled.facts.is_empty());
    assert_eq!([recent.number_socket(), recent.number_socket()], [1, 2]);
}

#[test]
fn an_answer_is_bounded_and_keeps_the_newest() {
    let (recent, _) = memory(5000);
    let user = UserId::new();
    (0..3000).for_each(|socket| recent.ended(user, socket, "client_left"));
    let recalled = recent.recall(MessageId::new(), &[(user, 1)]);
    assert!(recalled.cut);
    assert_eq!(recalled.facts.len(), super::FACTS);
    assert!(matches!(recalled.facts.last(), Some(Fact { what: What::Ended { socket: 2999, .. }, .. })));
}

#[test]
fn a_node_remembers_its_former_ids() {
    let (recent, _) = memory(1);
    let ids: Vec<NodeId> = (0..20).map(|_| NodeId::new()).collect();
    ids.iter().for_each(|id| recent.named(*id));
    let recalled = recent.recall(MessageId::new(), &[]);
    assert_eq!(recalled.node, ids.last().copied());
    assert_eq!(recalled.formerly, ids[12..19]);
}

#[test]
fn an_answer_reads_back_and_what_a_newer_hubbub_adds_is_no_obstacle() {
    let (recent, _) = memory(10);
    let (user, message) = (UserId::new(), MessageId::new());
    recent.named(NodeId::new());
    recent.committed(message, &[(user, 3)]);
    recent.told([(user, 3, None, Telling::Away)]);
    recent.resumed(user, 1, Position { epoch: 2, seq: 1 }, 3, "current");
    let written = recent.recall(message, &[(user, 3)]);
    let mut json = serde_json::to_value(&written).expect("JSON");
    json["facts"]
        .as_array_mut()
        .expect("a list")
        .push(serde_json::json!({"at": "2026-11-24T10:00:00.000Z", "what": "sung", "by": 3}));
    json["mood"] = "good".into();

    let read: super::Recollection = serde_json::from_value(json).expect("it reads");

    assert_eq!((read.node, &read.facts[..3]), (written.node, &written.facts[..]));
    assert_eq!(read.facts[3].what, What::Unknown);
}

#[test]
fn a_record_stays_small() {
    assert!(size_of::<Record>() <= 80, "{} bytes", size_of::<Record>());
}

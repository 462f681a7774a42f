//! What the doctor says, case by case.

use chrono::TimeDelta;
use std::time::Duration;

use super::{Case, Diagnosis, Witness, diagnose};
use crate::{
    model::{ConversationId, MessageId, NodeId, Timestamp, UserId, message::Message, position::Position},
    recent::{Fact, Recollection, What},
    store::{MemberTrace, MessageTrace},
};

/// A message from Ann to Bob, which is number 42 of his log.
struct Scene {
    ann: UserId,
    bob: UserId,
    case: Case,
}

const SEQ: i64 = 42;

fn start() -> Timestamp {
    "2026-11-24T10:00:00Z".parse().expect("a time")
}

/// So many milliseconds after the message.
fn at(ms: i64) -> Timestamp {
    start() + TimeDelta::milliseconds(ms)
}

fn scene() -> Scene {
    let (ann, bob) = (UserId::new(), UserId::new());
    let message = Message {
        id: MessageId::new(),
        sender_id: ann,
        receiver_id: bob,
        text: Some("secret".to_owned()),
        image: None,
        client_id: None,
        created_at: start(),
        updated_at: start(),
        conversation_id: ConversationId::new(),
        number: 7,
    };
    let member = |user, name: &str, seq| MemberTrace {
        user,
        full_name: name.to_owned(),
        head: Position { epoch: 1, seq: 50 },
        kept_from: Some(1),
        seq: Some(seq),
    };
    let members = vec![member(ann, "Ann", 9), member(bob, "Bob", SEQ)];
    Scene { ann, bob, case: Case { trace: MessageTrace { message, members }, beats: Vec::new(), now: at(60_000) } }
}

fn node(address: &str, facts: Vec<(i64, What)>) -> Witness {
    let answer = Recollection {
        node: Some(NodeId::new()),
        formerly: Vec::new(),
        remembers: true,
        now: at(60_000),
        deliveries_since: at(-60_000),
        sockets_since: at(-60_000),
        facts: facts.into_iter().map(|(ms, what)| Fact { at: at(ms), what }).collect(),
        cut: false,
    };
    Witness { address: address.to_owned(), answer: Ok(answer) }
}

impl Scene {
    fn diagnosis(&self, witnesses: Vec<Witness>) -> Diagnosis {
        diagnose(&self.case, witnesses, Duration::from_secs(10))
    }

    /// What is said of Bob.
    fn says(&self, witnesses: Vec<Witness>) -> String {
        self.diagnosis(witnesses).members.remove(1).conclusion
    }

    fn queued(&self, sockets: &[u32]) -> What {
        What::Queued { user: self.bob, seq: SEQ, how: "hint".into(), sockets: sockets.to_vec(), count: sockets.len() as u32 }
    }

    fn opened(&self, socket: u32, since: i64, live: i64) -> What {
        What::Opened { user: self.bob, socket, since, live }
    }

    fn ended(&self, socket: u32, reason: &'static str) -> What {
        What::Ended { user: self.bob, socket, reason: reason.into() }
    }

    fn resumed(&self, socket: u32, from: i64, to: i64, verdict: &'static str) -> What {
        What::Resumed { user: self.bob, socket, epoch: 1, from, to, verdict: verdict.into() }
    }

    fn told(&self, node: Option<NodeId>, outcome: &'static str) -> What {
        What::Told { user: self.bob, seq: SEQ, node, outcome: outcome.into() }
    }
}

#[test]
fn queued_to_sockets_that_are_still_there() {
    let scene = scene();
    let said = scene.says(vec![
        node("a:1", vec![(-500, scene.opened(3, 41, 41)), (8, scene.queued(&[3, 5]))]),
        node("b:1", vec![(9, scene.queued(&[1]))]),
    ]);
    assert_eq!(said, "queued to 2 sockets on a:1 at 2026-11-24T10:00:00.008Z and 1 socket on b:1 at 2026-11-24T10:00:00.009Z");
}

#[test]
fn queued_to_a_socket_that_ended_and_resumed() {
    let scene = scene();
    let mut facts = vec![(8, scene.queued(&[3])), (28, scene.ended(3, "ping_timeout"))];
    let said = scene.says(vec![node("a:1", facts.clone())]);
    assert_eq!(
        said,
        "queued to 1 socket on a:1 at 2026-11-24T10:00:00.008Z; socket 3 ended 20 ms later (ping_timeout); \
         a client that did not get it and resumes is sent it as 1.42"
    );
    facts.extend([(900, scene.resumed(4, 41, 44, "resumed")), (901, scene.opened(4, 41, 45))]);
    let said = scene.says(vec![node("a:1", facts)]);
    assert!(
        said.ends_with("; socket 4 resumed on a:1 at 2026-11-24T10:00:00.901Z and was sent what came after 1.41 from the log"),
        "{said}"
    );
}

#[test]
fn nobody_was_there_and_the_log_keeps_it() {
    let scene = scene();
    let waits = "it waits in the log as 1.42, and a client that resumes gets it";
    let said = scene.says(vec![node("a:1", vec![])]);
    assert_eq!(said, format!("no socket was connected on the asked nodes; {waits}"));
    let said = scene.says(vec![node("a:1", vec![(-9000, scene.opened(3, 40, 40)), (-4000, scene.ended(3, "transport_close"))])]);
    assert_eq!(
        said,
        format!(
            "no socket was connected on the asked nodes (the last, socket 3 on a:1, ended at 2026-11-24T09:59:56.000Z: \
             transport_close); {waits}"
        )
    );
}

#[test]
fn a_resume_that_covers_it_and_one_that_does_not() {
    let scene = scene();
    let resumed = |from, to, verdict| scene.says(vec![node("a:1", vec![(900, scene.resumed(4, from, to, verdict))])]);
    assert!(resumed(41, 42, "resumed").ends_with("was to be sent what came after 1.41 from the log"));
    for (from, to) in [(42, 50), (30, 41)] {
        assert!(resumed(from, to, "resumed").starts_with("no socket"), "{from} to {to}");
    }
    let said = resumed(3, 50, "too_far");
    assert!(said.contains("was told `reset` (too_far): its client has to load the history"), "{said}");
}

#[test]
fn who_connects_later_finds_it_in_the_history() {
    let scene = scene();
    let said = scene.says(vec![node("a:1", vec![(900, scene.opened(4, 50, 50))])]);
    assert!(said.starts_with("socket 4 connected on a:1") && said.contains("history"), "{said}");
    let said = scene.says(vec![node("a:1", vec![(2, scene.opened(4, 41, 43))])]);
    assert!(said.starts_with("socket 4 connected") && said.ends_with("was sent what came after 1.41 from the log"), "{said}");
}

#[test]
fn a_node_that_was_told_and_did_not_pass_it_on() {
    let scene = scene();
    let there = node("b:1", vec![]);
    let id = there.answer.as_ref().ok().and_then(|answer| answer.node);
    let here = || node("a:1", vec![(3, scene.told(id, "told"))]);

    let said = scene.says(vec![here(), there]);
    assert!(said.starts_with("b:1 was told at 2026-11-24T10:00:00.003Z, but did not pass it on"), "{said}");
    let said = scene.says(vec![here()]);
    assert!(said.starts_with(&format!("node {} was told", id.expect("an id"))) && said.contains("was not asked"), "{said}");
    let mut forgetful = node("b:1", vec![]);
    if let Ok(answer) = &mut forgetful.answer {
        (answer.formerly, answer.deliveries_since) = (id.into_iter().collect(), at(1000));
    }
    let said = scene.says(vec![here(), forgetful]);
    assert!(said.starts_with("b:1 was told") && said.contains("does not remember that time any more"), "{said}");
}

#[test]
fn redis_was_away_or_a_number_in_front_was_missing() {
    let scene = scene();
    let said = scene.says(vec![node("a:1", vec![(3, scene.told(None, "away"))])]);
    assert!(said.starts_with("the other nodes could not be told by a:1 at ") && said.contains("Redis did not answer"), "{said}");
    let said = scene.says(vec![node("a:1", vec![(3, What::Held { user: scene.bob, seq: SEQ })])]);
    assert!(said.contains("before the number in front of it"), "{said}");
    let said = scene.says(vec![node("a:1", vec![(3, scene.queued(&[]))])]);
    assert!(said.contains("when no socket there could take it"), "{said}");
    let said = scene.says(vec![node("a:1", vec![(-9, scene.opened(6, 40, 40)), (3, scene.told(None, "nowhere"))])]);
    assert!(said.starts_with("socket 6 was connected on a:1, but the entry did not come there"), "{said}");
}

#[test]
fn what_no_node_can_say_is_not_made_up() {
    let scene = scene();
    let away = || Witness { address: "a:1".to_owned(), answer: Err("not reachable: refused".to_owned()) };
    assert!(scene.says(vec![]).starts_with("no node could be asked; it waits in the log as 1.42"));
    let diagnosis = scene.diagnosis(vec![away()]);
    assert!(diagnosis.members[1].conclusion.starts_with("no node could be asked"));
    assert_eq!(diagnosis.nodes[0].error.as_deref(), Some("not reachable: refused"));
    let mut late = node("a:1", vec![]);
    if let Ok(answer) = &mut late.answer {
        answer.deliveries_since = at(1000);
    }
    assert!(scene.says(vec![late]).starts_with("the asked nodes remember deliveries since 2026-11-24T10:00:01.000Z only"));
    let mut off = node("a:1", vec![]);
    if let Ok(answer) = &mut off.answer {
        answer.remembers = false;
    }
    assert!(scene.says(vec![off]).contains("ops.recent_events is 0"));
}

#[test]
fn an_entry_that_was_removed() {
    let mut scene = scene();
    (scene.case.trace.members[1].seq, scene.case.trace.members[1].kept_from) = (None, Some(45));
    let said = scene.says(vec![node("a:1", vec![(900, scene.opened(4, 50, 50))])]);
    assert!(said.starts_with("its entry was removed from the log, which is kept from 1.45 on"), "{said}");
    assert_eq!(scene.case.entries(), [(scene.ann, 9), (scene.bob, 0)]);
}

#[test]
fn a_node_at_two_addresses_counts_once_and_living_ones_that_were_not_asked_are_named() {
    let mut scene = scene();
    let asked = node("a:1", vec![(8, scene.queued(&[3]))]);
    let id = asked.answer.as_ref().ok().and_then(|answer| answer.node).expect("an id");
    let (silent, dead) = (NodeId::new(), NodeId::new());
    scene.case.beats = vec![(id, at(59_000)), (silent, at(58_000)), (dead, at(0))];
    let diagnosis = scene.diagnosis(vec![asked.clone(), Witness { address: "[::1]:1".to_owned(), ..asked }]);
    assert_eq!(diagnosis.nodes.len(), 1);
    assert_eq!(diagnosis.members[1].facts.len(), 1);
    assert_eq!(diagnosis.not_asked, [silent]);
}

#[test]
fn of_countless_sockets_those_next_to_the_message_are_shown() {
    let scene = scene();
    let mut facts: Vec<(i64, What)> = (0..500).map(|n| (i64::from(n) * 2 - 501, scene.ended(n, "client_left"))).collect();
    facts.push((900, scene.queued(&[7777])));
    facts.push((901, scene.ended(7777, "drain")));
    let member = scene.diagnosis(vec![node("a:1", facts)]).members.remove(1);
    assert_eq!(member.facts.len() + member.left_out, 502);
    let sockets: Vec<u32> = member.facts.iter().filter_map(|fact| super::facts::socket_of(&fact.what)).collect();
    assert_eq!((sockets.len(), sockets[0], sockets[39], sockets[40]), (41, 241, 280, 7777));
}

#[test]
fn the_text_of_the_message_is_told_to_nobody() {
    let scene = scene();
    let diagnosis = scene.diagnosis(vec![node("a:1", vec![(8, scene.queued(&[3]))])]);
    let json = serde_json::to_string(&diagnosis).expect("JSON");
    assert!(!json.contains("secret") && json.contains("\"what\":\"queued\""), "{json}");
}

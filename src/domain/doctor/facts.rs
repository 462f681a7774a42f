//! Which of the nodes' facts concern one member.

use super::{MemberFacts, NodeFact, NodeFacts, Witness, conclude};
use crate::{
    model::{Timestamp, clock::iso, message::Message, position::Position},
    recent::What,
    store::MemberTrace,
};

/// Facts about sockets that are shown from before the message, and from after it: those next to it.
const BEFORE: usize = 10;
const AFTER: usize = 30;

pub(super) fn of_node(witness: &Witness, created_at: Timestamp) -> NodeFacts {
    let address = witness.address.clone();
    match &witness.answer {
        Err(error) => NodeFacts { address, node: None, error: Some(error.clone()), memory: None },
        Ok(answer) => {
            let memory = if !answer.remembers {
                Some("remembers nothing: ops.recent_events is 0".to_owned())
            } else if answer.deliveries_since > created_at {
                Some(format!("remembers deliveries since {} only", time(answer.deliveries_since)))
            } else if answer.cut {
                Some("remembers more than it can tell: older facts are left out".to_owned())
            } else {
                None
            };
            NodeFacts { address, node: answer.node, error: None, memory }
        }
    }
}

pub(super) fn of_member(member: &MemberTrace, message: &Message, witnesses: &[Witness]) -> MemberFacts {
    let mut facts = Vec::new();
    for witness in witnesses {
        let Ok(answer) = &witness.answer else { continue };
        for fact in answer.facts.iter().filter(|fact| fact.what.user() == Some(member.user)) {
            facts.push(NodeFact { at: fact.at, address: witness.address.clone(), what: fact.what.clone() });
        }
    }
    facts.sort_by_key(|fact| fact.at);
    let conclusion = conclude::conclude(member, message, &facts, witnesses);
    let found = facts.len();
    let facts = nearest(facts, message.created_at);
    let place = |seq| Position { seq, ..member.head }.to_string();
    MemberFacts {
        user_id: member.user,
        full_name: member.full_name.clone(),
        head: member.head.to_string(),
        kept_from: member.kept_from.map(place),
        entry: member.seq.map(place),
        left_out: found - facts.len(),
        facts,
        conclusion,
    }
}

/// All that is about the entry, and of what is about sockets only that which is next to it: somebody's sockets may have come
/// and gone a thousand times.
fn nearest(facts: Vec<NodeFact>, at: Timestamp) -> Vec<NodeFact> {
    let named: Vec<(String, u32)> = facts
        .iter()
        .filter_map(|fact| match &fact.what {
            What::Queued { sockets, .. } => Some(sockets.iter().map(|socket| (fact.address.clone(), *socket))),
            _ => None,
        })
        .flatten()
        .collect();
    let aside = |fact: &NodeFact| match socket_of(&fact.what) {
        Some(socket) => !named.iter().any(|(address, number)| *number == socket && *address == fact.address),
        None => false,
    };
    let before = facts.iter().filter(|fact| aside(fact) && fact.at < at).count();
    // In the order of time, the socket facts next to the message are those from here to there.
    let shown = before.saturating_sub(BEFORE)..before + AFTER;
    let mut place = 0..;
    let mut kept = facts;
    kept.retain(|fact| !aside(fact) || place.next().is_some_and(|place| shown.contains(&place)));
    kept
}

/// The socket that a fact is about.
pub(super) fn socket_of(what: &What) -> Option<u32> {
    match what {
        What::Opened { socket, .. } | What::Resumed { socket, .. } | What::Ended { socket, .. } => Some(*socket),
        _ => None,
    }
}

/// ISO-8601, UTC, with milliseconds: as all times on the wire.
pub(super) fn time(at: Timestamp) -> impl std::fmt::Display {
    at.format(iso::FORMAT)
}

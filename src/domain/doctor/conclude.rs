//! What the facts mean for one member, in one sentence.

use super::{NodeFact, Witness, facts::time};
use crate::{
    model::{NodeId, Timestamp, message::Message, position::Position},
    recent::{Recollection, What},
    store::MemberTrace,
};

/// The facts about one member's entry.
struct Story<'a> {
    member: &'a MemberTrace,
    seq: i64,
    created_at: Timestamp,
    facts: &'a [NodeFact],
    witnesses: &'a [Witness],
}

/// The first of these explanations that the facts support, the strongest first.
pub(super) fn conclude(member: &MemberTrace, message: &Message, facts: &[NodeFact], witnesses: &[Witness]) -> String {
    let Some(seq) = member.seq else {
        let place = |seq| Position { seq, ..member.head };
        let kept = member.kept_from.map_or("keeps nothing".to_owned(), |from| format!("is kept from {} on", place(from)));
        return format!(
            "its entry was removed from the log, which {kept} (database.log_retention): a client that resumes from before that is \
             told `reset` (trimmed) and loads the history"
        );
    };
    let story = Story { member, seq, created_at: message.created_at, facts, witnesses };
    story
        .queued()
        .or_else(|| story.replayed())
        .or_else(|| story.was_history())
        .or_else(|| story.waiting())
        .or_else(|| story.told())
        .unwrap_or_else(|| story.nothing_seen())
}

impl Story<'_> {
    /// It was queued to sockets: what a client does with it from there on, no node knows.
    fn queued(&self) -> Option<String> {
        let (mut places, mut ends) = (Vec::new(), Vec::new());
        for fact in self.facts {
            let What::Queued { how, sockets, count, .. } = &fact.what else { continue };
            if *count == 0 {
                continue;
            }
            let came = if how == "hint" { String::new() } else { format!(", {}", arrival(how)) };
            places.push(format!("{} on {} at {}{came}", plural(*count, "socket"), fact.address, time(fact.at)));
            for end in self.facts.iter().filter(|end| end.address == fact.address && end.at >= fact.at) {
                if let What::Ended { socket, reason, .. } = &end.what
                    && sockets.contains(socket)
                {
                    ends.push(format!("socket {socket} ended {} ({reason})", since(fact.at, end.at)));
                }
            }
        }
        if places.is_empty() {
            return None;
        }
        let mut sentence = format!("queued to {}", places.join(" and "));
        if !ends.is_empty() {
            sentence.push_str(&format!("; {}", ends.join(", ")));
            match self.replayed() {
                Some(replayed) => sentence.push_str(&format!("; {replayed}")),
                None => sentence.push_str(&format!("; a client that did not get it and resumes is sent it as {}", self.place())),
            }
        }
        Some(sentence)
    }

    /// A socket was sent it from the log on its way in, or should have been.
    fn replayed(&self) -> Option<String> {
        let sent = self.facts.iter().rev().find_map(|fact| match &fact.what {
            What::Opened { socket, since, live, .. } if *since < self.seq && self.seq <= *live => {
                Some((fact, *socket, *since, if self.resumed(fact, *socket) { "resumed" } else { "connected" }, "was sent"))
            }
            _ => None,
        });
        let on_its_way = || {
            self.facts.iter().rev().find_map(|fact| match &fact.what {
                What::Resumed { socket, epoch, from, to, verdict, .. }
                    if *epoch == self.member.head.epoch && *from < self.seq && self.seq <= *to && verdict == "resumed" =>
                {
                    Some((fact, *socket, *from, "resumed", "was to be sent"))
                }
                _ => None,
            })
        };
        let (fact, socket, from, came, sent) = sent.or_else(on_its_way)?;
        let from = Position { seq: from, ..self.member.head };
        let (address, at) = (&fact.address, time(fact.at));
        Some(format!("socket {socket} {came} on {address} at {at} and {sent} what came after {from} from the log"))
    }

    /// Whether a socket that went live had asked to go on where it was.
    fn resumed(&self, live: &NodeFact, number: u32) -> bool {
        let asked = |what: &What| matches!(what, What::Resumed { socket, .. } if *socket == number);
        self.facts.iter().any(|fact| fact.address == live.address && asked(&fact.what))
    }

    /// Who connected after that without a position, or with one that was refused, has to load the history.
    fn was_history(&self) -> Option<String> {
        let after = |fact: &&NodeFact| fact.at > self.created_at;
        self.facts.iter().filter(after).find_map(|fact| match &fact.what {
            What::Resumed { socket, verdict, .. } if !matches!(&**verdict, "current" | "resumed") => Some(format!(
                "socket {socket} asked to resume on {} at {} and was told `reset` ({verdict}): its client has to load the history",
                fact.address,
                time(fact.at)
            )),
            What::Opened { socket, since, .. } if *since >= self.seq => Some(format!(
                "socket {socket} connected on {} at {}, when the message was history: its client loads that by REST",
                fact.address,
                time(fact.at)
            )),
            _ => None,
        })
    }

    /// It came to a node and was not passed on.
    fn waiting(&self) -> Option<String> {
        self.facts.iter().rev().find_map(|fact| match &fact.what {
            What::Held { .. } => Some(format!(
                "it came to {} at {}, before the number in front of it, and was not passed on since; the gap is read from the log \
                 after realtime.gap_hold, or by the next sweep",
                fact.address,
                time(fact.at)
            )),
            What::Queued { .. } => Some(format!(
                "it came to {} at {}, when no socket there could take it; {}",
                fact.address,
                time(fact.at),
                self.waits()
            )),
            _ => None,
        })
    }

    /// Other nodes were told, or could not be.
    fn told(&self) -> Option<String> {
        let (mut told, mut failed) = (Vec::new(), None);
        for fact in self.facts {
            let What::Told { node, outcome, .. } = &fact.what else { continue };
            match (&**outcome, node) {
                ("told", Some(node)) => {
                    told.push(format!("{} was told at {}, {}", self.name(*node), time(fact.at), self.says(*node, fact.at)))
                }
                ("nowhere", _) => {}
                (outcome, node) => failed = Some((*node, telling(outcome), fact)),
            }
        }
        if !told.is_empty() {
            return Some(format!("{}; {}", told.join("; "), self.waits()));
        }
        let (node, why, fact) = failed?;
        let whom = node.map_or("the other nodes".to_owned(), |node| self.name(node));
        Some(format!("{whom} could not be told by {} at {}: {why}; {}", fact.address, time(fact.at), self.waits()))
    }

    /// What a node that was told has to say itself.
    fn says(&self, node: NodeId, at: Timestamp) -> &'static str {
        match self.answer_of(node) {
            None => "and was not asked now (--node)",
            Some(answer) if !answer.remembers => "and remembers nothing (ops.recent_events is 0)",
            Some(answer) if answer.deliveries_since > at => "and does not remember that time any more",
            Some(_) => {
                "but did not pass it on: the hint was lost, or nobody was connected there any more; its sweep \
                        (realtime.sweep_interval) reads what connected people miss from the log"
            }
        }
    }

    fn nothing_seen(&self) -> String {
        let answers: Vec<&Recollection> = self.witnesses.iter().filter_map(|witness| witness.answer.as_ref().ok()).collect();
        let remembering: Vec<_> = answers.iter().filter(|answer| answer.remembers).collect();
        let reach = remembering.iter().map(|answer| answer.deliveries_since).min();
        let connected = self.connected();
        if answers.is_empty() {
            format!("no node could be asked; {}", self.waits())
        } else if let Some(reach) = reach.filter(|reach| *reach > self.created_at) {
            format!("the asked nodes remember deliveries since {} only; {}", time(reach), self.waits())
        } else if reach.is_none() {
            format!("the asked nodes remember nothing (ops.recent_events is 0); {}", self.waits())
        } else if let Some((socket, address)) = connected {
            format!(
                "socket {socket} was connected on {address}, but the entry did not come there: the hint was lost or is on its way; \
                 the next sweep (realtime.sweep_interval) reads it from the log"
            )
        } else {
            let last = self.facts.iter().rev().find_map(|fact| match &fact.what {
                What::Ended { socket, reason, .. } if fact.at <= self.created_at => {
                    Some(format!(" (the last, socket {socket} on {}, ended at {}: {reason})", fact.address, time(fact.at)))
                }
                _ => None,
            });
            format!("no socket was connected on the asked nodes{}; {}", last.unwrap_or_default(), self.waits())
        }
    }

    /// A socket that was there when the message was sent, and its node.
    fn connected(&self) -> Option<(u32, &str)> {
        let there = |fact: &&NodeFact| fact.at <= self.created_at;
        self.facts.iter().filter(there).rev().find_map(|fact| {
            let What::Opened { socket: opened, live, .. } = &fact.what else { return None };
            let ended =
                self.facts.iter().filter(there).any(|end| {
                    end.address == fact.address && matches!(&end.what, What::Ended { socket, .. } if socket == opened)
                });
            (!ended && *live < self.seq).then_some((*opened, &*fact.address))
        })
    }

    fn answer_of(&self, node: NodeId) -> Option<&Recollection> {
        self.witness(node).and_then(|witness| witness.answer.as_ref().ok())
    }

    fn witness(&self, node: NodeId) -> Option<&Witness> {
        let is = |answer: &Recollection| answer.node == Some(node) || answer.formerly.contains(&node);
        self.witnesses.iter().find(|witness| witness.answer.as_ref().is_ok_and(is))
    }

    /// A node by its address, if it was asked.
    fn name(&self, node: NodeId) -> String {
        self.witness(node).map_or_else(|| format!("node {node}"), |witness| witness.address.clone())
    }

    fn waits(&self) -> String {
        format!("it waits in the log as {}, and a client that resumes gets it", self.place())
    }

    fn place(&self) -> Position {
        Position { seq: self.seq, ..self.member.head }
    }
}

/// How an entry came to a node.
pub fn arrival(how: &str) -> &str {
    match how {
        "hint" => "told by the node that committed it",
        "log" => "read from the log, since the hint did not come",
        other => other,
    }
}

/// What came of telling, in words.
pub fn telling(outcome: &str) -> &str {
    match outcome {
        "told" => "told",
        "nowhere" => "nobody else has a socket of that person",
        "no_lease" => "that node is dead, or coming back under another id",
        "failed" => "Redis did not take it, and every node was asked to compare its people with the database",
        "away" => "Redis did not answer, and every node is asked to compare its people with the database when it does",
        "no_room" => "too many others waited to be told, and every node was asked to compare its people with the database",
        "dropped" => "this node's own queue was full, and it compares its people with the database",
        other => other,
    }
}

fn plural(count: u32, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn since(from: Timestamp, to: Timestamp) -> String {
    let ms = (to - from).num_milliseconds();
    if ms < 10_000 { format!("{ms} ms later") } else { format!("{} s later", ms / 1000) }
}

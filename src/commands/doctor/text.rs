//! The diagnosis for people: one line a fact, all times in UTC.

use std::io::{self, Write};

use crate::{
    domain::doctor::{Diagnosis, MemberFacts, NodeFact, arrival, telling},
    model::{Timestamp, UserId, clock::iso},
    recent::What,
};

pub(super) fn write(out: &mut impl Write, diagnosis: &Diagnosis) -> io::Result<()> {
    let Diagnosis { message, nodes, not_asked, members } = diagnosis;
    let name = |id: UserId| {
        let member = members.iter().find(|member| member.user_id == id);
        member.map_or_else(|| id.to_string(), |member| format!("{} ({id})", member.full_name))
    };
    writeln!(out, "message {}", message.id)?;
    writeln!(out, "  from {} to {}", name(message.sender_id), name(message.receiver_id))?;
    writeln!(
        out,
        "  taken in at {}, number {} of conversation {}",
        time(message.created_at),
        message.number,
        message.conversation_id
    )?;
    if let Some(client_id) = message.client_id {
        writeln!(out, "  clientId {client_id}")?;
    }
    for node in nodes {
        let id = node.node.map(|id| format!("node {id}"));
        let parts = [id, node.error.clone(), node.memory.clone()];
        writeln!(out, "asked {}: {}", node.address, parts.into_iter().flatten().collect::<Vec<_>>().join(", "))?;
    }
    for node in not_asked {
        writeln!(out, "not asked: node {node}, which lives (name its ops port with --node)")?;
    }
    members.iter().try_for_each(|member| write_member(out, member))
}

fn write_member(out: &mut impl Write, member: &MemberFacts) -> io::Result<()> {
    writeln!(out)?;
    writeln!(out, "{} ({})", member.full_name, member.user_id)?;
    let entry = member.entry.as_ref().map_or("no entry any more".to_owned(), |entry| format!("entry {entry}"));
    let kept = member.kept_from.as_ref().map_or("keeps nothing".to_owned(), |from| format!("is kept from {from} on"));
    writeln!(out, "  {entry} in the log, which goes to {} and {kept}", member.head)?;
    for fact in &member.facts {
        writeln!(out, "  {}  {}  {}", time(fact.at), fact.address, words(fact))?;
    }
    if member.left_out > 0 {
        writeln!(out, "  ({} more about other sockets, further away in time)", member.left_out)?;
    }
    writeln!(out, "  => {}: {}", member.full_name, member.conclusion)
}

fn words(fact: &NodeFact) -> String {
    match &fact.what {
        What::Committed { seq, .. } => format!("committed as number {seq}"),
        What::Told { node: Some(node), outcome, .. } if outcome == "told" => format!("told node {node}"),
        What::Told { node: Some(node), outcome, .. } => format!("could not tell node {node}: {}", telling(outcome)),
        What::Told { node: None, outcome, .. } if outcome == "nowhere" => format!("told no other node: {}", telling(outcome)),
        What::Told { node: None, outcome, .. } => format!("could not tell other nodes: {}", telling(outcome)),
        What::Queued { how, count: 0, .. } => format!("came, {}, but no socket could take it", arrival(how)),
        What::Queued { how, sockets, count, .. } => {
            let more = if *count as usize > sockets.len() { " …" } else { "" };
            let sockets: Vec<String> = sockets.iter().map(u32::to_string).collect();
            format!("queued to {count} socket(s): {}{more}; {}", sockets.join(", "), arrival(how))
        }
        What::Held { .. } => "came before the number in front of it, and was held".to_owned(),
        What::Opened { socket, since, live, .. } if since < live => {
            format!("socket {socket} is live; it was sent {} to {live} from the log", since + 1)
        }
        What::Opened { socket, live, .. } => format!("socket {socket} is live, and gets every number after {live}"),
        What::Resumed { socket, epoch, from, to, verdict, .. } => match &**verdict {
            "resumed" => format!("socket {socket} resumes after {epoch}.{from}, up to {epoch}.{to} from the log"),
            "current" => format!("socket {socket} resumes after {epoch}.{from}, and missed nothing"),
            reason => format!("socket {socket} asked to resume: `reset` ({reason}); starts anew after {epoch}.{from}"),
        },
        What::Ended { socket, reason, .. } => format!("socket {socket} ended: {reason}"),
        What::Unknown => "something that only a newer hubbub knows".to_owned(),
    }
}

fn time(at: Timestamp) -> impl std::fmt::Display {
    at.format(iso::FORMAT)
}

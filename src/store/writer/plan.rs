//! What a batch writes, decided from what was read under locks. Pure: no statement, no waiting.

use crate::model::{
    ClientId, ConversationId, Error, MessageId, Result, UserId,
    conversation::direct_key,
    message::{Message, NewMessage, Sent, Text},
    upload::MediaName,
};
use sea_orm::prelude::Uuid;
use std::collections::{BTreeMap, HashMap, HashSet};

/// A conversation as it stands under its lock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conversation {
    pub(super) id: Uuid,
    pub(super) last_number: i64,
}

/// What the transaction read.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Those of the batch who exist and are not deleted.
    pub(super) people: HashSet<Uuid>,
    /// By direct key.
    pub(super) conversations: HashMap<String, Conversation>,
    /// The last number of each log.
    pub(super) logs: BTreeMap<Uuid, i64>,
    /// Messages that a (sender, client id) of the batch already names.
    pub(super) known: HashMap<(Uuid, Uuid), Message>,
    /// Messages of the batch that an earlier attempt has written, by id.
    pub(super) written: HashMap<Uuid, Sent>,
}

/// What everything stood at when a plan was written behind it.
#[derive(Debug, Default)]
pub(super) struct Stood {
    /// By the id that the plan has for them ([`Facts::presumed`]).
    pub(super) conversations: HashMap<Uuid, Conversation>,
    /// The last number of each log.
    pub(super) logs: HashMap<Uuid, i64>,
}

impl Facts {
    /// As if everybody and every conversation were there, and everything at the number 0. Conversations have ids that mean
    /// nothing but that they are different.
    pub(super) fn presumed(batch: &[NewMessage]) -> Self {
        let mut facts = Self {
            people: HashSet::with_capacity(2 * batch.len()),
            conversations: HashMap::with_capacity(batch.len()),
            ..Self::default()
        };
        for new in batch {
            let place = facts.conversations.len() as u128;
            let key = direct_key(new.sender, new.receiver);
            facts.conversations.entry(key).or_insert(Conversation { id: Uuid::from_u128(place), last_number: 0 });
            for user in [new.sender.0, new.receiver.0] {
                facts.people.insert(user);
                facts.logs.insert(user, 0);
            }
        }
        facts
    }
}

/// What to write and what to answer.
#[derive(Debug, Default)]
pub(super) struct Plan<'a> {
    /// For each send of the batch, in its order.
    pub(super) answers: Vec<Result<Sent>>,
    pub(super) messages: Vec<Row<'a>>,
    /// Conversations that moved, by id: the index of their last message in `messages`.
    pub(super) conversations: BTreeMap<Uuid, usize>,
    /// Logs that moved, by user: their last number.
    pub(super) logs: BTreeMap<Uuid, i64>,
    pub(super) entries: Vec<Entry>,
}

/// A row of `messages`.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) new: &'a NewMessage,
    pub(super) conversation: Uuid,
    pub(super) number: i64,
}

/// A row of `user_events`.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) user: Uuid,
    pub(super) seq: i64,
    /// The index in [`Plan::messages`].
    pub(super) message: usize,
}

/// What can be said about a send before anything is locked.
pub(super) fn check(message: &NewMessage, people: &HashSet<Uuid>) -> Result<()> {
    if message.sender == message.receiver {
        Err(Error::SelfMessage)
    } else if !people.contains(&message.sender.0) {
        Err(Error::AccountDeleted)
    } else if !people.contains(&message.receiver.0) {
        Err(Error::ReceiverNotFound)
    } else {
        Ok(())
    }
}

/// Gives out the numbers.
pub(super) fn plan(batch: &[NewMessage], mut facts: Facts) -> Plan<'_> {
    let size = batch.len();
    let mut plan = Plan {
        answers: Vec::with_capacity(size),
        messages: Vec::with_capacity(size),
        entries: Vec::with_capacity(2 * size),
        ..Plan::default()
    };
    for new in batch {
        let answer = place(&mut plan, &mut facts, new);
        plan.answers.push(answer);
    }
    plan
}

fn place<'a>(plan: &mut Plan<'a>, facts: &mut Facts, new: &'a NewMessage) -> Result<Sent> {
    check(new, &facts.people)?;
    if let Some(sent) = facts.written.remove(&new.id.0) {
        return Ok(sent);
    }
    let name = new.client_id.map(|ClientId(client)| (new.sender.0, client));
    if let Some(first) = name.and_then(|name| facts.known.get(&name)) {
        return repeat(first, new.receiver);
    }
    let unlocked = |what| unlocked(what, new.id);
    // All three are looked up before any number is given: a send that fails must leave no gap.
    let conversation =
        facts.conversations.get_mut(&direct_key(new.sender, new.receiver)).ok_or_else(|| unlocked("the conversation"))?;
    let members = [new.sender.0, new.receiver.0];
    if !members.iter().all(|user| facts.logs.contains_key(user)) {
        return Err(unlocked("a log"));
    }

    conversation.last_number += 1;
    let index = plan.messages.len();
    plan.conversations.insert(conversation.id, index);
    let mut entries = Vec::with_capacity(members.len());
    for user in members {
        let Some(seq) = facts.logs.get_mut(&user) else { return Err(unlocked("a log")) };
        *seq += 1;
        plan.logs.insert(user, *seq);
        plan.entries.push(Entry { user, seq: *seq, message: index });
        entries.push((UserId(user), *seq));
    }
    let row = Row { new, conversation: conversation.id, number: conversation.last_number };
    let message = row.message();
    plan.messages.push(row);
    if let Some(name) = name {
        facts.known.insert(name, message.clone());
    }
    Ok(Sent { message, entries, first: true })
}

/// A defect: what is locked has been found.
fn unlocked(what: &str, message: MessageId) -> Error {
    Error::internal("database", format_args!("{what} of message {message} is missing"))
}

impl Plan<'_> {
    /// The answers of a plan whose numbers count from 0, now that it is written behind what everything stood at.
    pub(super) fn written_behind(self, stood: &Stood) -> Vec<Result<Sent>> {
        self.answers.into_iter().map(|answer| answer.and_then(|sent| moved(sent, stood))).collect()
    }
}

fn moved(mut sent: Sent, stood: &Stood) -> Result<Sent> {
    let message = &mut sent.message;
    let conversation =
        stood.conversations.get(&message.conversation_id.0).ok_or_else(|| unlocked("the conversation", message.id))?;
    message.conversation_id = ConversationId(conversation.id);
    message.number += conversation.last_number;
    for (user, seq) in &mut sent.entries {
        *seq += stood.logs.get(&user.0).ok_or_else(|| unlocked("a log", message.id))?;
    }
    Ok(sent)
}

fn repeat(first: &Message, receiver: UserId) -> Result<Sent> {
    if first.receiver_id == receiver {
        Ok(Sent { message: first.clone(), entries: Vec::new(), first: false })
    } else {
        Err(Error::ClientIdReused)
    }
}

impl Row<'_> {
    /// The message as everybody sees it; nothing needs to be read again.
    fn message(&self) -> Message {
        let new = self.new;
        Message {
            id: new.id,
            sender_id: new.sender,
            receiver_id: new.receiver,
            text: new.text.as_ref().map(|text| Text::as_str(text).to_owned()),
            image: new.image.as_ref().map(MediaName::url),
            client_id: new.client_id,
            created_at: new.created_at,
            updated_at: new.created_at,
            conversation_id: ConversationId(self.conversation),
            number: self.number,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn message(sender: UserId, receiver: UserId, client_id: Option<ClientId>) -> NewMessage {
        NewMessage {
            id: MessageId::new(),
            sender,
            receiver,
            client_id,
            text: None,
            image: None,
            created_at: Timestamp::default(),
        }
    }

    fn facts(a: UserId, b: UserId) -> Facts {
        Facts {
            people: HashSet::from([a.0, b.0]),
            conversations: HashMap::from([(direct_key(a, b), Conversation { id: Uuid::now_v7(), last_number: 4 })]),
            logs: BTreeMap::from([(a.0, 10), (b.0, 20)]),
            ..Facts::default()
        }
    }

    #[test]
    fn a_send_that_fails_leaves_no_gap_in_any_number() {
        let (ann, bob, nobody) = (UserId::new(), UserId::new(), UserId::new());
        let batch = [message(ann, bob, None), message(ann, nobody, None), message(bob, ann, None), message(ann, ann, None)];

        let plan = plan(&batch, facts(ann, bob));

        assert_eq!(plan.messages.iter().map(|row| row.number).collect::<Vec<_>>(), [5, 6]);
        assert_eq!(plan.logs, BTreeMap::from([(ann.0, 12), (bob.0, 22)]));
        assert_eq!(plan.answers[1], Err(Error::ReceiverNotFound));
        assert_eq!(plan.answers[3], Err(Error::SelfMessage));
        assert_eq!(plan.answers[2].as_ref().map(|sent| sent.entries.clone()), Ok(vec![(bob, 22), (ann, 12)]));
    }

    #[test]
    fn a_plan_that_was_written_behind_what_everything_stood_at_answers_as_one_that_knew_it() {
        let [ann, bob, cid] = [UserId::new(), UserId::new(), UserId::new()];
        let name = Some(ClientId::new());
        let ids = [Uuid::now_v7(), Uuid::now_v7()];
        let batch = [
            message(ann, bob, name),
            message(cid, ann, None),
            message(ann, ann, None),
            message(bob, ann, None),
            message(ann, bob, name),
        ];
        let stands = [(ann, bob, ids[0], 4), (ann, cid, ids[1], 7)];
        let mut facts = facts(ann, bob);
        facts.people.insert(cid.0);
        facts.logs.insert(cid.0, 30);
        facts.conversations = stands
            .iter()
            .map(|(a, b, id, last_number)| (direct_key(*a, *b), Conversation { id: *id, last_number: *last_number }))
            .collect();
        let presumed = Facts::presumed(&batch);
        let stood = Stood {
            conversations: presumed
                .conversations
                .iter()
                .filter_map(|(key, as_if)| Some((as_if.id, *facts.conversations.get(key)?)))
                .collect(),
            logs: facts.logs.clone().into_iter().collect(),
        };

        let answers = plan(&batch, presumed).written_behind(&stood);

        assert_eq!(answers, plan(&batch, facts).answers);
    }

    #[test]
    fn one_client_id_twice_in_a_batch_is_one_message() {
        let (ann, bob, name) = (UserId::new(), UserId::new(), Some(ClientId::new()));
        let batch = [message(ann, bob, name), message(ann, bob, name), message(bob, ann, name)];

        let plan = plan(&batch, facts(ann, bob));

        assert_eq!(plan.messages.len(), 2, "Bob's is another one: a client id belongs to its sender");
        let ids: Vec<_> = plan.answers.iter().flatten().map(|sent| (sent.message.id, sent.first)).collect();
        assert_eq!(ids, [(batch[0].id, true), (batch[0].id, false), (batch[2].id, true)]);
    }

    #[test]
    fn a_client_id_that_named_a_message_to_somebody_else_is_refused() {
        let (ann, bob, cid, name) = (UserId::new(), UserId::new(), UserId::new(), Some(ClientId::new()));
        let mut facts = facts(ann, bob);
        facts.people.insert(cid.0);

        let batch = [message(ann, bob, name), message(ann, cid, name)];

        let plan = plan(&batch, facts);

        assert_eq!(plan.answers[1], Err(Error::ClientIdReused));
        assert_eq!(plan.messages.len(), 1);
    }
}

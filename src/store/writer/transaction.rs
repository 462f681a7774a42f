//! The transaction of a batch: in one statement, or step by step. The order of locks is the same everywhere, so no two can wait
//! for each other: conversations by direct key, then logs by user.

use super::{
    plan::{Facts, Plan, check, plan},
    statements::{Database, Transaction},
};
use crate::model::{
    Result,
    conversation::direct_key,
    message::{NewMessage, Sent},
};
use sea_orm::{DbErr, prelude::Uuid};
use std::collections::{BTreeMap, BTreeSet};

/// How often new conversations are made and looked for before it counts as a defect.
const ROUNDS: usize = 3;

/// Whether a batch was attempted before, with an outcome that nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    First,
    Repeated,
}

/// What a look at the locked conversations led to.
enum Outcome<'a> {
    Planned(Plan<'a>),
    /// These conversations, by direct key, do not exist yet.
    Missing(BTreeMap<String, [Uuid; 2]>),
}

/// Writes a batch; answers for each send, in its order.
pub(super) async fn run(database: &Database, batch: &[NewMessage], attempt: Attempt) -> Result<Vec<Result<Sent>>, DbErr> {
    if attempt == Attempt::First
        && let Some(answers) = at_once(database, batch).await?
    {
        return Ok(answers);
    }
    for _ in 0..ROUNDS {
        let mut transaction = database.begin().await?;
        match write(&mut transaction, batch, attempt).await? {
            Outcome::Planned(plan) if plan.messages.is_empty() => {
                transaction.rollback().await?;
                return Ok(plan.answers);
            }
            Outcome::Planned(plan) => {
                transaction.commit().await?;
                return Ok(plan.answers);
            }
            Outcome::Missing(pairs) => {
                transaction.rollback().await?;
                create_conversations(database, batch, &pairs).await?;
            }
        }
    }
    Err(DbErr::RecordNotFound("conversations that were just made".to_owned()))
}

/// Writes a batch of which nothing is new but the messages, as nearly all are: numbers are counted from what the statement
/// itself reads under locks, and it writes all or, if anything else turns up, nothing. `None`: step by step, then.
async fn at_once(database: &Database, batch: &[NewMessage]) -> Result<Option<Vec<Result<Sent>>>, DbErr> {
    let relative = plan(batch, Facts::presumed(batch));
    if relative.messages.is_empty() {
        return Ok(None);
    }
    let stood = database.write_at_once(&relative).await?;
    Ok(stood.map(|stood| relative.written_behind(&stood)))
}

async fn write<'a>(transaction: &mut Transaction, batch: &'a [NewMessage], attempt: Attempt) -> Result<Outcome<'a>, DbErr> {
    // What is nobody's is not there to be locked, so this may hold sends that will be refused.
    let pairs: BTreeMap<String, [Uuid; 2]> =
        batch.iter().map(|new| (direct_key(new.sender, new.receiver), [new.sender.0, new.receiver.0])).collect();
    let members: BTreeSet<Uuid> = pairs.values().flatten().copied().collect();
    let mut facts = transaction.lock(pairs.into_keys().collect(), members.into_iter().collect()).await?;

    let valid: Vec<&NewMessage> = batch.iter().filter(|new| check(new, &facts.people).is_ok()).collect();
    let pair = |new: &&NewMessage| (direct_key(new.sender, new.receiver), [new.sender.0, new.receiver.0]);
    let missing: BTreeMap<_, _> = valid.iter().map(pair).filter(|(key, _)| !facts.conversations.contains_key(key)).collect();
    if !missing.is_empty() {
        return Ok(Outcome::Missing(missing));
    }

    // Under the locks that the earlier attempt needed, too: either it has committed, or it will fail, since its messages' ids are
    // taken.
    if attempt == Attempt::Repeated {
        facts.written = transaction.written(valid.iter().map(|new| new.id.0).collect()).await?;
    }
    // Only now: whoever sends under the same name locks the same log, so its message is either here or not begun.
    let names: Vec<(Uuid, Uuid)> = valid.iter().filter_map(|new| new.client_id.map(|client| (new.sender.0, client.0))).collect();
    if !names.is_empty() {
        facts.known = transaction.known(names).await?;
    }

    let plan = plan(batch, facts);
    if !plan.messages.is_empty() {
        transaction.write(&plan).await?;
    }
    Ok(Outcome::Planned(plan))
}

/// Makes conversations in a transaction of their own, committed before anything is locked: two first messages at the same
/// moment find one conversation, and the unique key is never waited for while holding another lock. Until a message
/// is in it, nobody sees it.
async fn create_conversations(
    database: &Database,
    batch: &[NewMessage],
    pairs: &BTreeMap<String, [Uuid; 2]>,
) -> Result<(), DbErr> {
    let Some(at) = batch.first().map(|new| new.created_at) else { return Ok(()) };
    let mut transaction = database.begin().await?;
    transaction.create_conversations(pairs, at).await?;
    transaction.commit().await
}

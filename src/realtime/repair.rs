//! Reads from the log what hints did not bring: for one person after a short hold, for everybody in a reconcile.

use futures_util::{StreamExt, TryStreamExt, stream};
use std::sync::Arc;

use super::{
    hub::{How, Hub},
    meter::Way,
    person::Person,
};
use crate::model::{Result, UserId, position::Position};

/// Entries read at a time.
const PAGE: u64 = 256;

/// People whose positions one query compares.
const CHUNK: usize = 1_000;

/// People who are caught up at the same time.
const CONCURRENCY: usize = 8;

/// Reads this person's gap, unless the missing hint still comes within the hold: two nodes that commit at the same
/// time often tell it in the other order.
pub(super) fn after_hold(hub: &Hub, person: &Arc<Person>) {
    if !hub.config().repair || !person.claim_repair() {
        return;
    }
    let (hub, person) = (hub.clone(), person.clone());
    hub.lifecycle().clone().spawn(async move {
        tokio::time::sleep(hub.config().gap_hold).await;
        let (before, mut stuck) = (person.last(), false);
        if person.has_gap() {
            match catch_up(&hub, &person).await {
                // A hint of something that is not in the log: a standby took over before it had that commit.
                Ok(()) => stuck = person.has_gap() && person.last() == before,
                Err(error) => {
                    tracing::warn!(user = %person.id, %error, "a gap could not be read from the log; trying again later");
                    stuck = true;
                }
            }
        }
        if stuck {
            tokio::time::sleep(hub.config().sweep_interval).await;
        }
        person.release_repair();
        // A gap that opened between the read and the release found the repair claimed.
        if person.has_gap() {
            after_hold(&hub, &person);
        }
    });
}

/// Delivers everything that this person's log holds beyond what was passed on.
pub(super) async fn catch_up(hub: &Hub, person: &Person) -> Result<()> {
    while let Some(last) = person.last() {
        let entries = hub.services().delivery.entries_after(person.id, last, PAGE).await?;
        let read = entries.len() as u64;
        if entries.first().is_some_and(|first| first.seq != last + 1) {
            tracing::warn!(user = %person.id, last, "what follows was pruned from the log: the sockets are sent to come back");
            hub.evict(person);
            break;
        }
        for entry in entries {
            let reached = hub.offer(person.id, entry.seq, &entry.event, How::Log);
            if reached > 0 {
                hub.metrics().gaps_repaired.inc();
                let age = hub.services().clock.now() - entry.created_at;
                hub.meter(Way::Log).delivered(reached, Some(age.as_seconds_f64()));
            }
        }
        if read < PAGE {
            break;
        }
    }
    Ok(())
}

/// Compares everybody's position with the database and delivers what is missing.
///
/// # Errors
/// [`crate::model::Error::Unavailable`]; whoever was not reached is reached by the next one.
pub(super) async fn reconcile(hub: &Hub) -> Result<()> {
    if !hub.config().repair {
        return Ok(());
    }
    let people = hub.people();
    for chunk in people.chunks(CHUNK) {
        let behind = behind(hub, chunk).await?;
        if behind.is_empty() {
            continue;
        }
        // Most are not behind: their hint is on its way. Only who still is after the hold is read for.
        tokio::time::sleep(hub.config().gap_hold).await;
        let mut missed = behind;
        missed.retain(|(person, seq)| person.last().is_some_and(|last| last < *seq));
        let reads = missed.into_iter().map(|(person, _)| {
            let hub = hub.clone();
            async move { catch_up(&hub, &person).await }
        });
        stream::iter(reads).buffer_unordered(CONCURRENCY).try_collect::<()>().await?;
    }
    Ok(())
}

/// Who of these has not got all of their log, and how far it goes. Whose log is another one than the cursor is in, or
/// ends before it, is sent away to come back: their database was restored to an earlier state.
async fn behind(hub: &Hub, people: &[Arc<Person>]) -> Result<Vec<(Arc<Person>, i64)>> {
    // Before the query: what is passed on meanwhile is in the log already.
    let known: Vec<(&Arc<Person>, Position)> = people.iter().filter_map(|person| Some((person, person.position()?))).collect();
    let mut ids: Vec<UserId> = known.iter().map(|(person, _)| person.id).collect();
    ids.sort_unstable();
    let mut positions = hub.services().delivery.positions(&ids).await?;
    positions.sort_unstable_by_key(|(user, _)| *user);
    let mut behind = Vec::new();
    for (person, passed) in known {
        let Ok(index) = positions.binary_search_by_key(&person.id, |(user, _)| *user) else { continue };
        let (_, log) = positions[index];
        if log.epoch != passed.epoch || log.seq < passed.seq {
            tracing::warn!(user = %person.id, %passed, %log, "a log is not the one it was: its sockets are sent to come back");
            hub.evict(person);
        } else if passed.seq < log.seq {
            behind.push((person.clone(), log.seq));
        }
    }
    Ok(behind)
}

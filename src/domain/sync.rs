//! Catching up over REST: everything that changed for somebody since a position, in pages. For absences that are too
//! long to be replayed to a socket.

use crate::{
    model::{
        Error, Result, UserId,
        event::LogEntry,
        page::Limit,
        position::Position,
        resume::{Reset, Verdict},
    },
    store::Store,
};

#[derive(Clone, Debug)]
pub struct Sync {
    store: Store,
}

/// What somebody gets who asks from a position.
#[derive(Debug)]
pub enum Synced {
    /// Entries in order. There is more while `next` is before `position`, which is where the log ended.
    Page { entries: Vec<LogEntry>, next: Position, position: Position },
    /// What followed the position can't be told: start anew at `position`.
    Reset { reason: Reset, position: Position },
}

impl Sync {
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The entries of this person's log after `since`, oldest first. Without `since`: none, and where the log ends.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn since(&self, user: UserId, since: Option<Position>, limit: Limit) -> Result<Synced> {
        let positions = self.store.positions(&[user]).await?;
        let (_, position) = positions.into_iter().next().ok_or(Error::AccountDeleted)?;
        let since = since.unwrap_or(position);
        if since.epoch != position.epoch {
            return Ok(Synced::Reset { reason: Reset::UnknownLog, position });
        }
        match Verdict::of(since.seq, position.seq, u64::MAX) {
            Verdict::Reset(reason) => Ok(Synced::Reset { reason, position }),
            Verdict::Current => Ok(Synced::Page { entries: Vec::new(), next: position, position }),
            Verdict::Resumed(missed) => {
                // Not beyond the end that is named, or a client that compares the two would never be done.
                let entries = self.store.entries_after(user, since.seq, limit.rows().min(missed)).await?;
                match (entries.first(), entries.last()) {
                    (Some(first), Some(last)) if first.seq == since.seq + 1 => {
                        let next = Position { seq: last.seq, ..position };
                        Ok(Synced::Page { entries, next, position })
                    }
                    _ => Ok(Synced::Reset { reason: Reset::Trimmed, position }),
                }
            }
        }
    }
}

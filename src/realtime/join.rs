//! A socket's way in: where it resumes, what it missed, and the one switch from the log to live.

use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};

use super::{
    connection::LocalSocket,
    hub::{How, Hub},
    person::Person,
    repair,
    transport::{link::Cut, wire::Sent},
};
use crate::model::{
    Error, Result, UserId,
    event::LogEntry,
    position::Position,
    resume::{Claim, Reset, Verdict},
};

/// Entries that a socket on its way in reads at a time.
const PAGE: u64 = 64;

/// Between looks at an outbox that is full.
const BREATH: Duration = Duration::from_millis(1);

/// A socket on its way in. As long as it lives, its person is not forgotten.
pub(super) struct Joining {
    hub: Hub,
    person: Arc<Person>,
    /// The number after which the socket is told everything, in the log of that epoch.
    since: Position,
    /// Where the log ended when the verdict was found.
    head: i64,
    verdict: Option<Verdict>,
    /// Whether it has gone live.
    is_in: bool,
    /// The first page of what it missed: read to see that it is still there.
    missed: Vec<LogEntry>,
}

impl Drop for Joining {
    fn drop(&mut self) {
        if !self.is_in {
            self.hub.exit(&self.person);
        }
    }
}

impl Joining {
    /// Begins to take a socket in, before its CONNECT is answered. Everything after [`Joining::since`] reaches the
    /// socket once [`Joining::join`] has taken it live, whatever is committed meanwhile.
    ///
    /// The first socket of a person passes the attach fence: tell the backplane, *then* read the position. An entry
    /// that was committed before the read is history; one that is committed after it is told to this node.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the log can't be read, or this person has as many sockets here as may be.
    pub(super) async fn begin(hub: &Hub, user: UserId, claim: &Claim) -> Result<Self> {
        let since = Position { epoch: 0, seq: 0 };
        let full = || Error::unavailable("hub", "this person has too many sockets on this node");
        let person = hub.enter(user).ok_or_else(full)?;
        let mut joining = Self { hub: hub.clone(), person, since, head: 0, verdict: None, is_in: false, missed: Vec::new() };
        joining.since = joining.pass_fence().await?;
        joining.head = joining.since.seq;
        if claim.is_made() {
            let verdict = joining.resume(claim).await?;
            hub.count_resume(verdict);
            joining.verdict = Some(verdict);
        }
        Ok(joining)
    }

    /// The position after which everything reaches the socket.
    pub(super) fn since(&self) -> Position {
        self.since
    }

    /// What became of the position that the client named, if it did.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }

    async fn pass_fence(&self) -> Result<Position> {
        let person = &self.person;
        let _one_at_a_time = person.fence.lock().await;
        if let Some(position) = person.position() {
            return Ok(position);
        }
        self.hub.services().presence.attach(person.id).await;
        // Shared with others who come now; its query begins only here, after the attach.
        let position = self.hub.services().delivery.position(person.id).await?;
        // No log: the account is gone, and so will be its session.
        let at = position.unwrap_or(Position { epoch: 0, seq: 0 });
        person.lock().start(at);
        Ok(at)
    }

    /// Finds out what became of the position that the client named, and starts there if that can be.
    async fn resume(&mut self, claim: &Claim) -> Result<Verdict> {
        let since = match claim.start(self.person.id, self.since.epoch) {
            Ok(since) => since,
            Err(reason) => return Ok(Verdict::Reset(reason)),
        };
        if since > self.since.seq {
            // It got from another node what is still on its way to this one. If not, the log went back.
            repair::catch_up(&self.hub, &self.person).await?;
            self.head = self.person.last().unwrap_or(self.head);
            self.since.seq = self.head;
        }
        let verdict = Verdict::of(since, self.head, self.hub.config().replay);
        if let Verdict::Resumed(_) = verdict {
            self.missed = self.read_after(since).await?;
            if self.missed.first().is_none_or(|entry| entry.seq != since + 1) {
                self.missed = Vec::new();
                return Ok(Verdict::Reset(Reset::Trimmed));
            }
        }
        if verdict.reason().is_none() {
            self.since.seq = since;
        }
        Ok(verdict)
    }

    async fn read_after(&self, seq: i64) -> Result<Vec<LogEntry>> {
        self.hub.services().delivery.entries_after(self.person.id, seq, PAGE).await
    }

    /// Takes the socket live: first what it missed, from the log, then every entry as it comes, with nothing between
    /// the two and nothing twice.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the log can't be read, or is not what it was; the socket is not in then.
    pub(super) async fn join(mut self, socket: LocalSocket) -> Result<()> {
        let (recent, user, number) = (self.hub.services().recent.clone(), self.person.id, socket.connection.number);
        if let Some(verdict) = self.verdict {
            self.hub.tell_verdict(&socket, verdict, self.since);
            let verdict = verdict.reason().map_or(verdict.label(), Reset::label);
            recent.resumed(user, number, self.since, self.head, verdict);
        }
        let since = self.since.seq;
        let mut left = self.hub.config().replay.max(PAGE) * 2;
        let mut page = std::mem::take(&mut self.missed);
        loop {
            let read = page.len() as u64;
            for entry in page.drain(..) {
                // The node first: a socket must not be ahead of it, or the same entry would reach it again as a hint.
                self.hub.offer(user, entry.seq, &entry.event, How::Log);
                if !self.replay(&socket, &entry).await {
                    return Ok(());
                }
                self.since.seq = entry.seq;
            }
            if self.goes_live(&socket)? {
                break;
            }
            if read > 0 && !socket.link().pace(self.hub.config().write_timeout).await {
                socket.link().cut(Cut::Stuck);
                return Ok(());
            }
            // It takes in less than comes for it: let it go before that costs others.
            left = left.saturating_sub(read);
            if left == 0 {
                socket.link().cut(Cut::Overflow);
                return Ok(());
            }
            page = self.read_after(self.since.seq).await?;
            if page.first().is_none_or(|entry| entry.seq != self.since.seq + 1) {
                return Err(Error::unavailable("database", "the log does not go on where it ended"));
            }
        }
        recent.opened(user, number, since, self.since.seq);
        self.hub.admit(socket);
        Ok(())
    }

    /// The one switch from the log to live: under the lock that every entry passes. False if entries came since.
    fn goes_live(&mut self, socket: &LocalSocket) -> Result<bool> {
        let mut state = self.person.lock();
        match state.position() {
            Some(head) if head == self.since => {
                state.sockets.push(socket.clone());
                // It has its place among the live now, and gives back the one that it had on its way.
                state.joining -= 1;
                self.is_in = true;
                Ok(true)
            }
            Some(head) if head.epoch == self.since.epoch && head.seq > self.since.seq => Ok(false),
            _ => Err(Error::unavailable("database", "the log is another one than when this socket came")),
        }
    }

    /// Queues one entry of the past, waiting while the outbox is full. False when the socket has ended.
    async fn replay(&self, socket: &LocalSocket, entry: &LogEntry) -> bool {
        let at = Position { seq: entry.seq, ..self.since };
        let patience = Instant::now() + self.hub.config().write_timeout;
        loop {
            match self.hub.send_entry(socket, &entry.event, at) {
                Sent::Queued => {
                    self.hub.metrics().replayed.inc();
                    return true;
                }
                Sent::Gone => return false,
                Sent::Full if Instant::now() >= patience => {
                    socket.link().cut(Cut::Overflow);
                    return false;
                }
                Sent::Full => sleep(BREATH).await,
            }
        }
    }
}

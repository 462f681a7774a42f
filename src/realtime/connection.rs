//! What this node knows of one connected socket.

use parking_lot::Mutex;
use smallvec::SmallVec;
use socketioxide::extract::SocketRef;
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Instant,
};

use super::{handlers::Command, join::Joining, presence::Kind, transport::link::Link};
use crate::{config::Quota, domain::limits::Bucket, model::session::Identity};

/// Commands of one socket that may wait for the one before.
const QUEUE: usize = 64;

/// Events over the limit in a row before the socket counts as hostile.
const PATIENCE: u32 = 1_000;

/// A socket's state that doesn't need the socket: handlers share it without a cycle of references.
pub(super) struct Connection {
    /// What it is called in this node's memory: its session id is a secret.
    pub(super) number: u32,
    pub(super) identity: Identity,
    pub(super) link: Arc<Link>,
    allowance: Allowances,
    /// Commands that wait, while one is being carried out: a client's sends keep their order.
    queue: Mutex<Option<VecDeque<Command>>>,
    /// How it is told who is online.
    pub(super) kind: Kind,
    /// Whether it still has to be told where in the log it is.
    awaits_position: AtomicBool,
    /// Until it is live. Goes with the connection if that ends on its way in.
    joining: Mutex<Option<Box<Joining>>>,
}

/// What became of an event's request for a place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Allowance {
    Granted,
    /// Too many; answer so.
    Refused,
    /// Far too many for too long; cut it.
    Hostile,
}

/// One socket's events against their limit.
#[derive(Debug, Default)]
struct Allowances {
    bucket: Bucket,
    refused: AtomicU32,
}

impl Allowances {
    fn ask(&self, quota: Quota) -> Allowance {
        if self.bucket.take(quota, Instant::now()).is_ok() {
            self.refused.store(0, Ordering::Relaxed);
            Allowance::Granted
        } else if self.refused.fetch_add(1, Ordering::Relaxed) < PATIENCE {
            Allowance::Refused
        } else {
            Allowance::Hostile
        }
    }
}

impl Connection {
    pub(super) fn new(number: u32, identity: Identity, link: Arc<Link>, kind: Kind, joining: Joining) -> Self {
        Self {
            number,
            identity,
            link,
            allowance: Allowances::default(),
            queue: Mutex::new(None),
            kind,
            awaits_position: AtomicBool::new(true),
            joining: Mutex::new(Some(Box::new(joining))),
        }
    }

    /// Its place on the way in, for whoever takes it live.
    pub(super) fn take_joining(&self) -> Option<Box<Joining>> {
        self.joining.lock().take()
    }

    /// Whether one more event is within the limit.
    pub(super) fn allow(&self, quota: Quota) -> Allowance {
        self.allowance.ask(quota)
    }

    /// Queues a command. `Ok(true)`: nobody carries out this socket's commands now; the caller must.
    ///
    /// # Errors
    /// The command, when the queue is full.
    pub(super) fn enqueue(&self, command: Command) -> Result<bool, Command> {
        let mut queue = self.queue.lock();
        match &mut *queue {
            None => {
                *queue = Some(VecDeque::from([command]));
                Ok(true)
            }
            Some(waiting) if waiting.len() < QUEUE => {
                waiting.push_back(command);
                Ok(false)
            }
            Some(_) => Err(command),
        }
    }

    /// The next command; `None` ends the caller's turn.
    pub(super) fn dequeue(&self) -> Option<Command> {
        let mut queue = self.queue.lock();
        let next = queue.as_mut().and_then(VecDeque::pop_front);
        if next.is_none() {
            *queue = None;
        }
        next
    }

    /// Whether this socket still has to be told where in the log it is; from now on it has been.
    pub(super) fn awaits_position(&self) -> bool {
        self.awaits_position.load(Ordering::Relaxed) && self.awaits_position.swap(false, Ordering::Relaxed)
    }
}

/// Sockets of one person or one session: nearly always one, for which nothing is allocated.
pub(super) type LocalSockets = SmallVec<[LocalSocket; 1]>;

/// A socket in the hub.
#[derive(Clone)]
pub(super) struct LocalSocket {
    pub(super) socket: SocketRef,
    pub(super) connection: Arc<Connection>,
}

impl LocalSocket {
    pub(super) fn link(&self) -> &Link {
        &self.connection.link
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_socket_far_over_its_limit_for_long_counts_as_hostile() {
        let events = Allowances::default();
        let quota = Quota { burst: 5, every: Duration::from_secs(3600) };
        let granted = (0..5).filter(|_| events.ask(quota) == Allowance::Granted).count();
        let refused = (0..PATIENCE).filter(|_| events.ask(quota) == Allowance::Refused).count();
        assert_eq!((granted, refused), (5, PATIENCE as usize));
        assert_eq!(events.ask(quota), Allowance::Hostile);
    }
}

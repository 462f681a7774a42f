//! What this node did lately: which entries it committed, whom it told, to which sockets it queued them, how those ended.
//! For `hubbub doctor`, which asks every node why somebody did not get a message.
//!
//! Two buffers of fixed size (`ops.recent_events` records each), one for entries and one for sockets: else a busy minute
//! would push out the one line that says when somebody's last socket ended. To record costs a short lock and a copy of 72
//! bytes, no allocation: it may be done under other locks, tens of thousands of times a second.
//!
//! Nothing here is needed for anything to work, and nothing secret is kept: neither texts nor session ids.

mod report;
mod ring;

use parking_lot::Mutex;
use std::{
    borrow::Cow,
    collections::VecDeque,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::model::{Clock, MessageId, NodeId, Timestamp, UserId, position::Position};
pub use report::{Fact, Recollection, What};
use ring::Ring;

/// Records read at a time: the lock is let go in between, since those who record hold others.
const STEP: usize = 1024;
/// Facts in one answer; the newest count.
const FACTS: usize = 1000;
/// Former ids that a node remembers of itself.
const NAMES: usize = 8;

/// A cheap handle on one node's memory.
#[derive(Clone)]
pub struct Recent(Arc<Inner>);

struct Inner {
    clock: Clock,
    started: Timestamp,
    remembers: bool,
    /// The node's ids, the current one last.
    names: Mutex<Vec<NodeId>>,
    deliveries: Mutex<Ring<Record>>,
    connections: Mutex<Ring<Record>>,
    sockets: AtomicU32,
}

impl fmt::Debug for Recent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recent")
    }
}

/// What came of telling other nodes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// It is in that node's inbox.
    Told,
    /// That node has no lease any more: it is dead, or coming back under another id.
    NoLease,
    /// That node could not be told; every node is asked to reconcile.
    Failed,
    /// Nobody else has that person.
    Nowhere,
    /// Redis did not answer; every node is asked to reconcile when it does.
    Away,
    /// Too many others waited to be told; every node is asked to reconcile.
    NoRoom,
    /// This node's own queue was full; it reconciles.
    Dropped,
}

impl Telling {
    pub fn label(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::NoLease => "no_lease",
            Self::Failed => "failed",
            Self::Nowhere => "nowhere",
            Self::Away => "away",
            Self::NoRoom => "no_room",
            Self::Dropped => "dropped",
        }
    }
}

/// The numbers of some sockets: the first four, and how many there are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sockets {
    first: [u32; 4],
    count: u32,
}

impl Sockets {
    pub fn push(&mut self, socket: u32) {
        if let Some(place) = self.first.get_mut(self.count as usize) {
            *place = socket;
        }
        self.count = self.count.saturating_add(1);
    }

    pub fn count(&self) -> u32 {
        self.count
    }

    fn named(&self) -> &[u32] {
        &self.first[..self.first.len().min(self.count as usize)]
    }
}

impl FromIterator<u32> for Sockets {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let mut sockets = Self::default();
        numbers.into_iter().for_each(|number| sockets.push(number));
        sockets
    }
}

#[derive(Debug, Clone, Copy)]
struct Record {
    /// Milliseconds since 1970.
    at: i64,
    user: UserId,
    what: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Committed { message: MessageId, seq: i64 },
    Told { seq: i64, node: Option<NodeId>, outcome: Telling },
    Queued { seq: i64, how: &'static str, sockets: Sockets },
    Held { seq: i64 },
    Opened { socket: u32, since: i64, live: i64 },
    Resumed { socket: u32, epoch: i32, from: i64, to: i64, verdict: &'static str },
    Ended { socket: u32, reason: &'static str },
}

impl Recent {
    /// Remembers `events` records of either kind; none if that is 0.
    pub fn new(events: usize, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            started: clock.now(),
            clock,
            remembers: events > 0,
            names: Mutex::default(),
            deliveries: Mutex::new(Ring::new(events)),
            connections: Mutex::new(Ring::new(events)),
            sockets: AtomicU32::new(0),
        }))
    }

    /// This node goes by that id from now on.
    pub fn named(&self, node: NodeId) {
        let mut names = self.0.names.lock();
        names.retain(|name| *name != node);
        if names.len() >= NAMES {
            names.remove(0);
        }
        names.push(node);
    }

    /// A number for a new socket: what it is called here, since its session id is a secret. It begins again after four
    /// thousand million.
    pub fn number_socket(&self) -> u32 {
        self.0.sockets.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    /// This node committed a message and these entries for it.
    pub fn committed(&self, message: MessageId, entries: &[(UserId, i64)]) {
        self.deliveries(entries.iter().map(|(user, seq)| (*user, Kind::Committed { message, seq: *seq })));
    }

    /// What came of telling a node of entries; without a node, of telling any. One lock for all of them.
    pub fn told(&self, entries: impl IntoIterator<Item = (UserId, i64, Option<NodeId>, Telling)>) {
        self.deliveries(entries.into_iter().map(|(user, seq, node, outcome)| (user, Kind::Told { seq, node, outcome })));
    }

    /// An entry was queued to somebody's sockets. `how` it came to this node: `hint`, or `log` if it was read from there.
    pub fn queued(&self, user: UserId, seq: i64, how: &'static str, sockets: Sockets) {
        self.deliveries([(user, Kind::Queued { seq, how, sockets })]);
    }

    /// An entry came before the one in front of it, and waits.
    pub fn held(&self, user: UserId, seq: i64) {
        self.deliveries([(user, Kind::Held { seq })]);
    }

    /// A socket went live. On its way in it was sent the entries after number `since` from the log, up to `live`; what comes
    /// after that is queued to it as it comes.
    pub fn opened(&self, user: UserId, socket: u32, since: i64, live: i64) {
        self.connection(user, Kind::Opened { socket, since, live });
    }

    /// A socket asked to go on where it was, and was given this verdict: `current`, `resumed`, or the reason of a reset. It is
    /// to be sent what comes after `from`, up to number `to` from the log; after a reset it starts anew at `from`.
    pub fn resumed(&self, user: UserId, socket: u32, from: Position, to: i64, verdict: &'static str) {
        self.connection(user, Kind::Resumed { socket, epoch: from.epoch, from: from.seq, to, verdict });
    }

    /// A socket ended.
    pub fn ended(&self, user: UserId, socket: u32, reason: &'static str) {
        self.connection(user, Kind::Ended { socket, reason });
    }

    fn deliveries(&self, records: impl IntoIterator<Item = (UserId, Kind)>) {
        if self.0.remembers {
            let at = self.0.clock.now().timestamp_millis();
            let mut ring = self.0.deliveries.lock();
            records.into_iter().for_each(|(user, what)| ring.push(Record { at, user, what }));
        }
    }

    fn connection(&self, user: UserId, what: Kind) {
        if self.0.remembers {
            let at = self.0.clock.now().timestamp_millis();
            self.0.connections.lock().push(Record { at, user, what });
        }
    }

    /// What is remembered of a message, of the entries that it is, and of the sockets of the people whose logs those are in.
    pub fn recall(&self, message: MessageId, entries: &[(UserId, i64)]) -> Recollection {
        let mut found = Found::default();
        scan(
            &self.0.deliveries,
            |record| match record.what {
                Kind::Committed { message: id, .. } => id == message,
                Kind::Told { seq, .. } | Kind::Queued { seq, .. } | Kind::Held { seq } => entries.contains(&(record.user, seq)),
                _ => false,
            },
            &mut found,
        );
        scan(&self.0.connections, |record| entries.iter().any(|(user, _)| *user == record.user), &mut found);
        // Stable: what happened in the same millisecond stays in the order in which it was recorded.
        let mut records: Vec<Record> = found.records.into();
        records.sort_by_key(|record| record.at);
        let (formerly, node) = {
            let names = self.0.names.lock();
            let (node, formerly) = names.split_last().map_or((None, &[][..]), |(node, former)| (Some(*node), former));
            (formerly.to_vec(), node)
        };
        Recollection {
            node,
            formerly,
            remembers: self.0.remembers,
            now: self.0.clock.now(),
            deliveries_since: self.since(&self.0.deliveries),
            sockets_since: self.since(&self.0.connections),
            facts: records.into_iter().map(Fact::from).collect(),
            cut: found.cut,
        }
    }

    fn since(&self, ring: &Mutex<Ring<Record>>) -> Timestamp {
        let ring = ring.lock();
        match ring.oldest().filter(|_| ring.has_forgotten()) {
            Some(oldest) => time(oldest.at),
            None => self.0.started,
        }
    }
}

/// The records that were asked for, the newest [`FACTS`] of each buffer.
#[derive(Default)]
struct Found {
    records: VecDeque<Record>,
    cut: bool,
}

fn scan(ring: &Mutex<Ring<Record>>, wanted: impl Fn(&Record) -> bool, found: &mut Found) {
    let (mut here, mut next) = (VecDeque::new(), Some(0));
    while let Some(from) = next {
        next = ring.lock().read(from, STEP, |record| {
            if wanted(record) {
                if here.len() == FACTS {
                    here.pop_front();
                    found.cut = true;
                }
                here.push_back(*record);
            }
        });
    }
    found.records.append(&mut here);
}

fn time(at: i64) -> Timestamp {
    Timestamp::from_timestamp_millis(at).unwrap_or_default()
}

impl From<Record> for Fact {
    fn from(Record { at, user, what }: Record) -> Self {
        let what = match what {
            Kind::Committed { message, seq } => What::Committed { message, user, seq },
            Kind::Told { seq, node, outcome } => What::Told { user, seq, node, outcome: Cow::Borrowed(outcome.label()) },
            Kind::Queued { seq, how, sockets } => {
                What::Queued { user, seq, how: Cow::Borrowed(how), sockets: sockets.named().to_vec(), count: sockets.count }
            }
            Kind::Held { seq } => What::Held { user, seq },
            Kind::Opened { socket, since, live } => What::Opened { user, socket, since, live },
            Kind::Resumed { socket, epoch, from, to, verdict } => {
                What::Resumed { user, socket, epoch, from, to, verdict: Cow::Borrowed(verdict) }
            }
            Kind::Ended { socket, reason } => What::Ended { user, socket, reason: Cow::Borrowed(reason) },
        };
        Self { at: time(at), what }
    }
}

#[cfg(test)]
mod tests;

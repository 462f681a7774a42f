//! This node's inbox: reads what arrives, notices what did not, and knows whether the node hears at all.

use fred::{
    error::{Error, ErrorKind},
    interfaces::{EventInterface, FredResult},
    types::Message,
};
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::{broadcast::error::RecvError, watch},
    time::MissedTickBehavior,
};

use super::{
    Inner,
    wire::{self, Note, Number},
};
use crate::backplane::{Reason, Signal};

/// How long a beacon that shall prove a fresh subscription may take before the next is sent: SUBSCRIBE and PUBLISH
/// travel on two connections, so the first may come too early.
const PROOF: Duration = Duration::from_millis(50);

/// Streams of which the last number is known. There is one for each process that tells this node something, and for each that did.
const STREAMS: usize = 1_024;

/// What is known about the own hearing.
#[derive(Debug)]
pub(super) struct Inbox {
    tracker: Mutex<Tracker>,
    beacons: AtomicU64,
    heard: watch::Sender<u64>,
    last_heard: Mutex<Instant>,
    deaf: AtomicBool,
}

/// The channel in use, and the numbers of the last messages in it.
#[derive(Debug, Default)]
struct Tracker {
    channel: String,
    last: Option<i64>,
    streams: HashMap<u64, i64>,
}

#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// Where it belongs, or the first since the subscription was made.
    Next,
    /// Something before it is missing.
    Gap,
    /// Lower than expected: Redis, which counts, has forgotten what it had.
    Back,
    /// For another inbox, such as the one that this node gave up.
    Elsewhere,
}

impl Tracker {
    fn place(&mut self, channel: &str, number: Number) -> Place {
        if channel != self.channel {
            return Place::Elsewhere;
        }
        match number {
            Number::Inbox(number) => match self.last.replace(number) {
                None => Place::Next,
                Some(last) if number == last + 1 => Place::Next,
                Some(last) if number > last => Place::Gap,
                Some(_) => Place::Back,
            },
            Number::Stream(stream, number) => {
                if self.streams.len() >= STREAMS && !self.streams.contains_key(&stream) {
                    self.streams.clear();
                }
                let last = self.streams.entry(stream).or_insert(number - 1);
                let gap = number > *last + 1;
                // One that comes late, or again, says nothing of others.
                *last = number.max(*last);
                if gap { Place::Gap } else { Place::Next }
            }
        }
    }

    /// What is heard next may have any number.
    fn forget(&mut self) {
        self.last = None;
        self.streams.clear();
    }
}

impl Default for Inbox {
    fn default() -> Self {
        Self {
            tracker: Mutex::default(),
            beacons: AtomicU64::new(0),
            heard: watch::channel(0).0,
            last_heard: Mutex::new(Instant::now()),
            deaf: AtomicBool::new(false),
        }
    }
}

impl Inbox {
    pub(super) fn beacon_age(&self) -> Duration {
        self.last_heard.lock().elapsed()
    }

    pub(super) fn deaf(&self) -> bool {
        self.deaf.load(Ordering::Relaxed)
    }

    fn next_beacon(&self) -> u64 {
        self.beacons.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// Reads the inbox for as long as the node lives.
pub(super) async fn listen(inner: Arc<Inner>) {
    let mut messages = inner.link.subscriber.message_rx();
    loop {
        match messages.recv().await {
            Ok(message) => receive(&inner, &message),
            Err(RecvError::Lagged(lost)) => {
                tracing::warn!(lost, "the inbox overflowed");
                inner.inbox.tracker.lock().forget();
                inner.signals.push(Signal::Reconcile(Reason::InboxGap));
            }
            Err(RecvError::Closed) => {
                tokio::time::sleep(PROOF).await;
                messages = inner.link.subscriber.message_rx();
            }
        }
    }
}

fn receive(inner: &Inner, message: &Message) {
    let Some(text) = message.value.as_bytes().and_then(|bytes| std::str::from_utf8(bytes).ok()) else { return };
    let Some((number, notes)) = wire::split(text) else { return };
    let place = inner.inbox.tracker.lock().place(&message.channel, number);
    match place {
        Place::Next => {}
        Place::Elsewhere => return,
        Place::Gap => inner.signals.push(Signal::Reconcile(Reason::InboxGap)),
        Place::Back => {
            inner.forgot();
            inner.troubles.report(Reason::InboxGap);
        }
    }
    let (notes, unknown) = wire::decode(notes).unwrap_or_else(|cause| {
        tracing::debug!(%cause, "unreadable message in the inbox");
        (Vec::new(), 1)
    });
    notes.into_iter().for_each(|note| act(inner, note));
    if unknown > 0 {
        tracing::debug!(unknown, "the inbox holds what this version doesn't know");
        inner.signals.push(Signal::Reconcile(Reason::InboxGap));
    }
}

fn act(inner: &Inner, note: Note) {
    match note {
        Note::Beacon(number) => {
            *inner.inbox.last_heard.lock() = Instant::now();
            if inner.inbox.deaf.swap(false, Ordering::Relaxed) {
                inner.metrics.backplane_deaf.set(0);
            }
            inner.inbox.heard.send_replace(number);
        }
        Note::Envelope(told) => match told.into_envelope() {
            Some(envelope) => inner.signals.push(Signal::Envelope(envelope)),
            None => inner.signals.push(Signal::Reconcile(Reason::InboxGap)),
        },
        Note::Revoked(session) => inner.signals.push(Signal::Revoked(session)),
        Note::Presence(delta) => {
            inner.peers.apply(delta, inner.clock.now(), &inner.roster);
            inner.let_go();
        }
        Note::Joined(_) => inner.peers.refresh_soon(),
        Note::LastAlive { node, at } => inner.peers.last_alive(node, at),
        Note::Swept(node) => {
            let seen = inner.peers.seen_alive(node).unwrap_or_else(|| inner.clock.now());
            inner.peers.swept(node, seen, &inner.roster);
            inner.signals.push(Signal::Reconcile(Reason::PeerDied));
        }
        Note::Retired(node) => inner.peers.retired(node),
        Note::Whisper(whispered) => {
            if let Some(whisper) = whispered.into_whisper() {
                inner.signals.whisper(whisper);
            }
        }
        Note::PublishFailed => inner.signals.push(Signal::Reconcile(Reason::PublishFailed)),
    }
}

/// Subscribes to the inbox and proves it: `subscribe` returns before it is written and hides errors, so only a message
/// of our own that comes back counts.
pub(super) async fn subscribe(inner: &Inner) -> FredResult<()> {
    let channel = inner.keys.inbox(inner.node());
    let former = {
        let mut tracker = inner.inbox.tracker.lock();
        // What was lost before is covered by the reconcile that follows the proof.
        tracker.forget();
        std::mem::replace(&mut tracker.channel, channel.clone())
    };
    if !former.is_empty() && former != channel {
        inner.link.unsubscribe(former).await?;
    }
    inner.link.subscribe(channel).await?;
    match tokio::time::timeout(inner.link.timeout(), prove(inner)).await {
        Ok(proven) => proven,
        Err(_) => Err(Error::new(ErrorKind::Timeout, "no beacon came back")),
    }
}

async fn prove(inner: &Inner) -> FredResult<()> {
    let mut heard = inner.inbox.heard.subscribe();
    let first = inner.inbox.next_beacon();
    loop {
        beacon(inner).await?;
        match tokio::time::timeout(PROOF, heard.wait_for(|number| *number > first)).await {
            Ok(_) => return Ok(()),
            Err(_) => continue,
        }
    }
}

async fn beacon(inner: &Inner) -> FredResult<()> {
    let (node, notes) = (inner.node(), [Note::Beacon(inner.inbox.next_beacon())]);
    if inner.tell(node, &super::round::encode(&notes)?).await? {
        return Ok(());
    }
    inner.lost_lease(node);
    Err(Error::new(ErrorKind::NotFound, "the lease is lost"))
}

/// Sends a beacon each interval and notices when none comes back.
pub(super) async fn watch(inner: Arc<Inner>) {
    let period = inner.cluster.beacon;
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let age = inner.inbox.beacon_age();
        inner.metrics.beacon_age.set(age.as_secs_f64());
        if age > inner.cluster.deaf_after && !inner.inbox.deaf.swap(true, Ordering::Relaxed) {
            tracing::warn!(?age, "the node does not hear its own beacon");
            inner.metrics.backplane_deaf.set(1);
            inner.trouble(Reason::Deaf);
        }
        let answers = if inner.joined() { beacon(&inner).await.is_ok() } else { inner.link.connected() };
        inner.link.set_away(!answers);
        if !answers {
            inner.doubt();
        }
        inner.metrics.backplane_up.set(i64::from(answers));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_tell_a_loss_from_a_redis_that_forgot() {
        let mut tracker = Tracker { channel: "mine".to_owned(), ..Tracker::default() };
        let mut place = |channel, number| tracker.place(channel, Number::Inbox(number));
        assert_eq!(place("mine", 7), Place::Next, "the first may have any number");
        assert_eq!(place("mine", 8), Place::Next);
        assert_eq!(place("former", 1), Place::Elsewhere);
        assert_eq!(place("mine", 10), Place::Gap);
        assert_eq!(place("mine", 10), Place::Back);
        assert_eq!(place("mine", 1), Place::Back);
        assert_eq!(place("mine", 2), Place::Next);
    }

    #[test]
    fn what_each_sender_counts_tells_of_its_own_losses_only() {
        let mut tracker = Tracker::default();
        let mut place = |stream, number| tracker.place("", Number::Stream(stream, number));
        assert_eq!(place(1, 7), Place::Next, "the first may have any number");
        assert_eq!(place(2, 1), Place::Next);
        assert_eq!(place(1, 8), Place::Next);
        assert_eq!(place(2, 4), Place::Gap);
        assert_eq!(place(2, 3), Place::Next, "late");
        assert_eq!(place(2, 5), Place::Next);
        assert_eq!(place(1, 9), Place::Next);
        assert_eq!(place(1, 9), Place::Next, "again");
        tracker.forget();
        assert_eq!(tracker.place("", Number::Stream(1, 20)), Place::Next);

        let strangers = 2..=u64::try_from(STREAMS).expect("fits");
        strangers.for_each(|stream| assert_eq!(tracker.place("", Number::Stream(stream, 1)), Place::Next));
        assert_eq!(tracker.streams.len(), STREAMS);
        assert_eq!(tracker.place("", Number::Stream(0, 1)), Place::Next);
        assert_eq!(tracker.streams.len(), 1, "the number of them has a bound");
    }
}

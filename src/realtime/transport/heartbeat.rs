//! The heartbeat, past the engine.
//!
//! The engine wakes three tasks for each ping of each client: one that keeps the time, one that writes, and one that reads
//! the pong and tells the first. Here one task keeps the time for all sessions, in a timing wheel: it pings the WebSockets that
//! are due by the direct way to them ([`wire`](super::wire)), and a pong goes no further than the stream that reads it.
//!
//! The engine still pings the sessions that are polling, whose requests pass through it. But it is told to wait
//! [`FOR_EVER`] for a pong: so it is us who miss a client that polls no more, and the engine rests at the first ping of a
//! WebSocket, whose pong it never sees. How long clients really have stands in the engine's greeting, and is put right there.

use parking_lot::Mutex;
use std::{
    mem,
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::time::{Instant, MissedTickBehavior};

use super::link::{Cut, Link};

/// How long the engine waits for a pong.
pub(in crate::realtime) const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// How the engine's greeting begins.
pub(super) const GREETING: &[u8] = br#"0{"sid":""#;

/// The unit of the wheel's time.
const TICK: Duration = Duration::from_millis(100);

/// Ticks that are made up for when the task was late. What goes beyond that is a node that stood still, and not the fault
/// of its clients, whose pongs it has not read yet: they get that time on top.
const LATE: u32 = 10;

/// Sessions that are looked at before others have their turn on this thread.
const BATCH: usize = 32;

/// Keeps the time of all sessions of this node. Times are in ticks.
#[derive(Debug)]
pub(super) struct Heartbeat {
    interval: u32,
    timeout: u32,
    wheel: Mutex<Wheel>,
}

#[derive(Debug)]
struct Wheel {
    now: u32,
    /// Who is looked at in which tick, modulo their number.
    slots: Box<[Vec<Weak<Link>>]>,
}

impl Wheel {
    fn slot(&mut self, tick: u32) -> &mut Vec<Weak<Link>> {
        let slots = self.slots.len();
        &mut self.slots[tick as usize % slots]
    }
}

impl Heartbeat {
    pub(super) fn new(interval: Duration, timeout: Duration) -> Self {
        let (interval, timeout) = (ticks(interval), ticks(timeout));
        let slots = (interval + timeout + 1) as usize;
        Self { interval, timeout, wheel: Mutex::new(Wheel { now: 0, slots: vec![Vec::new(); slots].into() }) }
    }

    /// Watches over a session from here on, until it ends.
    pub(super) fn watch(&self, link: &Arc<Link>) {
        let mut wheel = self.wheel.lock();
        let now = wheel.now;
        link.begins(now);
        let next = now.wrapping_add(self.next(link, now));
        wheel.slot(next).push(Arc::downgrade(link));
    }

    /// A session that is polling has said something.
    pub(super) fn hears(&self, link: &Link) {
        link.polls(self.wheel.lock().now);
    }

    /// Turns the wheel. Never ends.
    pub(super) async fn run(&self) {
        let mut began = Instant::now();
        let mut ticker = tokio::time::interval(TICK);
        ticker.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticker.tick().await;
            for _ in 0..due(&mut began, Instant::now()) {
                self.turn().await;
            }
        }
    }

    /// Goes on by one tick.
    async fn turn(&self) {
        let (now, due) = {
            let mut wheel = self.wheel.lock();
            wheel.now = wheel.now.wrapping_add(1);
            let now = wheel.now;
            (now, mem::take(wheel.slot(now)))
        };
        for batch in due.chunks(BATCH) {
            for watched in batch {
                let Some(link) = watched.upgrade() else { continue };
                let next = now.wrapping_add(self.next(&link, now));
                self.wheel.lock().slot(next).push(watched.clone());
            }
            tokio::task::yield_now().await;
        }
    }

    /// Does what is due for a session. Answers in how many ticks to look at it again, less than there are slots.
    fn next(&self, link: &Link, now: u32) -> u32 {
        if link.reason().is_some() {
            // It may not have been possible to tell the engine.
            link.end_session();
            return self.timeout;
        }
        if !link.has_websocket() {
            return self.patience(link, now);
        }
        let passed = now.wrapping_sub(link.last_ping());
        if link.owes_pong() {
            if passed < self.timeout {
                return self.timeout - passed;
            }
            link.misses_pong();
            return self.timeout;
        }
        if passed < self.interval {
            return self.interval - passed;
        }
        link.pings(now);
        self.interval.min(self.timeout)
    }

    /// As [`Heartbeat::next`], for a session that is polling. It polls again when the engine's ping has answered its poll, if
    /// nothing else did before; and it may become a WebSocket, which is due soon if it hasn't heard a ping for long.
    fn patience(&self, link: &Link, now: u32) -> u32 {
        let silent = now.wrapping_sub(link.last_poll());
        let patience = self.interval + self.timeout;
        if silent < patience {
            return (patience - silent).min(self.timeout.div_ceil(2));
        }
        link.cut(Cut::Silent);
        self.timeout
    }
}

/// How many ticks are to be made up for since `began`, which goes on to the last of them.
fn due(began: &mut Instant, now: Instant) -> u32 {
    let passed = u32::try_from((now - *began).as_millis() / TICK.as_millis()).unwrap_or(u32::MAX);
    *began += TICK * passed;
    passed.min(LATE)
}

/// How many ticks make up this time, at least.
fn ticks(time: Duration) -> u32 {
    u32::try_from(time.as_millis().div_ceil(TICK.as_millis())).unwrap_or(u32::MAX)
}

/// The engine's greeting with what a client really has for a pong; `None` if this is none.
pub(super) fn tell_patience(greeting: &[u8], patience: Duration) -> Option<Vec<u8>> {
    const NAME: &[u8] = br#""pingTimeout":"#;
    let at = greeting.starts_with(GREETING).then(|| greeting.windows(NAME.len()).position(|part| part == NAME))?? + NAME.len();
    let (before, after) = greeting.split_at(at);
    let digits = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
    Some([before, patience.as_millis().to_string().as_bytes(), &after[digits..]].concat())
}

#[cfg(test)]
mod tests;

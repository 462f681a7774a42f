//! What became of the messages of one sender to one receiver: nothing is taken for granted, neither the answer nor the order.

use std::{collections::VecDeque, time::Instant};

/// The messages of a pair. Numbers begin at 0; those of which everything is known are forgotten.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The number of the first that is still open.
    first: u32,
    open: VecDeque<Entry>,
    /// The highest number that came.
    highest: Option<u32>,
}

#[derive(Debug)]
struct Entry {
    due: Instant,
    answer: Answer,
    received: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Awaited,
    Promised,
    Failed,
}

/// What an arrival is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The first of this number, of a message that was due then.
    InOrder(Instant),
    /// The same, but later ones came before.
    OutOfOrder(Instant),
    Doubled,
    /// A number that was never given.
    Unknown,
}

/// What is wrong at the end.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    /// Promised and not received.
    pub(crate) lost: u64,
    /// Received, although the answer was another one or none.
    pub(crate) unpromised: u64,
}

impl Ledger {
    /// Enters a message that was due at that time, and answers its number.
    pub(crate) fn sends(&mut self, due: Instant) -> u32 {
        self.open.push_back(Entry { due, answer: Answer::Awaited, received: false });
        self.first + self.open.len() as u32 - 1
    }

    fn entry(&mut self, number: u32) -> Option<&mut Entry> {
        let at = number.checked_sub(self.first)?;
        self.open.get_mut(at as usize)
    }

    /// The answer came: whether the message is promised. Says when it was due.
    pub(crate) fn answered(&mut self, number: u32, promised: bool) -> Option<Instant> {
        let entry = self.entry(number)?;
        entry.answer = if promised { Answer::Promised } else { Answer::Failed };
        let due = entry.due;
        self.forgets();
        Some(due)
    }

    pub(crate) fn received(&mut self, number: u32) -> Arrival {
        if number < self.first {
            return Arrival::Doubled;
        }
        let in_order = self.highest.is_none_or(|highest| number > highest);
        let Some(entry) = self.entry(number) else { return Arrival::Unknown };
        if entry.received {
            return Arrival::Doubled;
        }
        entry.received = true;
        let due = entry.due;
        self.highest = self.highest.max(Some(number));
        self.forgets();
        if in_order { Arrival::InOrder(due) } else { Arrival::OutOfOrder(due) }
    }

    fn forgets(&mut self) {
        while self.open.front().is_some_and(|entry| entry.received && entry.answer == Answer::Promised) {
            self.open.pop_front();
            self.first += 1;
        }
    }

    /// Whether anything more can be expected.
    pub(crate) fn waits(&self) -> bool {
        self.open.iter().any(|entry| entry.answer == Answer::Awaited || (entry.answer == Answer::Promised && !entry.received))
    }

    pub(crate) fn faults(&self) -> Faults {
        let count = |wrong: fn(&Entry) -> bool| self.open.iter().filter(|entry| wrong(entry)).count() as u64;
        Faults {
            lost: count(|entry| entry.answer == Answer::Promised && !entry.received),
            unpromised: count(|entry| entry.answer != Answer::Promised && entry.received),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ledger with so many messages, all of them promised.
    fn ledger(count: u32) -> (Ledger, Instant) {
        let (mut ledger, now) = (Ledger::default(), Instant::now());
        for number in 0..count {
            assert_eq!(ledger.sends(now), number);
            ledger.answered(number, true);
        }
        (ledger, now)
    }

    #[test]
    fn what_came_and_was_promised_is_forgotten() {
        let (mut ledger, now) = ledger(3);
        for number in 0..3 {
            assert_eq!(ledger.received(number), Arrival::InOrder(now));
        }
        assert!(!ledger.waits() && ledger.open.is_empty());
        assert_eq!(ledger.faults(), Faults::default());
        assert_eq!(ledger.sends(now), 3);
    }

    #[test]
    fn a_message_may_come_before_its_answer() {
        let (mut ledger, now) = (Ledger::default(), Instant::now());
        let number = ledger.sends(now);
        assert_eq!(ledger.received(number), Arrival::InOrder(now));
        assert!(ledger.waits());
        assert_eq!(ledger.answered(number, true), Some(now));
        assert!(!ledger.waits() && ledger.faults() == Faults::default());
    }

    #[test]
    fn losses_doubles_and_disorder_are_told_apart() {
        let (mut ledger, now) = ledger(4);
        assert_eq!(ledger.received(0), Arrival::InOrder(now));
        assert_eq!(ledger.received(0), Arrival::Doubled, "forgotten already");
        assert_eq!(ledger.received(3), Arrival::InOrder(now));
        assert_eq!(ledger.received(1), Arrival::OutOfOrder(now));
        assert_eq!(ledger.received(3), Arrival::Doubled, "still in the books");
        assert_eq!(ledger.received(9), Arrival::Unknown);
        assert!(ledger.waits());
        assert_eq!(ledger.faults(), Faults { lost: 1, unpromised: 0 });
    }

    #[test]
    fn a_failed_send_is_nothing_to_wait_for_but_may_have_come() {
        let (mut ledger, now) = (Ledger::default(), Instant::now());
        for _ in 0..2 {
            let number = ledger.sends(now);
            ledger.answered(number, false);
        }
        assert!(!ledger.waits());
        ledger.received(1);
        assert_eq!(ledger.faults(), Faults { lost: 0, unpromised: 1 });
    }
}

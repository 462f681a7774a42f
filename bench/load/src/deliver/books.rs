//! The books of all pairs: what was sent, what arrived, and when.

use std::time::{Duration, Instant};

use crate::{
    histogram::Histogram,
    ledger::{Arrival, Faults, Ledger},
};

/// How a message is known again: by the run, the pair and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) run: u32,
    pub(crate) pair: u32,
    pub(crate) number: u32,
}

const EVENT: &[u8] = b"[\"newMessage\"";

impl Mark {
    /// The text of a message, of at least this length.
    pub(crate) fn text(self, length: usize) -> String {
        let mut text = format!("#{}.{}.{}#", self.run, self.pair, self.number);
        text.extend(std::iter::repeat_n('.', length.saturating_sub(text.len())));
        text
    }

    /// The mark in an event, if it is a message with one.
    pub(crate) fn of(event: &[u8]) -> Option<Self> {
        let event = event.strip_prefix(EVENT)?;
        let mark = &event[event.iter().position(|byte| *byte == b'#')? + 1..];
        let mark = &mark[..mark.iter().position(|byte| *byte == b'#')?];
        let mut numbers = std::str::from_utf8(mark).ok()?.split('.').map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Self { run: next()?, pair: next()?, number: next()? })
    }
}

/// Numbers and times since something began.
#[derive(Debug, Default, Clone)]
pub(super) struct Tally {
    pub(super) acked: u64,
    pub(super) delivered: u64,
    pub(super) failed: u64,
    pub(super) ack: Histogram,
    pub(super) deliver: Histogram,
}

pub(super) struct Books {
    ledgers: Vec<Ledger>,
    /// Number of this process's first pair.
    first_pair: usize,
    run: u32,
    /// What is measured: between these two, once they are known.
    begin: Option<Instant>,
    end: Option<Instant>,
    pub(super) measured: Tally,
    /// Since the last line about the progress.
    pub(super) recent: Tally,
    pub(super) doubled: u64,
    pub(super) out_of_order: u64,
    /// Messages that nobody sent, or that came to somebody else.
    pub(super) strays: u64,
    /// When anything was heard last.
    pub(super) news: Instant,
}

impl Books {
    pub(super) fn new(pairs: usize, first_pair: usize) -> Self {
        let (measured, recent, news) = (Tally::default(), Tally::default(), Instant::now());
        let ledgers = (0..pairs).map(|_| Ledger::default()).collect();
        // Different for each run on the same database; nothing depends on how.
        let run = std::process::id();
        Self { ledgers, first_pair, run, begin: None, end: None, measured, recent, doubled: 0, out_of_order: 0, strays: 0, news }
    }

    pub(super) fn measures(&mut self, begin: Instant, length: Duration) {
        (self.begin, self.end) = (Some(begin), Some(begin + length));
    }

    fn covers(&self, at: Instant) -> bool {
        self.begin.is_some_and(|begin| at >= begin) && self.end.is_none_or(|end| at < end)
    }

    pub(super) fn sends(&mut self, pair: u32, due: Instant) -> Mark {
        let number = self.ledgers[pair as usize].sends(due);
        Mark { run: self.run, pair: (self.first_pair + pair as usize) as u32, number }
    }

    pub(super) fn answered(&mut self, pair: u32, number: u32, promised: bool) {
        let now = Instant::now();
        self.news = now;
        let Some(due) = self.ledgers[pair as usize].answered(number, promised) else { return };
        let covered = self.covers(now);
        for (tally, counted) in [(&mut self.measured, covered), (&mut self.recent, true)] {
            if counted {
                *if promised { &mut tally.acked } else { &mut tally.failed } += 1;
            }
        }
        if promised {
            let took = now.duration_since(due);
            if self.covers(due) {
                self.measured.ack.add(took);
            }
            self.recent.ack.add(took);
        }
    }

    /// An event came to the receiver of a pair.
    pub(super) fn hears(&mut self, pair: u32, event: &[u8]) {
        let Some(mark) = Mark::of(event) else { return };
        let now = Instant::now();
        self.news = now;
        if mark.run != self.run || mark.pair as usize != self.first_pair + pair as usize {
            self.strays += 1;
            return;
        }
        match self.ledgers[pair as usize].received(mark.number) {
            Arrival::InOrder(due) => self.delivered(due, now),
            Arrival::OutOfOrder(due) => {
                self.out_of_order += 1;
                self.delivered(due, now);
            }
            Arrival::Doubled => self.doubled += 1,
            Arrival::Unknown => self.strays += 1,
        }
    }

    fn delivered(&mut self, due: Instant, now: Instant) {
        let took = now.duration_since(due);
        self.measured.delivered += u64::from(self.covers(now));
        if self.covers(due) {
            self.measured.deliver.add(took);
        }
        self.recent.delivered += 1;
        self.recent.deliver.add(took);
    }

    pub(super) fn waits(&self) -> bool {
        self.ledgers.iter().any(Ledger::waits)
    }

    pub(super) fn faults(&self) -> Faults {
        self.ledgers
            .iter()
            .map(Ledger::faults)
            .fold(Faults::default(), |sum, one| Faults { lost: sum.lost + one.lost, unpromised: sum.unpromised + one.unpromised })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_again_in_the_event_that_carries_it() {
        let mark = Mark { run: 7, pair: 12, number: 345 };
        let text = mark.text(50);
        assert_eq!(text.len(), 50);
        let event = format!(r#"["newMessage",{{"_id":"x","text":"{text}"}},"1.5"]"#);
        assert_eq!(Mark::of(event.as_bytes()), Some(mark));
        for other in [r#"["getOnlineUsers",["a"]]"#, r#"["newMessage",{"text":"hi"}]"#, r##"["newMessage",{"text":"#1.2#"}]"##] {
            assert_eq!(Mark::of(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn only_what_was_due_while_measured_counts_for_latencies() {
        let mut books = Books::new(1, 5);
        let now = Instant::now();
        books.measures(now, Duration::from_secs(100));
        let event = |mark: Mark| format!(r#"["newMessage",{{"text":"{}"}}]"#, mark.text(0));
        for due in [now - Duration::from_secs(1), now] {
            let mark = books.sends(0, due);
            assert_eq!(mark.pair, 5);
            books.hears(0, event(mark).as_bytes());
            books.answered(0, mark.number, true);
            books.hears(0, event(mark).as_bytes());
        }
        books.hears(0, event(Mark { run: 1, pair: 5, number: 0 }).as_bytes());
        let latencies = serde_json::to_value(books.measured.deliver.summary()).expect("serializes");
        assert_eq!(latencies["count"], 1);
        assert_eq!((books.measured.delivered, books.doubled, books.strays), (2, 2, 1));
        assert!(!books.waits() && books.faults() == Faults::default());
    }
}

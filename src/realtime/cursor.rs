//! One person's place in their own log, on this node: what has been passed to their sockets, and what waits for a
//! number that is missing. Pure; the rule that makes every delivery exactly-once and in order.

use std::collections::BTreeMap;

use crate::model::event::Event;

/// Entries that may wait for a missing one. Beyond that they are dropped: the log has them.
const HELD: usize = 256;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    /// The last number passed on; `None` until the position was read.
    last: Option<i64>,
    held: BTreeMap<i64, Event>,
}

/// What came of an entry.
#[derive(Debug)]
pub(super) enum Offered {
    /// These are next, in order: the entry, and those that waited for it.
    Next(Vec<Event>),
    /// Passed on before.
    Known,
    /// A number before it is missing.
    Gap,
    /// The position isn't known yet; it waits for that.
    Early,
}

impl Cursor {
    /// The last number passed on; `None` until [`Cursor::start`].
    pub(super) fn last(&self) -> Option<i64> {
        self.last
    }

    /// Whether entries wait for a missing one.
    pub(super) fn has_gap(&self) -> bool {
        !self.held.is_empty()
    }

    /// Starts after number `at`; answers what was offered meanwhile and comes next.
    pub(super) fn start(&mut self, at: i64) -> Vec<Event> {
        self.last = Some(at);
        self.held = self.held.split_off(&(at + 1));
        self.take_ready()
    }

    /// Takes an entry from wherever it came.
    pub(super) fn offer(&mut self, seq: i64, event: &Event) -> Offered {
        match self.last {
            Some(last) if seq <= last => Offered::Known,
            Some(last) if seq == last + 1 => {
                self.last = Some(seq);
                let mut next = vec![event.clone()];
                next.append(&mut self.take_ready());
                Offered::Next(next)
            }
            last => {
                if self.held.len() < HELD {
                    self.held.insert(seq, event.clone());
                }
                if last.is_some() { Offered::Gap } else { Offered::Early }
            }
        }
    }

    fn take_ready(&mut self) -> Vec<Event> {
        let mut ready = Vec::new();
        while let (Some(last), Some(entry)) = (self.last, self.held.first_entry()) {
            match *entry.key() {
                seq if seq == last + 1 => {
                    ready.push(entry.remove());
                    self.last = Some(seq);
                }
                seq if seq <= last => drop(entry.remove()),
                _ => break,
            }
        }
        ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::EventKind;
    use serde_json::value::to_raw_value;

    fn event(n: i64) -> Event {
        Event { kind: EventKind::NewMessage, payload: to_raw_value(&n).unwrap().into() }
    }

    /// Offers numbers in this order and answers what was passed on, in order.
    fn pass(cursor: &mut Cursor, order: &[i64]) -> Vec<i64> {
        let mut passed = Vec::new();
        for &seq in order {
            if let Offered::Next(events) = cursor.offer(seq, &event(seq)) {
                passed.extend(events.iter().map(|event| event.payload.get().parse::<i64>().unwrap()));
            }
        }
        passed
    }

    #[test]
    fn every_number_is_passed_on_once_and_in_order_whatever_the_order_of_arrival() {
        let mut cursor = Cursor::default();
        cursor.start(10);
        assert_eq!(pass(&mut cursor, &[12, 11, 11, 14, 12, 15, 10, 13, 9, 16]), [11, 12, 13, 14, 15, 16]);
        assert!(!cursor.has_gap());
    }

    #[test]
    fn what_comes_before_the_position_is_known_waits_for_it() {
        let mut cursor = Cursor::default();
        assert!(matches!(cursor.offer(4, &event(4)), Offered::Early));
        assert!(matches!(cursor.offer(3, &event(3)), Offered::Early));
        let ready = cursor.start(3);
        assert_eq!((ready.len(), cursor.last()), (1, Some(4)));
    }

    #[test]
    fn what_waits_for_a_missing_number_is_bounded() {
        let mut cursor = Cursor::default();
        cursor.start(0);
        for seq in 2..10_000 {
            assert!(matches!(cursor.offer(seq, &event(seq)), Offered::Gap));
        }
        assert_eq!(cursor.held.len(), HELD);
        assert_eq!(pass(&mut cursor, &[1]).len(), HELD + 1, "the rest comes from the log");
    }
}

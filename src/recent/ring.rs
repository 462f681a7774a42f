//! A buffer of fixed size that forgets the oldest.

/// Records in the order in which they were written; the newest `capacity` of them are kept.
#[derive(Debug)]
pub(super) struct Ring<T> {
    records: Vec<T>,
    capacity: usize,
    /// Records ever written. Number `n` lies at `n % capacity`.
    written: u64,
}

impl<T: Copy> Ring<T> {
    /// Takes its memory at once, so that writing never allocates; the system hands it out page by page, as it is used.
    pub(super) fn new(capacity: usize) -> Self {
        Self { records: Vec::with_capacity(capacity), capacity, written: 0 }
    }

    pub(super) fn push(&mut self, record: T) {
        if self.capacity == 0 {
            return;
        }
        if self.records.len() < self.capacity {
            self.records.push(record);
        } else {
            let place = self.place(self.written);
            self.records[place] = record;
        }
        self.written += 1;
    }

    /// The oldest record; `None` while nothing was written.
    pub(super) fn oldest(&self) -> Option<T> {
        let oldest = self.place(self.first());
        self.records.get(oldest).copied()
    }

    /// Whether records were overwritten.
    pub(super) fn has_forgotten(&self) -> bool {
        self.first() > 0
    }

    /// Shows at most `most` records from number `from` on, oldest first. Answers the number to go on with; `None` at the end.
    /// For reading with the lock released in between: what is overwritten meanwhile is left out.
    pub(super) fn read(&self, from: u64, most: usize, mut see: impl FnMut(&T)) -> Option<u64> {
        let from = from.max(self.first());
        let end = self.written.min(from.saturating_add(most as u64));
        for number in from..end {
            see(&self.records[self.place(number)]);
        }
        (end < self.written).then_some(end)
    }

    /// The number of the oldest record that is kept.
    fn first(&self) -> u64 {
        self.written - self.records.len() as u64
    }

    fn place(&self, number: u64) -> usize {
        // The remainder is below the capacity, which is a usize.
        usize::try_from(number % self.capacity.max(1) as u64).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(ring: &Ring<u32>, step: usize) -> Vec<u32> {
        let (mut seen, mut from) = (Vec::new(), Some(0));
        while let Some(number) = from {
            from = ring.read(number, step, |record| seen.push(*record));
        }
        seen
    }

    #[test]
    fn the_newest_records_are_kept_in_order() {
        let mut ring = Ring::new(5);
        assert_eq!((ring.oldest(), ring.has_forgotten(), all(&ring, 2)), (None, false, vec![]));
        (0..4).for_each(|n| ring.push(n));
        assert_eq!((ring.oldest(), ring.has_forgotten(), all(&ring, 3)), (Some(0), false, vec![0, 1, 2, 3]));
        (4..13).for_each(|n| ring.push(n));
        assert_eq!((ring.oldest(), ring.has_forgotten()), (Some(8), true));
        for step in 1..7 {
            assert_eq!(all(&ring, step), [8, 9, 10, 11, 12]);
        }
    }

    #[test]
    fn what_is_overwritten_between_two_reads_is_left_out() {
        let mut ring = Ring::new(4);
        (0..4).for_each(|n| ring.push(n));
        let mut seen = Vec::new();
        let next = ring.read(0, 1, |record| seen.push(*record));
        (4..7).for_each(|n| ring.push(n));
        assert_eq!(ring.read(next.expect("more"), 10, |record| seen.push(*record)), None);
        assert_eq!(seen, [0, 3, 4, 5, 6]);
    }

    #[test]
    fn a_ring_without_room_keeps_nothing() {
        let mut ring = Ring::new(0);
        ring.push(1);
        assert_eq!((ring.oldest(), ring.has_forgotten(), all(&ring, 3)), (None, false, vec![]));
    }
}

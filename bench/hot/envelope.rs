//! What one node tells another of some messages, written and read.

use divan::{Bencher, counter::ItemsCount};
use hubbub::backplane::redis::bench::{decode, encode};

use crate::world::envelopes;

#[divan::bench(args = [1, 32])]
fn writes(bencher: Bencher<'_, '_>, messages: usize) {
    let envelopes = envelopes(messages);
    bencher.counter(ItemsCount::new(messages)).bench_local(|| encode(&envelopes).expect("JSON"));
}

#[divan::bench(args = [1, 32])]
fn reads(bencher: Bencher<'_, '_>, messages: usize) {
    let text = encode(&envelopes(messages)).expect("JSON");
    assert_eq!(decode(&text).len(), messages);
    bencher.counter(ItemsCount::new(messages)).bench_local(|| decode(&text));
}

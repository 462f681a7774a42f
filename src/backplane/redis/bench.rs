//! What the microbenchmarks reach: an inbox message written and read.

use super::wire::{self, Note, Told};
use crate::model::event::Envelope;

/// As the publisher writes it; `None` if one has no entries, or for a defect.
pub fn encode(envelopes: &[Envelope]) -> Option<String> {
    let told = |envelope: &Envelope| {
        let (first, rest) = envelope.entries.split_first()?;
        let mut told = Told::of(envelope, *first);
        rest.iter().for_each(|entry| told.push(*entry));
        Some(Note::Envelope(told))
    };
    wire::encode(&envelopes.iter().map(told).collect::<Option<Vec<_>>>()?).ok()
}

/// As the inbox reads what [`encode`] wrote.
pub fn decode(notes: &str) -> Vec<Envelope> {
    let (notes, _) = wire::decode(notes).unwrap_or_default();
    let envelope = |note| if let Note::Envelope(told) = note { told.into_envelope() } else { None };
    notes.into_iter().filter_map(envelope).collect()
}

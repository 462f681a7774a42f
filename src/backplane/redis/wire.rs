//! What travels through an inbox: `number|[note, …]`, the notes as JSON. The event's payload is spliced in as it is. The number is that of
//! the message in the inbox, if Redis counts; if the sender does, `stream.number`.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::{fmt, sync::Arc};

use crate::model::{
    NodeId, SessionId, UserId,
    event::{Envelope, Event, EventKind, Origin, Whisper, WhisperKind},
    presence::PresenceDelta,
};

/// One thing that a node tells another, or itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Note {
    /// From a node to itself, counted: proves that it hears.
    Beacon(u64),
    Envelope(Told),
    Revoked(SessionId),
    Presence(PresenceDelta),
    /// A node is new, or it left: who is on it is to be read.
    Joined(NodeId),
    /// When a node that is reported dead next was last alive, in milliseconds since 1970.
    LastAlive {
        node: NodeId,
        at: i64,
    },
    /// A node was found dead and its entries are gone, or about to go.
    Swept(NodeId),
    /// A node goes by another id now and has removed the entries under its former one.
    Retired(NodeId),
    /// The sender could not tell what it had committed.
    PublishFailed,
    Whisper(Whispered),
}

/// A whisper for people of the receiving node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Whispered {
    /// [`WhisperKind::name`]: one that the receiver doesn't know is no reason for anything.
    kind: String,
    to: Vec<UserId>,
    payload: Arc<RawValue>,
}

impl Whispered {
    pub(super) fn of(whisper: &Whisper, to: Vec<UserId>) -> Self {
        Self { kind: whisper.kind.name().to_owned(), to, payload: whisper.payload.clone() }
    }

    /// `None` for a kind that only a newer hubbub knows.
    pub(super) fn into_whisper(self) -> Option<Whisper> {
        Some(Whisper { kind: WhisperKind::named(&self.kind)?, to: self.to, payload: self.payload })
    }
}

/// An envelope with the entries that concern the receiving node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Told {
    kind: i16,
    entries: Vec<(UserId, i64)>,
    /// [`Origin::committed_at`].
    #[serde(default)]
    at: Option<i64>,
    /// [`Origin::trace`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<Arc<str>>,
    payload: Arc<RawValue>,
}

impl Told {
    /// Of this envelope, with one of its entries.
    pub(super) fn of(envelope: &Envelope, entry: (UserId, i64)) -> Self {
        let Envelope { event, origin, .. } = envelope;
        let (at, trace) = (origin.committed_at, origin.trace.clone());
        Self { kind: event.kind as i16, entries: vec![entry], at, trace, payload: event.payload.clone() }
    }

    /// Adds an entry of the same event.
    pub(super) fn push(&mut self, entry: (UserId, i64)) {
        self.entries.push(entry);
    }

    /// `None` for a kind of event that only a newer hubbub knows.
    pub(super) fn into_envelope(self) -> Option<Envelope> {
        let kind = EventKind::try_from(self.kind).ok()?;
        let origin = Origin { committed_at: self.at, remote: true, trace: self.trace };
        Some(Envelope { event: Event { kind, payload: self.payload }, entries: self.entries, origin })
    }
}

/// In the lease of those who understand [`Number::Stream`].
pub(super) const STREAMS: &str = "streams";

/// Where a message belongs among others: by this its node notices that one is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// Among all in its inbox that Redis counts.
    Inbox(i64),
    /// In this stream: among all that one process has told this node and counted itself.
    Stream(u64, i64),
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inbox(number) => write!(f, "{number}"),
            Self::Stream(stream, number) => write!(f, "{stream:x}.{number}"),
        }
    }
}

/// The notes of a message, before which its number goes.
pub(super) fn encode(notes: &[Note]) -> serde_json::Result<String> {
    serde_json::to_string(notes)
}

/// Splits a message into its number and its notes. `None` if it isn't one of ours.
pub(super) fn split(message: &str) -> Option<(Number, &str)> {
    let (number, notes) = message.split_once('|')?;
    let number = match number.split_once('.') {
        None => Number::Inbox(number.parse().ok()?),
        Some((stream, number)) => Number::Stream(u64::from_str_radix(stream, 16).ok()?, number.parse().ok()?),
    };
    Some((number, notes))
}

/// Reads what [`encode`] wrote. During a rolling update a newer hubbub may say what this one doesn't know: that is left
/// out, without the rest of the message. -> the notes, and how many were left out
pub(super) fn decode(notes: &str) -> serde_json::Result<(Vec<Note>, usize)> {
    if let Ok(notes) = serde_json::from_str(notes) {
        return Ok((notes, 0));
    }
    let each: Vec<&RawValue> = serde_json::from_str(notes)?;
    let known: Vec<Note> = each.iter().filter_map(|note| serde_json::from_str(note.get()).ok()).collect();
    let unknown = each.len() - known.len();
    Ok((known, unknown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_reads_back_with_its_payload_to_the_byte() {
        let text = r#"{"text":"a \"quoted\"  | bar","n":1.50}"#;
        let payload = Arc::from(RawValue::from_string(text.to_owned()).expect("json"));
        let event = Event { kind: EventKind::NewMessage, payload };
        let user = UserId::new();
        let origin = Origin { committed_at: Some(1_700_000_000_000_001), ..Origin::default() };
        let told = Told::of(&Envelope { event, entries: Vec::new(), origin }, (user, 3));

        let message = format!("42|{}", encode(&[Note::Beacon(7), Note::Envelope(told)]).expect("writes"));

        let (number, notes) = split(&message).expect("ours");
        assert_eq!(number, Number::Inbox(42));
        let (notes, unknown) = decode(notes).expect("reads");
        assert_eq!(unknown, 0);
        let mut notes = notes.into_iter();
        assert!(matches!(notes.next(), Some(Note::Beacon(7))));
        let Some(Note::Envelope(told)) = notes.next() else { panic!("an envelope was written") };
        let envelope = told.into_envelope().expect("a known kind");
        assert_eq!((envelope.event.payload.get(), envelope.entries), (text, vec![(user, 3)]));
        assert_eq!((envelope.origin.committed_at, envelope.origin.remote), (Some(1_700_000_000_000_001), true));
    }

    #[test]
    fn a_whisper_of_a_kind_that_only_a_newer_hubbub_knows_is_read_and_ignored() {
        let text =
            r#"[{"Whisper":{"kind":"typing","to":[],"payload":{"a":1.0}}},{"Whisper":{"kind":"waving","to":[],"payload":{}}}]"#;
        let (notes, unknown) = decode(text).expect("reads");
        assert_eq!(unknown, 0);
        let whispers = notes.into_iter().map(|note| match note {
            Note::Whisper(whispered) => whispered.into_whisper().map(|whisper| whisper.payload.get().to_owned()),
            other => panic!("{other:?}"),
        });
        assert_eq!(whispers.collect::<Vec<_>>(), [Some(r#"{"a":1.0}"#.to_owned()), None]);
    }

    #[test]
    fn a_number_reads_back_whoever_has_counted() {
        for number in [Number::Inbox(i64::MAX), Number::Stream(u64::MAX, 1), Number::Stream(0, i64::MAX)] {
            assert_eq!(split(&format!("{number}|[]")), Some((number, "[]")));
        }
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        assert_eq!(split("hello"), None);
        for number in ["x", "1.x", "x.1", ".1", "1.", "1.1.1"] {
            assert_eq!(split(&format!("{number}|[]")), None);
        }
        assert!(decode("[1").is_err());
        assert!(decode(r#"{"Beacon":1}"#).is_err());
    }

    #[test]
    fn what_only_a_newer_hubbub_knows_is_left_out_without_the_rest() {
        let kind = EventKind::NewMessage as i16;
        let text = format!(
            r#"[{{"Beacon":7}},{{"FromTheFuture":{{"deep":[1,"]"]}}}},"AlsoNew",
                {{"Envelope":{{"kind":{kind},"entries":[],"payload":{{}},"new":1}}}},"PublishFailed"]"#
        );

        let (notes, unknown) = decode(&text).expect("reads");

        assert_eq!(unknown, 2);
        assert!(matches!(notes.as_slice(), [Note::Beacon(7), Note::Envelope(_), Note::PublishFailed]), "{notes:?}");
    }
}

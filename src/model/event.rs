//! Events: the numbered entries of a person's log, in the form in which sockets get them.

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use std::sync::Arc;

use super::{Error, Result, Timestamp, UserId, conversation::ReadMark, message::Message};

/// The kinds of numbered events. The number is what the store keeps; it is never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum EventKind {
    NewMessage = 1,
    MessagesRead = 2,
}

impl EventKind {
    /// The Socket.IO event's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::NewMessage => "newMessage",
            Self::MessagesRead => "messagesRead",
        }
    }
}

impl TryFrom<i16> for EventKind {
    type Error = Error;

    fn try_from(number: i16) -> Result<Self> {
        match number {
            1 => Ok(Self::NewMessage),
            2 => Ok(Self::MessagesRead),
            other => Err(Error::internal("database", format_args!("unknown event kind {other}"))),
        }
    }
}

/// An event with its payload as final JSON: rendered once, shared by every socket that gets it.
#[derive(Debug, Clone)]
pub struct Event {
    pub kind: EventKind,
    pub payload: Arc<RawValue>,
}

impl Event {
    /// # Errors
    /// [`Error::Internal`] if the message can't be written as JSON, which would be a defect.
    pub fn new_message(message: &Message) -> Result<Self> {
        Self::of(EventKind::NewMessage, message)
    }

    /// # Errors
    /// As [`Event::new_message`].
    pub fn messages_read(mark: &ReadMark) -> Result<Self> {
        Self::of(EventKind::MessagesRead, mark)
    }

    /// The two people between whom a new message goes.
    pub fn between(&self) -> Option<(UserId, UserId)> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Between {
            sender_id: UserId,
            receiver_id: UserId,
        }
        let Between { sender_id, receiver_id } = serde_json::from_str(self.payload.get()).ok()?;
        Some((sender_id, receiver_id))
    }

    fn of(kind: EventKind, payload: &impl Serialize) -> Result<Self> {
        let payload = to_raw_value(payload).map_err(|cause| Error::internal("json", cause))?;
        Ok(Self { kind, payload: Arc::from(payload) })
    }
}

/// One entry of one person's log.
#[derive(Debug, Clone)]
pub struct LogEntry {
    pub user: UserId,
    /// 1, 2, 3 … without gaps in each person's log.
    pub seq: i64,
    pub event: Event,
    pub created_at: Timestamp,
}

/// The kinds of whispers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WhisperKind {
    Typing,
}

impl WhisperKind {
    const ALL: [Self; 1] = [Self::Typing];

    /// As nodes call it among themselves, and the Socket.IO event's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Typing => "typing",
        }
    }

    /// `None` for one that only another version of hubbub knows.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Something that is true for a moment only: in no log, without a number, and nobody misses one that gets lost.
#[derive(Debug, Clone)]
pub struct Whisper {
    pub kind: WhisperKind,
    pub to: Vec<UserId>,
    /// Final JSON, as that of an [`Event`].
    pub payload: Arc<RawValue>,
}

/// An event and everybody whose log it is in: what nodes tell each other.
#[derive(Debug, Clone)]
pub struct Envelope {
    pub event: Event,
    /// Whose log it is in, and under which number.
    pub entries: Vec<(UserId, i64)>,
    pub origin: Origin,
}

/// Where an envelope comes from: for measuring and tracing, never for deciding.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// When it was committed, in microseconds since 1970 by the clock of the node that did.
    pub committed_at: Option<i64>,
    /// Whether another node told it.
    pub remote: bool,
    /// Where the trace of its commit stands, if one is recorded.
    pub trace: Option<Arc<str>>,
}

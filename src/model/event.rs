//! Events: the numbered entries of a person's log, in the form in which sockets get them.

use serde::Serialize;
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

//! What was said to sockets; how many entries reached their people's sockets, on which way, and how long after their commit.

use prometheus::{Histogram, IntCounter};

use crate::{
    metrics::Metrics,
    model::event::{EventKind, WhisperKind},
};

/// What sockets are told, by its Socket.IO name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    NewMessage,
    MessagesRead,
    GetOnlineUsers,
    Snapshot,
    Changes,
    State,
    Typing,
}

impl Name {
    const ALL: [Self; 7] =
        [Self::NewMessage, Self::MessagesRead, Self::GetOnlineUsers, Self::Snapshot, Self::Changes, Self::State, Self::Typing];

    pub(super) fn text(self) -> &'static str {
        match self {
            Self::NewMessage => EventKind::NewMessage.name(),
            Self::MessagesRead => EventKind::MessagesRead.name(),
            Self::GetOnlineUsers => "getOnlineUsers",
            Self::Snapshot => "presence:snapshot",
            Self::Changes => "presence",
            Self::State => "presence:state",
            Self::Typing => WhisperKind::Typing.name(),
        }
    }
}

impl From<EventKind> for Name {
    fn from(kind: EventKind) -> Self {
        match kind {
            EventKind::NewMessage => Self::NewMessage,
            EventKind::MessagesRead => Self::MessagesRead,
        }
    }
}

/// A counter of each name.
#[derive(Debug)]
pub(super) struct Emitted([IntCounter; Name::ALL.len()]);

impl Emitted {
    pub(super) fn new(metrics: &Metrics) -> Self {
        Self(Name::ALL.map(|name| metrics.emitted.with_label_values(&[name.text()])))
    }

    /// So many sockets were told this.
    pub(super) fn count(&self, name: Name, sockets: u64) {
        self.0[name as usize].inc_by(sockets);
    }
}

/// The way an entry came to this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// It was committed here.
    Local,
    /// The node that committed it told so.
    Remote,
    /// From the log, since nobody had told it.
    Log,
}

/// The series of one way, resolved once: a send passes here.
#[derive(Debug)]
pub(super) struct Meter {
    count: IntCounter,
    seconds: Histogram,
}

/// One of each way.
#[derive(Debug)]
pub(super) struct Meters([Meter; 3]);

impl Meters {
    pub(super) fn new(metrics: &Metrics) -> Self {
        Self(["local", "remote", "log"].map(|path| Meter {
            count: metrics.delivered.with_label_values(&[path]),
            seconds: metrics.delivery_seconds.with_label_values(&[path]),
        }))
    }

    pub(super) fn of(&self, way: Way) -> &Meter {
        &self.0[way as usize]
    }
}

impl Meter {
    /// One entry, `seconds` after its commit if that is known, and those that had waited for it: `count` in all. Clocks of
    /// nodes differ: less than nothing counts as nothing.
    pub(super) fn delivered(&self, count: usize, seconds: Option<f64>) {
        self.count.inc_by(count as u64);
        if let Some(seconds) = seconds {
            self.seconds.observe(seconds.max(0.0));
        }
    }
}

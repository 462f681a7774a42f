//! What is known of one socket, and of one person, as far as who is online concerns them.

use smallvec::SmallVec;
use std::{collections::HashSet, time::Instant};

use crate::model::UserId;

/// Numbers of sockets: a few, for which nothing is allocated.
pub(super) type Numbers = SmallVec<[u32; 4]>;

/// People: most have nobody but themselves to look for, or one fan, for which nothing is allocated.
pub(super) type People = SmallVec<[UserId; 1]>;

/// What a socket's client understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::realtime) enum Kind {
    /// `getOnlineUsers`: whole lists.
    Lists,
    /// A snapshot, then changes.
    Changes,
}

/// A socket.
#[derive(Debug)]
pub(super) struct Seat<S> {
    pub(super) user: UserId,
    pub(super) socket: S,
    pub(super) kind: Kind,
    /// Whether it had its snapshot, and so is told changes.
    pub(super) begun: bool,
    /// The list that it got last.
    pub(super) sent: Option<Sent>,
    /// The people whom it watches besides.
    watched: Box<[UserId]>,
}

/// Which list a socket got, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) edition: u64,
    pub(super) at: Instant,
}

impl<S> Seat<S> {
    pub(super) fn new(user: UserId, socket: S, kind: Kind) -> Self {
        Self { user, socket, kind, begun: false, sent: None, watched: Box::default() }
    }

    pub(super) fn watched(&self) -> &[UserId] {
        &self.watched
    }

    pub(super) fn watch(&mut self, users: &[UserId]) {
        self.watched = [&*self.watched, users].concat().into();
    }

    pub(super) fn unwatch(&mut self, users: &HashSet<&UserId>) {
        self.watched = self.watched.iter().filter(|user| !users.contains(user)).copied().collect();
    }
}

/// A person with sockets here.
#[derive(Debug, Default)]
pub(super) struct Viewer {
    pub(super) seats: Numbers,
    pub(super) partners: Partners,
    /// When what this person sees changed last.
    pub(super) edition: u64,
}

/// The people with whom somebody talks.
#[derive(Debug)]
pub(super) enum Partners {
    /// Not read yet; whom they met meanwhile.
    Unread(People),
    /// Sorted.
    Known(People),
}

impl Default for Partners {
    fn default() -> Self {
        Self::Unread(People::new())
    }
}

impl Partners {
    pub(super) fn known(&self) -> Option<&[UserId]> {
        match self {
            Self::Known(partners) => Some(partners),
            Self::Unread(_) => None,
        }
    }

    /// Those who were met before the others were read: the reading may have been too early for them.
    pub(super) fn met(&self) -> &[UserId] {
        match self {
            Self::Unread(met) => met,
            Self::Known(_) => &[],
        }
    }

    pub(super) fn learn(&mut self, partners: Vec<UserId>) {
        let mut partners = People::from_vec(partners);
        partners.shrink_to_fit();
        *self = Self::Known(partners);
    }

    pub(super) fn include(&self, user: UserId) -> bool {
        self.known().is_some_and(|partners| partners.binary_search(&user).is_ok())
    }

    /// Whether this is news among known partners. `most` bounds what a connection can gather over its life.
    pub(super) fn meet(&mut self, other: UserId, most: usize) -> bool {
        match self {
            Self::Unread(met) => {
                if met.len() < most && !met.contains(&other) {
                    met.push(other);
                }
                false
            }
            Self::Known(partners) => match partners.binary_search(&other) {
                Err(at) if partners.len() < most => {
                    partners.insert(at, other);
                    true
                }
                _ => false,
            },
        }
    }
}

//! Who is online.
//!
//! Somebody is online while they have a socket on a live node, and for a grace after the last one closed: a reload, a
//! change of network or a node that hands its people over must not make them flicker. Who logs out is offline at once.

use parking_lot::Mutex;
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

use super::last_seen::LastSeen;
use crate::{
    backplane::{Attached, Backplane},
    config,
    lifecycle::Lifecycle,
    model::{Clock, Result, SessionId, Timestamp, UserId, presence::Status},
    store::Store,
};

pub use crate::backplane::Online;

#[derive(Clone, Debug)]
pub struct Presence(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    backplane: Backplane,
    store: Store,
    last_seen: LastSeen,
    clock: Clock,
    grace: Duration,
    /// How many of those with whom somebody talks count.
    partners: u32,
    /// Who left, and when that counts. Its lock is held while the backplane is told, so that an attach and a detach of
    /// one person reach it in the order in which they were decided.
    leaving: Mutex<HashMap<UserId, Left>>,
    frozen: AtomicBool,
}

/// How somebody's last socket on this node ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// It closed, or never got there: they may come back within the grace. The session that it belonged to, if known.
    Closed(Option<SessionId>),
    /// They were logged out.
    LoggedOut,
}

/// Somebody within the grace.
#[derive(Debug, Clone, Copy)]
struct Left {
    at: Timestamp,
    session: Option<SessionId>,
    due: Instant,
}

impl Presence {
    /// Starts the task that ends the graces.
    pub fn start(
        backplane: Backplane,
        store: Store,
        last_seen: LastSeen,
        config: &config::Presence,
        clock: Clock,
        lifecycle: &Lifecycle,
    ) -> Self {
        let (grace, partners) = (config.grace, config.partners);
        let (leaving, frozen) = (Mutex::default(), AtomicBool::new(false));
        let presence = Self(Arc::new(Inner { backplane, store, last_seen, clock, grace, partners, leaving, frozen }));
        lifecycle.spawn(presence.clone().end_graces());
        presence
    }

    /// This node has a first socket of `user`. Awaits the fence of the backplane's contract.
    pub async fn attach(&self, user: UserId) -> Attached {
        self.0.leaving.lock().remove(&user);
        // Should this be the last that is heard of them: a node alone that is killed tells nobody.
        self.0.last_seen.note(user, self.0.clock.now());
        self.0.backplane.attach(user).await
    }

    /// This node has no socket of `user` any more; that counts after the grace.
    pub fn detach(&self, user: UserId, how: Leaving) {
        let at = self.0.clock.now();
        let mut leaving = self.0.leaving.lock();
        match how {
            Leaving::Closed(_) if self.0.frozen.load(Ordering::Acquire) => self.0.backplane.release(user, at),
            Leaving::Closed(session) if !self.0.grace.is_zero() => {
                leaving.insert(user, Left { at, session, due: Instant::now() + self.0.grace });
            }
            _ => self.leave(user, at),
        }
    }

    /// A session ended: for those whose last socket was of it, no grace goes on.
    pub fn logged_out(&self, session: SessionId) {
        self.0.leaving.lock().retain(|user, left| {
            let stays = left.session != Some(session);
            if !stays {
                self.leave(*user, left.at);
            }
            stays
        });
    }

    /// The node is draining: those whose sockets close are on their way to another node, and it stands for them until they are
    /// there. Those who never get there were last seen now.
    pub fn freeze(&self) {
        self.0.frozen.store(true, Ordering::Release);
        let (online, now) = (self.0.backplane.online().borrow().clone(), self.0.clock.now());
        for user in online.users.iter().filter(|user| self.0.backplane.is_here(**user)) {
            self.0.last_seen.note(*user, now);
        }
    }

    /// Who is online now, and the place to watch for changes.
    pub fn online(&self) -> watch::Receiver<Online> {
        self.0.backplane.online()
    }

    /// When somebody left, if that was lately; in memory.
    pub fn left_at(&self, user: UserId) -> Option<Timestamp> {
        self.0.backplane.last_seen(user)
    }

    /// How it is with each of these people; living accounts only, in the order asked.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn status(&self, users: &[UserId]) -> Result<Vec<(UserId, Status)>> {
        let seen = self.0.last_seen.of(users).await?;
        // After the database: of all that is said here, who is online changes fastest.
        let online = self.online().borrow().clone();
        // What other nodes have told, but not written yet, is newer.
        let latest = |user, seen: Option<Timestamp>| seen.max(self.left_at(user));
        Ok(seen.into_iter().map(|(user, seen)| (user, self.judge(&online, user, latest(user, seen)))).collect())
    }

    /// With whom each of these people talks, as far as that counts.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn partners(&self, users: &[UserId]) -> Result<Vec<(UserId, UserId)>> {
        self.0.store.partners(users, self.0.partners).await
    }

    async fn end_graces(self) {
        let step = (self.0.grace / 4).clamp(Duration::from_millis(10), Duration::from_millis(500));
        let mut ticks = tokio::time::interval(step);
        loop {
            let now = ticks.tick().await;
            self.0.leaving.lock().retain(|user, left| {
                let stays = left.due > now;
                if !stays {
                    self.leave(*user, left.at);
                }
                stays
            });
        }
    }

    /// While not all is known, only of those who are here it is certain that they are online.
    fn judge(&self, online: &Online, user: UserId, last_seen: Option<Timestamp>) -> Status {
        let is_listed = online.users.binary_search(&user).is_ok();
        if is_listed && (online.known || self.0.backplane.is_here(user)) {
            Status::Online
        } else if online.known {
            Status::Offline { last_seen }
        } else {
            Status::Unknown { last_seen }
        }
    }

    fn leave(&self, user: UserId, at: Timestamp) {
        self.0.last_seen.note(user, at);
        self.0.backplane.detach(user, at);
    }
}

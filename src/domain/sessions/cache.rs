//! Which sessions are known to be good, so that not every request asks the database. An entry counts only while the poll of
//! revoked sessions is fresh: that is what makes a revocation reach this node within a second, or the cache stand aside.

use indexmap::IndexMap;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::model::{SessionId, Timestamp, UserId, session::Identity};

/// How old the last poll may be. Revocation is promised within one second.
const TRUST: Duration = Duration::from_secs(1);

/// How long a revoked id is remembered: longer than any read of a session can take, so that a read that began before the
/// revocation cannot put it back afterwards.
const MEMORY: Duration = Duration::from_secs(120);

/// Sessions, and revoked ids, held at most.
const CAPACITY: usize = 100_000;

#[derive(Debug, Default)]
pub(super) struct Cache {
    /// Two generations: what nobody asked for while the younger filled up is forgotten.
    young: IndexMap<SessionId, Holder>,
    old: IndexMap<SessionId, Holder>,
    revoked: HashMap<SessionId, Instant>,
    /// Nothing is put in before this moment: more was revoked than can be remembered.
    shut_until: Option<Instant>,
    /// When the last successful poll began.
    polled: Option<Instant>,
}

/// Whose a session is, and until when: [`Identity`] without its key.
#[derive(Debug, Clone, Copy)]
struct Holder {
    user: UserId,
    expires_at: Timestamp,
}

impl Holder {
    fn of(self, session: SessionId) -> Identity {
        Identity { user: self.user, session, expires_at: self.expires_at }
    }
}

/// A read of the database that began while polls were running; only such a one may be put into the cache. Before the first
/// poll, a revocation that happens during the read would be seen by neither.
#[derive(Debug)]
pub(super) struct Ticket(());

impl Cache {
    /// What is known of a session, if that still counts.
    pub(super) fn get(&mut self, session: SessionId, now: Instant) -> Option<Identity> {
        if self.polled.is_none_or(|polled| now.saturating_duration_since(polled) >= TRUST) {
            return None;
        }
        if let Some(holder) = self.young.get(&session) {
            return Some(holder.of(session));
        }
        let identity = self.old.swap_remove(&session)?.of(session);
        self.keep(identity);
        Some(identity)
    }

    /// To be drawn before the database is read.
    pub(super) fn ticket(&self) -> Option<Ticket> {
        self.polled.map(|_| Ticket(()))
    }

    /// Remembers what the database said, unless it was revoked meanwhile.
    pub(super) fn insert(&mut self, _drawn: Ticket, identity: Identity, now: Instant) {
        let shut = self.shut_until.is_some_and(|until| now < until);
        if !shut && !self.revoked.contains_key(&identity.session) {
            self.keep(identity);
        }
    }

    /// Forgets a session, and keeps it out for a while.
    pub(super) fn revoke(&mut self, session: SessionId, now: Instant) {
        self.young.swap_remove(&session);
        self.old.swap_remove(&session);
        if self.revoked.len() >= CAPACITY {
            self.revoked.retain(|_, at| now.saturating_duration_since(*at) < MEMORY);
        }
        if self.revoked.len() < CAPACITY {
            self.revoked.insert(session, now);
        } else {
            self.shut_until = Some(now + MEMORY);
        }
    }

    /// A poll that began at `began` succeeded; everything that it found was given to [`Cache::revoke`].
    pub(super) fn polled(&mut self, began: Instant) {
        self.polled = self.polled.max(Some(began));
    }

    fn keep(&mut self, identity: Identity) {
        if self.young.len() >= CAPACITY / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        let Identity { user, session, expires_at } = identity;
        self.young.insert(session, Holder { user, expires_at });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ann() -> Identity {
        Identity { user: UserId::new(), session: SessionId::new(), expires_at: Timestamp::default() }
    }

    fn polled(now: Instant) -> Cache {
        let mut cache = Cache::default();
        cache.polled(now);
        cache
    }

    fn put(cache: &mut Cache, identity: Identity, now: Instant) {
        let ticket = cache.ticket().unwrap();
        cache.insert(ticket, identity, now);
    }

    #[test]
    fn an_entry_counts_only_while_the_last_poll_is_fresh() {
        let (ann, now) = (ann(), Instant::now());
        let mut cache = polled(now);
        put(&mut cache, ann, now);
        assert_eq!(cache.get(ann.session, now + Duration::from_millis(999)), Some(ann));
        assert_eq!(cache.get(ann.session, now + TRUST), None);
        cache.polled(now + TRUST);
        assert_eq!(cache.get(ann.session, now + TRUST), Some(ann));
    }

    #[test]
    fn nothing_is_put_in_before_the_first_poll() {
        assert!(Cache::default().ticket().is_none());
    }

    #[test]
    fn a_revoked_session_is_forgotten_and_a_slow_read_cannot_put_it_back() {
        let (ann, now) = (ann(), Instant::now());
        let mut cache = polled(now);
        put(&mut cache, ann, now);
        let slow = cache.ticket().unwrap();
        cache.revoke(ann.session, now);
        assert_eq!(cache.get(ann.session, now), None);
        cache.insert(slow, ann, now);
        assert_eq!(cache.get(ann.session, now), None);
    }

    #[test]
    fn more_sessions_than_fit_push_out_those_that_nobody_asks_for() {
        let now = Instant::now();
        let mut cache = polled(now);
        let (busy, idle) = (ann(), ann());
        put(&mut cache, busy, now);
        put(&mut cache, idle, now);
        for _ in 0..3 {
            for _ in 0..CAPACITY / 2 {
                put(&mut cache, ann(), now);
            }
            assert_eq!(cache.get(busy.session, now), Some(busy));
        }
        assert_eq!(cache.get(idle.session, now), None);
        assert!(cache.young.len() + cache.old.len() <= CAPACITY);
    }

    #[test]
    fn more_revocations_than_can_be_remembered_shut_the_cache() {
        let now = Instant::now();
        let mut cache = polled(now);
        for _ in 0..=CAPACITY {
            cache.revoke(SessionId::new(), now);
        }
        let ann = ann();
        put(&mut cache, ann, now);
        assert_eq!(cache.get(ann.session, now), None);
        let later = now + MEMORY;
        cache.polled(later);
        put(&mut cache, ann, later);
        assert_eq!(cache.get(ann.session, later), Some(ann));
        cache.revoke(SessionId::new(), later);
        assert_eq!(cache.revoked.len(), 1, "the old ones are forgotten");
    }
}

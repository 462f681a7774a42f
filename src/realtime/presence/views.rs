//! What each socket may see of who is online, and what it has been told of that. Pure: time and people come in, what is
//! to be said comes out.
//!
//! A socket's belief is what it was told at first and every change since. So whatever is said follows from one state,
//! [`Views::told`], which moves only in [`Views::advance`]: a socket that comes in between is told that state, and then
//! the same changes as everybody.

use indexmap::{IndexMap, map::Entry};
use smallvec::{Array, SmallVec};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Instant,
};

use super::{
    changes::{self, Changes},
    seats::{Kind, Numbers, People, Seat, Sent, Viewer},
};
use crate::{
    config::{self, Audience},
    domain::presence::Online,
    model::{Timestamp, UserId},
};

/// Ids in a list at most, where it is made of somebody's conversations: 20 KB.
const LISTED: usize = 512;

/// Something to be said to one socket.
#[derive(Debug, Clone)]
pub(super) enum Word {
    /// All that it sees. Replaces whatever it believed.
    Snapshot { online: Shown, scope: Audience, known: bool },
    /// What changed of it.
    Changes(Arc<Changes>),
    /// Whether what it was told is sure.
    State { known: bool },
    /// All that it sees, for a frontend that knows only lists.
    List(Shown),
}

/// Who is online of those that a socket sees.
#[derive(Debug, Clone)]
pub(super) enum Shown {
    /// Everybody: the same for all.
    Everyone {
        edition: u64,
        users: Arc<Vec<UserId>>,
    },
    These(Vec<UserId>),
}

/// See the module. `S` is the handle on a socket.
#[derive(Debug)]
pub(super) struct Views<S> {
    config: config::Presence,
    /// As all were told.
    told: Online,
    /// Counts what was told; lists are of one edition.
    edition: u64,
    scope: Audience,
    seats: IndexMap<u32, Seat<S>>,
    viewers: IndexMap<UserId, Viewer>,
    /// With [`Audience::Conversations`]: who here talks with whom.
    fans: IndexMap<UserId, People>,
    /// Which sockets watch whom.
    watchers: IndexMap<UserId, Numbers>,
    /// Whose conversations are to be read.
    unread: HashSet<UserId>,
    /// To be said besides what [`Views::advance`] says.
    asides: Vec<(S, Word)>,
}

/// More people are watched than one socket may.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMany;

impl<S: Clone> Views<S> {
    /// With those online from whom changes are counted.
    pub(super) fn new(config: config::Presence, told: Online) -> Self {
        Self {
            scope: config.audience,
            config,
            told,
            edition: 0,
            seats: IndexMap::new(),
            viewers: IndexMap::new(),
            fans: IndexMap::new(),
            watchers: IndexMap::new(),
            unread: HashSet::new(),
            asides: Vec::new(),
        }
    }

    pub(super) fn told(&self) -> &Online {
        &self.told
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let indexed = self.fans.len() + self.watchers.len() + self.unread.len();
        self.seats.is_empty() && self.viewers.is_empty() && indexed == 0
    }

    pub(super) fn scope(&self) -> Audience {
        self.scope
    }

    /// A socket went live. Answers what it is to be told at once; nothing if that has to be read first.
    pub(super) fn enter(&mut self, number: u32, user: UserId, socket: S, kind: Kind, now: Instant) -> Option<Word> {
        let viewer = self.viewers.entry(user).or_insert_with(|| {
            if self.scope == Audience::Conversations {
                self.unread.insert(user);
            }
            Viewer::default()
        });
        viewer.seats.push(number);
        self.seats.insert(number, Seat::new(user, socket, kind));
        match kind {
            Kind::Lists => self.list(number, now).map(|(_, word)| word),
            Kind::Changes => self.snapshot(number).map(|(_, word)| word),
        }
    }

    /// A socket ended. Harmless for one that is not here.
    pub(super) fn leave(&mut self, number: u32) {
        let Some(seat) = self.seats.swap_remove(&number) else { return };
        for user in seat.watched() {
            remove(&mut self.watchers, *user, &number);
        }
        let Entry::Occupied(mut viewer) = self.viewers.entry(seat.user) else { return };
        viewer.get_mut().seats.retain(|other| *other != number);
        if viewer.get().seats.is_empty() {
            let gone = viewer.swap_remove();
            self.unread.remove(&seat.user);
            for partner in gone.partners.known().unwrap_or_default() {
                remove(&mut self.fans, *partner, &seat.user);
            }
        }
    }

    /// Moves on to who is online now. Answers how many came and left, and what is to be said to whom, in this order.
    pub(super) fn advance(&mut self, now: Online, last_seen: impl Fn(UserId) -> Option<Timestamp>) -> (usize, Vec<(S, Word)>) {
        let (came, left) = changes::between(&self.told.users, &now.users);
        let was_known = std::mem::replace(&mut self.told, now).known;
        let known = self.told.known;
        // These were true of what was told before, so they go first.
        let mut words = self.asides();
        if was_known && !known {
            self.say_state(known, &mut words);
        }
        let changed = came.len() + left.len();
        self.edition += u64::from(changed > 0);
        let scope = self.scope_for(self.told.users.len());
        if scope != self.scope {
            self.switch(scope, &mut words);
        } else if changed > 0 {
            let left: Vec<_> = left.into_iter().map(|user| (user, last_seen(user))).collect();
            match scope {
                Audience::Everyone => self.say_to_all(Changes::new(came, left), &mut words),
                Audience::Conversations => self.say_to_those_concerned(&came, &left, &mut words),
            }
        }
        if !was_known && known {
            self.say_state(known, &mut words);
        }
        (changed, words)
    }

    /// What is in force with so many people online. It goes back later than it came, so that it does not go to and fro.
    fn scope_for(&self, online: usize) -> Audience {
        let most = self.config.everyone_up_to;
        let most = if self.scope == Audience::Conversations { most / 5 * 4 } else { most };
        if self.config.audience == Audience::Everyone && online <= most { Audience::Everyone } else { Audience::Conversations }
    }

    fn switch(&mut self, scope: Audience, words: &mut Vec<(S, Word)>) {
        self.scope = scope;
        self.edition += 1;
        self.fans = IndexMap::new();
        for viewer in self.viewers.values_mut() {
            *viewer = Viewer { seats: std::mem::take(&mut viewer.seats), ..Viewer::default() };
        }
        for seat in self.seats.values_mut() {
            seat.begun = false;
        }
        match scope {
            Audience::Everyone => {
                self.unread.clear();
                let seats: Vec<u32> = self.seats.keys().copied().collect();
                words.extend(seats.into_iter().filter_map(|number| self.snapshot(number)));
            }
            Audience::Conversations => self.unread.extend(self.viewers.keys()),
        }
    }

    fn say_state(&self, known: bool, words: &mut Vec<(S, Word)>) {
        let begun = self.seats.values().filter(|seat| seat.begun);
        words.extend(begun.map(|seat| (seat.socket.clone(), Word::State { known })));
    }

    fn say_to_all(&self, all: Changes, words: &mut Vec<(S, Word)>) {
        let all = Arc::new(all);
        let begun = self.seats.values().filter(|seat| seat.begun);
        words.extend(begun.map(|seat| (seat.socket.clone(), Word::Changes(all.clone()))));
    }

    fn say_to_those_concerned(&mut self, came: &[UserId], left: &[(UserId, Option<Timestamp>)], words: &mut Vec<(S, Word)>) {
        let mut concerned: HashMap<u32, Changes> = HashMap::new();
        let changes = came.iter().map(|user| (*user, None)).chain(left.iter().map(|(user, at)| (*user, Some(*at))));
        for (user, left) in changes {
            for fan in self.fans.get(&user).into_iter().flatten() {
                let Some(viewer) = self.viewers.get_mut(fan) else { continue };
                viewer.edition = self.edition;
                for number in viewer.seats.iter().filter(|number| self.seats.get(*number).is_some_and(|seat| seat.begun)) {
                    concerned.entry(*number).or_default().push(user, left);
                }
            }
            for number in self.watchers.get(&user).into_iter().flatten() {
                let Some(seat) = self.seats.get(number).filter(|seat| seat.begun) else { continue };
                if !self.viewers.get(&seat.user).is_some_and(|viewer| viewer.partners.include(user)) {
                    concerned.entry(*number).or_default().push(user, left);
                }
            }
        }
        let seats = &self.seats;
        let word = |(number, changes)| Some((seats.get(&number)?.socket.clone(), Word::Changes(Arc::new(changes))));
        words.extend(concerned.into_iter().filter_map(word));
    }

    /// Some of those whose conversations are to be read.
    pub(super) fn unread(&self, most: usize) -> Vec<UserId> {
        self.unread.iter().take(most).copied().collect()
    }

    /// With whom these people talk, as it was read. What is to be said about it waits in [`Views::asides`].
    pub(super) fn learn(&mut self, read: HashMap<UserId, Vec<UserId>>) {
        for (user, mut partners) in read {
            if !self.unread.remove(&user) {
                continue;
            }
            let Some(viewer) = self.viewers.get_mut(&user) else { continue };
            partners.extend(viewer.partners.met());
            // Frontends look for themselves, too.
            partners.push(user);
            partners.sort_unstable();
            partners.dedup();
            for partner in &partners {
                self.fans.entry(*partner).or_default().push(user);
            }
            viewer.partners.learn(partners);
            viewer.edition = self.edition;
            for number in viewer.seats.clone() {
                let first = self.snapshot(number);
                self.asides.extend(first);
            }
        }
    }

    /// These two talk: a message of one reached the other. They see each other from now on. True if that is to be said.
    pub(super) fn met(&mut self, user: UserId, other: UserId) -> bool {
        if self.scope == Audience::Everyone || user == other {
            return false;
        }
        let Some(viewer) = self.viewers.get_mut(&user) else { return false };
        if !viewer.partners.meet(other, self.config.partners as usize * 2) {
            return false;
        }
        self.fans.entry(other).or_default().push(user);
        if self.told.users.binary_search(&other).is_err() {
            return false;
        }
        self.edition += 1;
        viewer.edition = self.edition;
        let news = Arc::new(Changes::new(vec![other], Vec::new()));
        let begun = viewer.seats.iter().filter_map(|number| self.seats.get(number)).filter(|seat| seat.begun);
        self.asides.extend(begun.map(|seat| (seat.socket.clone(), Word::Changes(news.clone()))));
        true
    }

    /// What is to be said before the next [`Views::advance`].
    pub(super) fn asides(&mut self) -> Vec<(S, Word)> {
        std::mem::take(&mut self.asides)
    }

    /// From now on this socket is told of these people, too.
    ///
    /// # Errors
    /// [`TooMany`]; then nothing changes.
    pub(super) fn watch(&mut self, number: u32, users: &[UserId]) -> Result<(), TooMany> {
        let Some(seat) = self.seats.get_mut(&number) else { return Ok(()) };
        let mut new: Vec<UserId> = users.iter().filter(|user| !seat.watched().contains(user)).copied().collect();
        new.sort_unstable();
        new.dedup();
        if seat.watched().len() + new.len() > self.config.watch {
            return Err(TooMany);
        }
        for user in &new {
            self.watchers.entry(*user).or_default().push(number);
        }
        seat.watch(&new);
        Ok(())
    }

    /// The end of [`Views::watch`]. Harmless for those who aren't watched.
    pub(super) fn unwatch(&mut self, number: u32, users: &[UserId]) {
        let Some(seat) = self.seats.get_mut(&number) else { return };
        let end: HashSet<&UserId> = users.iter().collect();
        seat.unwatch(&end);
        for user in end {
            remove(&mut self.watchers, *user, &number);
        }
    }

    /// Which sockets are due for a list now, and when the next one is.
    pub(super) fn due(&self, now: Instant) -> (Vec<u32>, Option<Instant>) {
        let mut next: Option<Instant> = None;
        let mut due = Vec::new();
        for (number, seat) in &self.seats {
            if seat.kind != Kind::Lists
                || self.edition_for(seat).is_none_or(|edition| seat.sent.is_some_and(|sent| sent.edition == edition))
            {
                continue;
            }
            match seat.sent.map(|sent| sent.at + self.config.list_interval).filter(|ripe| *ripe > now) {
                Some(ripe) => next = Some(next.map_or(ripe, |next| next.min(ripe))),
                None => due.push(*number),
            }
        }
        (due, next)
    }

    /// The list that a socket gets now; `None` if there is none for it.
    pub(super) fn list(&mut self, number: u32, now: Instant) -> Option<(S, Word)> {
        let edition = self.seats.get(&number).and_then(|seat| self.edition_for(seat))?;
        let seat = self.seats.get_mut(&number)?;
        seat.sent = Some(Sent { edition, at: now });
        let (socket, user) = (seat.socket.clone(), seat.user);
        Some((socket, Word::List(self.shown(user, &[], LISTED)?)))
    }

    /// The first word to a socket that wants changes; from then on it is told them.
    fn snapshot(&mut self, number: u32) -> Option<(S, Word)> {
        let seat = self.seats.get(&number).filter(|seat| seat.kind == Kind::Changes)?;
        let online = self.shown(seat.user, seat.watched(), usize::MAX)?;
        let socket = seat.socket.clone();
        self.seats.get_mut(&number)?.begun = true;
        Some((socket, Word::Snapshot { online, scope: self.scope, known: self.told.known }))
    }

    /// The edition that a list for this socket would have; `None` while its person's conversations are not read.
    fn edition_for(&self, seat: &Seat<S>) -> Option<u64> {
        match self.scope {
            Audience::Everyone => Some(self.edition),
            Audience::Conversations => {
                let viewer = self.viewers.get(&seat.user)?;
                viewer.partners.known().map(|_| viewer.edition)
            }
        }
    }

    fn shown(&self, user: UserId, watched: &[UserId], most: usize) -> Option<Shown> {
        if self.scope == Audience::Everyone {
            return Some(Shown::Everyone { edition: self.edition, users: self.told.users.clone() });
        }
        let viewer = self.viewers.get(&user)?;
        let others = watched.iter().filter(|user| !viewer.partners.include(**user));
        let seen = viewer.partners.known()?.iter().chain(others);
        let online = seen.filter(|user| self.told.users.binary_search(user).is_ok());
        Some(Shown::These(online.take(most).copied().collect()))
    }
}

fn remove<A: Array<Item: PartialEq>>(index: &mut IndexMap<UserId, SmallVec<A>>, user: UserId, what: &A::Item) {
    if let Entry::Occupied(mut entry) = index.entry(user) {
        let held = entry.get_mut();
        if let Some(at) = held.iter().position(|other| other == what) {
            held.swap_remove(at);
        }
        if held.is_empty() {
            entry.swap_remove();
        }
    }
}

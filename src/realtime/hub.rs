//! This node's sockets, by person, and the one place where events reach them.
//!
//! A person's [`Cursor`] and sockets sit behind one lock: whatever the source of an entry, hint or log, it passes that
//! lock once, so each socket gets each number once and in order. Locks are taken in the order table, then person.

use indexmap::IndexMap;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::json;
use std::{collections::HashMap, sync::Arc};

use super::{
    connection::{Connection, LocalSocket, LocalSockets},
    cursor::Offered,
    many::{self, Writers},
    meter::{Emitted, Meter, Meters, Name, Way},
    packet::Packet,
    person::{Person, State},
    presence::Presence,
    repair,
    transport::{
        link::{Cut, Link},
        wire::{Sent, When},
    },
};
use crate::{
    config::{self, Config},
    domain::{Services, presence::Leaving},
    lifecycle::Lifecycle,
    metrics::Metrics,
    model::{
        SessionId, Timestamp, UserId,
        event::{Event, EventKind, Whisper},
        position::Position,
        resume::{Reset, Verdict},
    },
    recent::Sockets,
};

/// A cheap handle on this node's sockets.
#[derive(Clone)]
pub(super) struct Hub(Arc<Inner>);

struct Inner {
    people: Mutex<HashMap<UserId, Arc<Person>>>,
    /// Whose sockets a revocation concerns.
    sessions: Mutex<IndexMap<SessionId, LocalSockets>>,
    services: Services,
    config: config::Realtime,
    lifecycle: Lifecycle,
    metrics: Metrics,
    emitted: Emitted,
    meters: Meters,
    presence: Presence,
    writers: Writers,
}

impl Hub {
    pub(super) fn new(services: Services, config: &Config, lifecycle: Lifecycle, metrics: Metrics) -> Self {
        Self(Arc::new(Inner {
            people: Mutex::default(),
            sessions: Mutex::default(),
            emitted: Emitted::new(&metrics),
            meters: Meters::new(&metrics),
            presence: Presence::new(&services, config.presence.clone(), &metrics),
            writers: Writers::new(),
            services,
            config: config.realtime.clone(),
            lifecycle,
            metrics,
        }))
    }

    /// Counts what comes on one way.
    pub(super) fn meter(&self, way: Way) -> &Meter {
        self.0.meters.of(way)
    }

    /// What these sockets see of who is online.
    pub(super) fn presence(&self) -> &Presence {
        &self.0.presence
    }

    pub(super) fn services(&self) -> &Services {
        &self.0.services
    }

    pub(super) fn config(&self) -> &config::Realtime {
        &self.0.config
    }

    pub(super) fn lifecycle(&self) -> &Lifecycle {
        &self.0.lifecycle
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Somebody's place here, for a socket on its way in; [`Hub::exit`] must follow. `None` when this person has as many
    /// sockets as may be.
    pub(super) fn enter(&self, user: UserId) -> Option<Arc<Person>> {
        let mut people = self.0.people.lock();
        let person = people.entry(user).or_insert_with(|| {
            self.0.metrics.local_users.inc();
            Arc::new(Person::new(user))
        });
        let mut state = person.lock();
        if state.sockets.len() + state.joining >= self.0.config.sockets_per_user {
            return None;
        }
        state.joining += 1;
        drop(state);
        Some(person.clone())
    }

    /// The end of what [`Hub::enter`] began, for a socket that has not gone live.
    pub(super) fn exit(&self, person: &Arc<Person>) {
        let mut people = self.0.people.lock();
        let mut state = person.lock();
        state.joining -= 1;
        self.forget_if_gone(&mut people, person, &state, Leaving::Closed(None));
    }

    /// Registers a socket that has just gone live.
    pub(super) fn admit(&self, socket: LocalSocket) {
        self.0.metrics.sockets.inc();
        self.0.sessions.lock().entry(socket.connection.identity.session).or_default().push(socket.clone());
        // It may have ended, or been cut, while it was on its way in; its end found nothing to remove then.
        if !socket.socket.connected() || socket.link().reason().is_some() {
            self.leave(&socket.connection, false);
        }
    }

    /// Ends all sockets of somebody whose log is not what it was (restored to an earlier state): they come back, and
    /// are told so.
    pub(super) fn evict(&self, person: &Person) {
        let mut state = person.lock();
        state.forget_position();
        for socket in &state.sockets {
            socket.link().cut(Cut::Restored);
        }
    }

    /// Lets a socket go. Harmless for one that is gone already.
    fn leave(&self, connection: &Arc<Connection>, logged_out: bool) {
        self.0.presence.leave(connection.number);
        let mut people = self.0.people.lock();
        let Some(person) = people.get(&connection.identity.user).cloned() else { return };
        let mut state = person.lock();
        let Some(index) = state.sockets.iter().position(|socket| Arc::ptr_eq(&socket.connection, connection)) else { return };
        state.sockets.swap_remove(index);
        self.0.metrics.sockets.dec();
        let how = if logged_out { Leaving::LoggedOut } else { Leaving::Closed(Some(connection.identity.session)) };
        self.forget_if_gone(&mut people, &person, &state, how);
        drop(state);
        drop(people);
        let mut sessions = self.0.sessions.lock();
        if let Some(sockets) = sessions.get_mut(&connection.identity.session) {
            sockets.retain(|socket| !Arc::ptr_eq(&socket.connection, connection));
            if sockets.is_empty() {
                sessions.swap_remove(&connection.identity.session);
            }
        }
    }

    fn forget_if_gone(&self, people: &mut HashMap<UserId, Arc<Person>>, person: &Arc<Person>, state: &State, how: Leaving) {
        if state.sockets.is_empty() && state.joining == 0 && people.remove(&person.id).is_some() {
            self.0.metrics.local_users.dec();
            self.0.services.presence.detach(person.id, how);
        }
    }

    /// Takes an entry of somebody's log, if they are here. Answers how many reached the sockets: none, or this one and those
    /// that had waited for it.
    pub(super) fn offer(&self, user: UserId, seq: i64, event: &Event, how: How) -> usize {
        let Some(person) = self.person(user) else { return 0 };
        let mut state = person.lock();
        let offered = state.cursor.offer(seq, event);
        if let Offered::Next(events) = &offered {
            self.emit(&person, &mut state, events, how);
        }
        drop(state);
        if matches!(offered, Offered::Gap) {
            self.0.services.recent.held(user, seq);
            repair::after_hold(self, &person);
        }
        let Offered::Next(events) = offered else { return 0 };
        for event in events.iter().filter(|event| event.kind == EventKind::NewMessage) {
            self.0.presence.heard(user, event);
        }
        events.len()
    }

    /// Says something in passing to all sockets of some people, as far as they are here. A socket that has no room for it
    /// goes without.
    pub(super) fn whisper(&self, whisper: &Whisper) {
        let packet = Packet::new(whisper.kind.name(), &*whisper.payload, None);
        for user in &whisper.to {
            let Some(person) = self.person(*user) else { continue };
            let state = person.lock();
            for socket in &state.sockets {
                if packet.send(socket, When::Now) == Sent::Queued {
                    self.0.emitted.count(Name::Typing, 1);
                }
            }
        }
    }

    /// Passes events on that end where the cursor stands now.
    fn emit(&self, person: &Arc<Person>, state: &mut State, events: &[Event], how: How) {
        let Some(head) = state.position() else { return };
        let first = head.seq + 1 - i64::try_from(events.len()).unwrap_or(0);
        let are_many = state.sockets.len() > many::AT_ONCE;
        let when = if are_many { When::OnFlush } else { When::Now };
        for (seq, event) in (first..).zip(events) {
            let at = Position { seq, ..head }.to_string();
            let packet = Packet::new(event.kind.name(), &*event.payload, Some(&at));
            let mut reached = Sockets::default();
            for socket in &state.sockets {
                match packet.send(socket, when) {
                    Sent::Queued => reached.push(socket.connection.number),
                    // It must not miss a number and then get the next one.
                    Sent::Full => self.overflows(socket.link()),
                    Sent::Gone => {}
                }
            }
            self.0.emitted.count(event.kind.into(), reached.count().into());
            // Without a live socket, each one on its way in is sent it from the log, which is remembered with that.
            if !state.sockets.is_empty() {
                self.0.services.recent.queued(person.id, seq, how.label(), reached);
            }
        }
        if are_many && !std::mem::replace(&mut state.flushes, true) {
            let (hub, person) = (self.clone(), person.clone());
            self.0.lifecycle.spawn(async move {
                tokio::time::sleep(many::GATHER).await;
                hub.flush(&person);
            });
        }
    }

    /// Writes what waits for somebody with many sockets.
    fn flush(&self, person: &Person) {
        let mut state = person.lock();
        state.flushes = false;
        let links: Vec<Arc<Link>> = state.sockets.iter().map(|socket| socket.connection.link.clone()).collect();
        drop(state);
        self.0.writers.flush(&links, &self.0.lifecycle);
    }

    /// Queues an entry of the past to one socket.
    pub(super) fn send_entry(&self, socket: &LocalSocket, event: &Event, at: Position) -> Sent {
        let sent = Packet::new(event.kind.name(), &*event.payload, Some(&at.to_string())).send(socket, When::Soon);
        if sent == Sent::Queued {
            self.0.emitted.count(event.kind.into(), 1);
        }
        sent
    }

    /// Says to a socket what became of the position that it named, and where it is now if it must start anew: else a connection
    /// that breaks before the next event would make it load everything again. Its outbox is empty then.
    pub(super) fn tell_verdict(&self, socket: &LocalSocket, verdict: Verdict, at: Position) {
        let mut told = json!({ "verdict": verdict.label(), "count": verdict.count() });
        if let Some(reason) = verdict.reason() {
            told["reason"] = reason.label().into();
            told["position"] = at.to_string().into();
        }
        Packet::new("resume", &told, None).send(socket, When::Soon);
    }

    pub(super) fn count_resume(&self, verdict: Verdict) {
        let reason = verdict.reason().map_or("", Reset::label);
        self.0.metrics.resumes.with_label_values(&[verdict.label(), reason]).inc();
    }

    /// Queues something that has no number; `at` is where its socket is, if it has to be told.
    pub(super) fn say<T: Serialize + ?Sized>(&self, socket: &LocalSocket, name: Name, payload: &T, at: Option<&str>) -> Sent {
        let sent = Packet::new(name.text(), payload, at).send(socket, When::Now);
        match sent {
            Sent::Queued => self.0.emitted.count(name, 1),
            Sent::Full => self.overflows(socket.link()),
            Sent::Gone => {}
        }
        sent
    }

    /// Lets `say` name the position of this socket, if nothing did yet: so a client has one from the start. Nothing but
    /// the first may, or it could name one that is still on its way.
    pub(super) fn placed(&self, socket: &LocalSocket, say: impl FnOnce(Option<String>) -> Sent) -> Sent {
        let connection = &socket.connection;
        match self.person(connection.identity.user) {
            Some(person) if connection.awaits_position() => {
                // Under the lock: what is queued before this has the numbers up to the position, what comes after has more.
                let state = person.lock();
                state.position().map_or(Sent::Gone, |at| say(Some(at.to_string())))
            }
            _ => say(None),
        }
    }

    /// Ends a session whose outbox is full.
    pub(super) fn overflows(&self, link: &Link) {
        self.0.metrics.outbox_overflows.inc();
        link.cut(Cut::Overflow);
    }

    fn person(&self, user: UserId) -> Option<Arc<Person>> {
        self.0.people.lock().get(&user).cloned()
    }

    /// Everybody whose position is known.
    pub(super) fn people(&self) -> Vec<Arc<Person>> {
        self.0.people.lock().values().cloned().collect()
    }

    /// All sockets, one person's after another's.
    pub(super) fn sockets(&self) -> Vec<LocalSocket> {
        self.people().iter().flat_map(|person| person.lock().sockets.clone()).collect()
    }

    /// Ends all sockets of a session. The client is told that the server means it, so that it doesn't come back.
    pub(super) fn revoke(&self, session: SessionId) {
        let sockets = self.0.sessions.lock().get(&session).cloned().unwrap_or_default();
        for socket in sockets {
            self.dismiss(socket, Cut::Revoked);
        }
        self.0.services.presence.logged_out(session);
    }

    /// Ends sockets whose token expired, and forgets those whose end went unnoticed.
    pub(super) fn census(&self, now: Timestamp) {
        for socket in self.sockets() {
            if !socket.socket.connected() {
                self.leave(&socket.connection, false);
            } else if socket.connection.identity.expires_at <= now {
                self.dismiss(socket, Cut::Expired);
            }
        }
    }

    fn dismiss(&self, socket: LocalSocket, reason: Cut) {
        let LocalSocket { socket, connection } = socket;
        let told = socket.disconnect();
        self.leave(&connection, true);
        if told.is_err() {
            connection.link.cut(reason);
            return;
        }
        // A client that doesn't hang up by itself is cut; it was given the time to read why.
        let lifecycle = self.0.lifecycle.clone();
        lifecycle.spawn(async move {
            tokio::time::sleep(DISMISSAL).await;
            connection.link.cut(reason);
        });
    }

    /// Counts how a socket ended.
    pub(super) fn ended(&self, connection: &Arc<Connection>, reason: &'static str) {
        let reason = connection.link.reason().map_or(reason, Cut::label);
        self.0.metrics.disconnects.with_label_values(&[reason]).inc();
        self.0.services.recent.ended(connection.identity.user, connection.number, reason);
        tracing::debug!(user = %connection.identity.user, reason, "socket ended");
        self.leave(connection, false);
    }
}

/// How an entry came to this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// Somebody told it.
    Hint,
    /// It was read from the log, because nobody had.
    Log,
}

impl How {
    fn label(self) -> &'static str {
        match self {
            Self::Hint => "hint",
            Self::Log => "log",
        }
    }
}

/// How long a dismissed client has to hang up.
const DISMISSAL: std::time::Duration = std::time::Duration::from_millis(500);

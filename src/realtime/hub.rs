//! This node's sockets, by person, and the one place where events reach them.
//!
//! A person's [`Cursor`] and sockets sit behind one lock: whatever the source of an entry, hint or log, it passes that
//! lock once, so each socket gets each number once and in order. Locks are taken in the order table, then person.

use parking_lot::Mutex;
use prometheus::IntCounter;
use serde_json::value::RawValue;
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{
    connection::{Connection, LocalSocket},
    cursor::{Cursor, Offered},
    repair,
    transport::link::Cut,
};
use crate::{
    config,
    domain::Services,
    lifecycle::Lifecycle,
    metrics::Metrics,
    model::{
        Result, SessionId, Timestamp, UserId,
        event::{Event, EventKind},
    },
};

/// A cheap handle on this node's sockets.
#[derive(Clone)]
pub(super) struct Hub(Arc<Inner>);

struct Inner {
    people: Mutex<HashMap<UserId, Arc<Person>>>,
    /// Whose sockets a revocation concerns.
    sessions: Mutex<HashMap<SessionId, Vec<LocalSocket>>>,
    services: Services,
    config: config::Realtime,
    lifecycle: Lifecycle,
    metrics: Metrics,
    emitted: [IntCounter; 3],
}

/// Somebody with sockets on this node.
pub(super) struct Person {
    pub(super) id: UserId,
    state: Mutex<State>,
    /// Held while the first socket's position is read; the others wait for it.
    fence: tokio::sync::Mutex<()>,
    /// Whether a repair is under way.
    pub(super) repairing: AtomicBool,
}

#[derive(Default)]
struct State {
    cursor: Cursor,
    sockets: Vec<LocalSocket>,
    /// Sockets on their way in: the person must not be forgotten under them.
    joining: usize,
}

impl Hub {
    pub(super) fn new(services: Services, config: config::Realtime, lifecycle: Lifecycle, metrics: Metrics) -> Self {
        let emitted = ["newMessage", "messagesRead", "getOnlineUsers"].map(|name| metrics.emitted.with_label_values(&[name]));
        let (people, sessions) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Inner { people, sessions, services, config, lifecycle, metrics, emitted }))
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

    /// Whether this person may have one more socket here.
    pub(super) fn has_room(&self, user: UserId) -> bool {
        let people = self.0.people.lock();
        people.get(&user).is_none_or(|person| {
            let state = person.state.lock();
            state.sockets.len() + state.joining < self.0.config.sockets_per_user
        })
    }

    /// Begins to take a socket in, before its CONNECT is answered. Everything that is committed from its return on
    /// reaches the socket, once [`Hub::join`] has taken it live.
    ///
    /// The first socket of a person passes the attach fence: tell the backplane, *then* read the position. An entry
    /// that was committed before the read is history; one that is committed after it is told to this node.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`] when the position can't be read.
    pub(super) async fn begin(&self, user: UserId) -> Result<Joining> {
        let mut joining = Joining { hub: self.clone(), person: self.enter(user), since: 0 };
        joining.since = self.pass_fence(&joining.person).await?;
        Ok(joining)
    }

    /// Takes a socket live: first what came since [`Hub::begin`], from the log, then every entry as it comes, with
    /// nothing between the two and nothing twice.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`] when the log can't be read; the socket is not in then.
    pub(super) async fn join(&self, socket: LocalSocket, mut joining: Joining) -> Result<()> {
        let person = joining.person.clone();
        while !self.go_live(&person, &socket, joining.since) {
            let entries = self.0.services.delivery.entries_after(person.id, joining.since, CATCH_UP).await?;
            for entry in entries {
                if !self.send(&socket, entry.event.kind.name(), &entry.event.payload) {
                    return Ok(());
                }
                joining.since = entry.seq;
            }
        }
        self.0.metrics.sockets.inc();
        self.0.sessions.lock().entry(socket.connection.identity.session).or_default().push(socket.clone());
        // It may have ended, or been cut, while it was on its way in; its end found nothing to remove then.
        if !socket.socket.connected() || socket.link().reason().is_some() {
            self.leave(&socket.connection);
        }
        Ok(())
    }

    /// The one switch from the log to live: under the lock that every entry passes. False if entries came since.
    fn go_live(&self, person: &Person, socket: &LocalSocket, since: i64) -> bool {
        let mut state = person.state.lock();
        let at_the_head = state.cursor.last().is_none_or(|last| last <= since);
        if at_the_head {
            state.sockets.push(socket.clone());
        }
        at_the_head
    }

    fn enter(&self, user: UserId) -> Arc<Person> {
        let mut people = self.0.people.lock();
        let person = people.entry(user).or_insert_with(|| {
            self.0.metrics.local_users.inc();
            Arc::new(Person {
                id: user,
                state: Mutex::default(),
                fence: tokio::sync::Mutex::default(),
                repairing: AtomicBool::new(false),
            })
        });
        person.state.lock().joining += 1;
        person.clone()
    }

    /// Answers the number after which a socket that comes now is told everything.
    async fn pass_fence(&self, person: &Person) -> Result<i64> {
        let _one_at_a_time = person.fence.lock().await;
        if let Some(last) = person.last() {
            return Ok(last);
        }
        self.0.services.presence.attach(person.id).await;
        let positions = self.0.services.delivery.positions(&[person.id]).await?;
        // No log: the account is gone, and so will be its session.
        let at = positions.first().map_or(0, |(_, position)| position.seq);
        let mut state = person.state.lock();
        // Nobody is live yet: what waited for the position is read from the log by each socket.
        state.cursor.start(at);
        Ok(at)
    }

    /// Lets a socket go. Harmless for one that is gone already.
    pub(super) fn leave(&self, connection: &Arc<Connection>) {
        let mut people = self.0.people.lock();
        let Some(person) = people.get(&connection.identity.user).cloned() else { return };
        let mut state = person.state.lock();
        let Some(index) = state.sockets.iter().position(|socket| Arc::ptr_eq(&socket.connection, connection)) else { return };
        state.sockets.swap_remove(index);
        self.0.metrics.sockets.dec();
        self.forget_if_gone(&mut people, &person, &state);
        drop(state);
        drop(people);
        let mut sessions = self.0.sessions.lock();
        if let Some(sockets) = sessions.get_mut(&connection.identity.session) {
            sockets.retain(|socket| !Arc::ptr_eq(&socket.connection, connection));
            if sockets.is_empty() {
                sessions.remove(&connection.identity.session);
            }
        }
    }

    fn forget_if_gone(&self, people: &mut HashMap<UserId, Arc<Person>>, person: &Arc<Person>, state: &State) {
        if state.sockets.is_empty() && state.joining == 0 && people.remove(&person.id).is_some() {
            self.0.metrics.local_users.dec();
            self.0.services.presence.detach(person.id);
        }
    }

    /// Takes an entry of somebody's log, if they are here. Answers whether it reached the sockets.
    pub(super) fn offer(&self, user: UserId, seq: i64, event: &Event) -> bool {
        let Some(person) = self.person(user) else { return false };
        let mut state = person.state.lock();
        let offered = state.cursor.offer(seq, event);
        if let Offered::Next(events) = &offered {
            self.emit(&state, events);
        }
        drop(state);
        if matches!(offered, Offered::Gap) {
            repair::after_hold(self, &person);
        }
        matches!(offered, Offered::Next(_))
    }

    fn emit(&self, state: &State, events: &[Event]) {
        for event in events {
            let counter = match event.kind {
                EventKind::NewMessage => &self.0.emitted[0],
                EventKind::MessagesRead => &self.0.emitted[1],
            };
            let reached = state.sockets.iter().filter(|socket| self.send(socket, event.kind.name(), &event.payload)).count();
            counter.inc_by(reached as u64);
        }
    }

    /// Queues an event to one socket. A socket whose outbox is full is cut, and gets nothing more: it must not miss a
    /// number and then get the next one.
    fn send(&self, socket: &LocalSocket, name: &str, payload: &RawValue) -> bool {
        if socket.link().reason().is_some() {
            return false;
        }
        let sent = socket.socket.emit(name, payload);
        if sent.is_err() && socket.socket.connected() {
            self.0.metrics.outbox_overflows.inc();
            socket.link().cut(Cut::Overflow);
        }
        sent.is_ok()
    }

    /// Sends one version of the online list to a socket that hasn't seen it.
    pub(super) fn send_online(&self, socket: &LocalSocket, version: u64, list: &RawValue) {
        if socket.connection.sees_online(version) && self.send(socket, "getOnlineUsers", list) {
            self.0.emitted[2].inc();
        }
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
        self.people().iter().flat_map(|person| person.state.lock().sockets.clone()).collect()
    }

    /// Ends all sockets of a session. The client is told that the server means it, so that it doesn't come back.
    pub(super) fn revoke(&self, session: SessionId) {
        let sockets = self.0.sessions.lock().get(&session).cloned().unwrap_or_default();
        for socket in sockets {
            self.dismiss(socket, Cut::Revoked);
        }
    }

    /// Ends sockets whose token expired, and forgets those whose end went unnoticed.
    pub(super) fn census(&self, now: Timestamp) {
        for socket in self.sockets() {
            if !socket.socket.connected() {
                self.leave(&socket.connection);
            } else if socket.connection.identity.expires_at <= now {
                self.dismiss(socket, Cut::Expired);
            }
        }
    }

    fn dismiss(&self, socket: LocalSocket, reason: Cut) {
        let LocalSocket { socket, connection } = socket;
        let told = socket.disconnect();
        self.leave(&connection);
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
        tracing::debug!(user = %connection.identity.user, reason, "socket ended");
        self.leave(connection);
    }
}

/// A socket on its way in. As long as it lives, its person is not forgotten.
pub(super) struct Joining {
    hub: Hub,
    person: Arc<Person>,
    since: i64,
}

impl Drop for Joining {
    fn drop(&mut self) {
        let mut people = self.hub.0.people.lock();
        let mut state = self.person.state.lock();
        state.joining -= 1;
        self.hub.forget_if_gone(&mut people, &self.person, &state);
    }
}

/// Entries that a socket on its way in reads at a time.
const CATCH_UP: u64 = 64;

/// How long a dismissed client has to hang up.
const DISMISSAL: std::time::Duration = std::time::Duration::from_millis(500);

impl Person {
    /// The last number passed to the sockets; `None` while the position isn't known.
    pub(super) fn last(&self) -> Option<i64> {
        self.state.lock().cursor.last()
    }

    pub(super) fn has_gap(&self) -> bool {
        self.state.lock().cursor.has_gap()
    }

    /// Claims the repair of this person's gap; false when somebody is at it.
    pub(super) fn claim_repair(&self) -> bool {
        !self.repairing.swap(true, Ordering::AcqRel)
    }

    pub(super) fn release_repair(&self) {
        self.repairing.store(false, Ordering::Release);
    }
}

//! What sockets are told of who is online.
//!
//! - [`views`]: what each socket may see and has been told of that; pure. [`seats`] and [`changes`] are its nouns.
//! - [`lists`]: whole lists, for frontends that know nothing else, at a pace that a node and its clients can bear.
//! - [`partners`]: reads with whom people talk, for many at a time.
//! - [`watching`]: people whom a client asked for by name.
//! - this file: changes, to those who asked for them.
//!
//! Words about one socket must reach it in the order in which [`Views`] gave them out. So the first one is queued under
//! the lock of the views, and all further ones come from one task: changes and snapshots from [`announce`], lists from
//! [`lists::run`].

use parking_lot::Mutex;
use prometheus::IntCounter;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::Notify,
    task::yield_now,
    time::{Instant, sleep_until},
};

use super::{connection::LocalSocket, hub::Hub, meter::Name, transport::wire::Sent};
use crate::{
    config::{self, Audience},
    domain::Services,
    metrics::Metrics,
    model::{UserId, event::Event},
};
use views::{Shown, Views, Word};

mod changes;
mod lists;
mod partners;
mod seats;
#[cfg(test)]
mod tests;
mod views;
mod watching;

pub(super) use seats::Kind;
pub(super) use watching::{Watched, unwatch, watch};

/// Words said before others get a turn: each is a write of some microseconds.
const SLICE: usize = 64;

/// What a node's sockets see; part of the [`Hub`].
pub(super) struct Presence {
    views: Mutex<Views<LocalSocket>>,
    /// Whether people see only those with whom they talk: whom they begin to talk with matters then.
    narrow: AtomicBool,
    /// The list of everybody as JSON, and which edition that is.
    rendered: Mutex<Option<(u64, Arc<RawValue>)>>,
    /// Something is to be said before the next change.
    aside: Notify,
    /// Some people's conversations are to be read.
    unread: Notify,
    /// Some lists may be out of date.
    outdated: Notify,
    /// [`config::Presence::watch`].
    watch: usize,
    bytes: Bytes,
}

/// Payload queued, by kind.
struct Bytes {
    lists: IntCounter,
    snapshots: IntCounter,
    changes: IntCounter,
}

impl Presence {
    pub(super) fn new(services: &Services, config: config::Presence, metrics: &Metrics) -> Self {
        let bytes = |kind: &str| metrics.presence_bytes.with_label_values(&[kind]);
        Self {
            narrow: AtomicBool::new(config.audience == Audience::Conversations),
            watch: config.watch,
            views: Mutex::new(Views::new(config, services.presence.online().borrow().clone())),
            rendered: Mutex::default(),
            aside: Notify::new(),
            unread: Notify::new(),
            outdated: Notify::new(),
            bytes: Bytes { lists: bytes("list"), snapshots: bytes("snapshot"), changes: bytes("changes") },
        }
    }

    /// A socket ended. Harmless for one that never entered.
    pub(super) fn leave(&self, number: u32) {
        self.views.lock().leave(number);
    }

    /// An event reached this person's sockets: who writes to whom sees each other from then on.
    pub(super) fn heard(&self, user: UserId, event: &Event) {
        if !self.narrow.load(Ordering::Relaxed) {
            return;
        }
        // Every message passes here, and most are between people who know each other: nobody is woken for those.
        if let Some((one, other)) = event.between()
            && self.views.lock().met(user, if user == one { other } else { one })
        {
            self.aside.notify_one();
            self.outdated.notify_one();
        }
    }

    /// Everybody's list, rendered once for all who get it.
    fn render(&self, edition: u64, users: &[UserId]) -> Option<Arc<RawValue>> {
        let mut rendered = self.rendered.lock();
        if let Some((of, list)) = &*rendered
            && *of == edition
        {
            return Some(list.clone());
        }
        let list: Arc<RawValue> = to_raw_value(users).ok()?.into();
        *rendered = Some((edition, list.clone()));
        Some(list)
    }
}

/// Starts the tasks; they end with the node.
pub(super) fn start(hub: &Hub, config: &config::Presence) {
    show_scope(hub.metrics(), config.audience);
    let online = hub.services().presence.online();
    hub.metrics().probe(move |series| series.presence_online.set(online.borrow().users.len() as i64));
    let lifecycle = hub.lifecycle();
    lifecycle.spawn(announce(hub.clone(), config.interval));
    lifecycle.spawn(lists::run(hub.clone(), config.clone()));
    lifecycle.spawn(partners::run(hub.clone()));
}

/// A socket went live: tells it who is online.
pub(super) fn enter(hub: &Hub, socket: &LocalSocket) {
    let (presence, connection) = (hub.presence(), &socket.connection);
    let (number, user, kind) = (connection.number, connection.identity.user, connection.kind);
    let mut views = presence.views.lock();
    match views.enter(number, user, socket.clone(), kind, Instant::now().into_std()) {
        Some(word) => drop(say(hub, socket, &word)),
        None => presence.unread.notify_one(),
    }
    // It may have ended on its way in; its end found nothing to remove then.
    if !socket.socket.connected() || socket.link().reason().is_some() {
        views.leave(number);
    }
}

/// Tells who came and who left as it happens, and at most once an interval.
async fn announce(hub: Hub, interval: Duration) {
    let (presence, domain, metrics) = (hub.presence(), &hub.services().presence, hub.metrics());
    let mut online = domain.online();
    let mut not_before = Instant::now();
    loop {
        let told = {
            let views = presence.views.lock();
            (views.told().version, views.told().known)
        };
        let ripe = async {
            let there = online.wait_for(|now| (now.version, now.known) != told).await.is_ok();
            sleep_until(not_before).await;
            there
        };
        let words = tokio::select! {
            there = ripe => {
                if !there {
                    return;
                }
                not_before = Instant::now() + interval;
                let now = online.borrow().clone();
                let mut views = presence.views.lock();
                let former = views.scope();
                let (changed, words) = views.advance(now, |user| domain.left_at(user));
                metrics.presence_changes.inc_by(changed as u64);
                if views.scope() != former {
                    switched(&hub, views.scope(), views.told().users.len());
                }
                words
            }
            () = presence.aside.notified() => presence.views.lock().asides(),
        };
        presence.unread.notify_one();
        presence.outdated.notify_one();
        for slice in words.chunks(SLICE) {
            for (socket, word) in slice {
                say(&hub, socket, word);
            }
            yield_now().await;
        }
    }
}

fn switched(hub: &Hub, scope: Audience, online: usize) {
    hub.presence().narrow.store(scope == Audience::Conversations, Ordering::Relaxed);
    show_scope(hub.metrics(), scope);
    match scope {
        Audience::Conversations => tracing::warn!(
            online,
            "more people are online than presence.everyone_up_to: each is told of those with whom they talk, and not of the others"
        ),
        Audience::Everyone => tracing::info!(online, "few enough people are online: each is told of everybody again"),
    }
}

fn show_scope(metrics: &Metrics, scope: Audience) {
    for (audience, label) in [(Audience::Everyone, "everyone"), (Audience::Conversations, "conversations")] {
        metrics.presence_audience.with_label_values(&[label]).set(i64::from(audience == scope));
    }
}

/// The payload of `presence:snapshot`. Its position is a field: no event of ours but the numbered ones and a first list
/// may end in a string.
#[derive(Serialize)]
struct Snapshot<'a> {
    scope: Audience,
    state: &'static str,
    online: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<String>,
}

fn state(known: bool) -> &'static str {
    if known { "known" } else { "unknown" }
}

/// Queues a word to its socket. Answers how many bytes that are; none if it did not get there.
fn say(hub: &Hub, socket: &LocalSocket, word: &Word) -> usize {
    let presence = hub.presence();
    let (counter, bytes, sent) = match word {
        Word::List(shown) => {
            let Some(list) = shown.render(presence) else { return 0 };
            let send = |position: Option<String>| hub.say(socket, Name::GetOnlineUsers, &*list, position.as_deref());
            (&presence.bytes.lists, list.get().len(), hub.placed(socket, send))
        }
        Word::Snapshot { online, scope, known } => {
            let Some(online) = online.render(presence) else { return 0 };
            let send = |position| {
                let snapshot = Snapshot { scope: *scope, state: state(*known), online: &online, position };
                hub.say(socket, Name::Snapshot, &snapshot, None)
            };
            (&presence.bytes.snapshots, online.get().len(), hub.placed(socket, send))
        }
        Word::Changes(changes) => {
            let Some(changes) = changes.render() else { return 0 };
            (&presence.bytes.changes, changes.get().len(), hub.say(socket, Name::Changes, &*changes, None))
        }
        Word::State { known } => {
            hub.say(socket, Name::State, &serde_json::json!({ "state": state(*known) }), None);
            return 0;
        }
    };
    if sent != Sent::Queued {
        return 0;
    }
    counter.inc_by(bytes as u64);
    bytes
}

impl Shown {
    fn render(&self, presence: &Presence) -> Option<Arc<RawValue>> {
        match self {
            Self::Everyone { edition, users } => presence.render(*edition, users),
            Self::These(users) => to_raw_value(users).ok().map(Arc::from),
        }
    }
}

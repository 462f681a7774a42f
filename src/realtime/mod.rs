//! The Socket.IO edge: from an upgraded connection to the domain and back.
//!
//! - `transport`: our own 101, the guarded stream with its kill switch, polling, the short way in for WebSockets.
//! - `handshake`: who is it, and may they come in.
//! - `join`: where a socket resumes, what it missed, and the switch to live.
//! - `hub`: this node's sockets, by `person`; `cursor` is one person's place in their own log.
//! - `packet`: an event on its way to sockets, rendered once for all of them.
//! - `pump`: pulls signals into the hub; `repair` reads from the log what they did not bring.
//! - `many`: somebody with many sockets.
//! - `meter`: what was delivered on which way, and how fast.
//! - `shed`: closing what a node holds beyond its share, if that is wanted.
//! - `presence`: what sockets are told of who is online.
//! - `handlers`: what clients may say.

use axum::Router;
use rand::seq::SliceRandom;
use socketioxide::{ParserConfig, SocketIo, handler::ConnectHandler};
use std::{sync::Arc, time::Duration};
use tokio::{
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::{Instant, sleep_until},
};

use crate::{
    config::{Config, origins::Origins},
    domain::{Services, delivery::Signals},
    lifecycle::Lifecycle,
    metrics::Metrics,
};

mod connection;
mod cursor;
mod error;
mod handlers;
mod handshake;
mod hub;
mod join;
mod many;
mod meter;
mod packet;
mod person;
mod presence;
mod pump;
mod repair;
mod shed;
mod transport;

use hub::Hub;
use shed::Debt;
use transport::{Doors, Transport, foreign::Foreign, link::Cut};

/// Bytes that the WebSocket reader keeps per connection: enough for what nearly all say nearly always, which is `3`. What is
/// longer gets the room that it needs, and is read in pieces of this size.
const READ_BUFFER: usize = 128;

/// How often sockets whose end went unnoticed, or whose token expired, are looked for.
const CENSUS_INTERVAL: Duration = Duration::from_secs(5);

/// This node's socket edge.
#[derive(Clone)]
pub struct Realtime {
    hub: Hub,
    transport: Transport,
}

impl Realtime {
    /// Builds the engine, starts the tasks that feed it, and answers the routes below `/socket.io/`.
    pub fn start(
        services: &Services,
        signals: Signals,
        config: &Config,
        origins: Origins,
        lifecycle: &Lifecycle,
        metrics: &Metrics,
    ) -> (Self, Router) {
        let limits = config.realtime.clone();
        if !limits.repair {
            tracing::warn!("realtime.repair is off: messages whose hint is lost will not be delivered; it is for tests only");
        }
        let hub = Hub::new(services.clone(), config, lifecycle.clone(), metrics.clone());
        let (engine, io) = SocketIo::builder()
            .ping_interval(limits.ping_interval)
            .ping_timeout(transport::FOR_EVER)
            .connect_timeout(limits.connect_timeout)
            .upgrade_timeout(limits.upgrade_timeout)
            .max_buffer_size(limits.outbox)
            .max_payload(limits.max_frame as u64)
            .ws_max_message_size(limits.max_frame)
            .ws_max_frame_size(limits.max_frame)
            .ws_read_buffer_size(READ_BUFFER)
            .with_parser(ParserConfig::common().max_incoming_binaries(0))
            .build_with_inner_svc(Router::new());
        let desk = Arc::new(handshake::Desk::new(services.clone(), hub.clone(), config, metrics.clone()));
        io.ns("/", desk.clone().connected().with(desk.admits()));
        let debt = Debt::new(&config.cluster);
        let sessions = services.sessions.clone();
        let doors = Doors { sessions, limits: services.limits.clone(), debt: debt.clone(), metrics: metrics.clone() };
        let foreign = Foreign::new(config, lifecycle, metrics);
        let transport = Transport::new(engine, foreign, origins, &limits, doors, lifecycle.clone());
        lifecycle.spawn(shed::run(hub.clone(), config.cluster.clone(), debt));
        pump::start(&hub, services, signals, config, lifecycle);
        presence::start(&hub, &config.presence);
        let routes = transport.clone().router();
        (Self { hub, transport }, routes)
    }

    /// Takes an entry as the pump does, for the benchmarks. Answers how many reached the sockets.
    #[cfg(feature = "bench")]
    pub fn offer(&self, user: crate::model::UserId, seq: i64, event: &crate::model::event::Event) -> usize {
        self.hub.offer(user, seq, event, hub::How::Hint)
    }

    /// The way in for connections that begin with a request for a WebSocket: it takes those over, and gives others back.
    pub fn shortcut(&self) -> impl Fn(&[u8], TcpStream, &Arc<OwnedSemaphorePermit>) -> Option<TcpStream> + use<> {
        let transport = self.transport.clone();
        move |first, stream, place| transport.take(first, stream, place)
    }

    /// Takes no new sessions and closes the transports of all sockets, evenly over `spread` and in random order: stock
    /// clients come back by themselves, elsewhere, and not all at once.
    pub async fn drain(&self, spread: Duration) {
        self.transport.close();
        let mut sockets = self.hub.sockets();
        sockets.shuffle(&mut rand::rng());
        tracing::info!(sockets = sockets.len(), spread_ms = spread.as_millis() as u64, "closing sockets");
        let left = &self.hub.metrics().drain_sockets_left;
        left.set(sockets.len() as i64);
        let (begin, slot) = (Instant::now(), spread.div_f64(sockets.len().max(1) as f64));
        for (nth, socket) in sockets.iter().enumerate() {
            // Somewhere in its slot: a beat that is too even would meet the clients' own pauses.
            sleep_until(begin + slot.mul_f64(nth as f64 + rand::random::<f64>())).await;
            socket.link().cut(Cut::Drain);
            left.dec();
        }
        // Those that came in through the door while it was closing.
        for socket in self.hub.sockets() {
            socket.link().cut(Cut::Drain);
        }
    }
}

//! The Socket.IO edge: from an upgraded connection to the domain and back.
//!
//! - `transport`: our own 101, the guarded stream with its kill switch, polling.
//! - `handshake`: who is it, and may they come in.
//! - `join`: where a socket resumes, what it missed, and the switch to live.
//! - `hub`: this node's sockets, by `person`; `cursor` is one person's place in their own log.
//! - `pump`: pulls signals into the hub; `repair` reads from the log what they did not bring.
//! - `online`: the list of who is online, coalesced.
//! - `handlers`: what clients may say.

use axum::Router;
use socketioxide::{ParserConfig, SocketIo, handler::ConnectHandler};
use std::{sync::Arc, time::Duration};

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
mod online;
mod person;
mod pump;
mod repair;
mod transport;

use hub::Hub;
use transport::{Transport, foreign::Foreign, link::Cut};

/// Bytes that the WebSocket reader keeps per connection: chat clients send little, and idle ones nothing.
const READ_BUFFER: usize = 512;

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
        let hub = Hub::new(services.clone(), config.realtime.clone(), lifecycle.clone(), metrics.clone());
        let (engine, io) = SocketIo::builder()
            .ping_interval(limits.ping_interval)
            .ping_timeout(limits.ping_timeout)
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
        let foreign = Foreign::new(config, lifecycle, metrics);
        let transport = Transport::new(engine, foreign, origins, limits, lifecycle.clone());
        pump::start(&hub, services, signals, config, lifecycle);
        online::start(&hub, services, config, lifecycle);
        let routes = transport.clone().router();
        (Self { hub, transport }, routes)
    }

    /// Takes no new sessions and closes the transports of all sockets, spread evenly over `spread`: stock clients come
    /// back by themselves, elsewhere, and not all at once.
    pub async fn drain(&self, spread: Duration) {
        self.transport.close();
        let sockets = self.hub.sockets();
        let pause = spread.checked_div(u32::try_from(sockets.len()).unwrap_or(u32::MAX)).unwrap_or_default();
        tracing::info!(sockets = sockets.len(), spread_ms = spread.as_millis() as u64, "closing sockets");
        // Timers are exact to a millisecond: with many sockets, several go at each tick.
        let wave = (Duration::from_millis(10).as_nanos() / pause.as_nanos().max(1)).max(1) as usize;
        for sockets in sockets.chunks(wave) {
            for socket in sockets {
                socket.link().cut(Cut::Drain);
            }
            tokio::time::sleep(pause * u32::try_from(sockets.len()).unwrap_or(u32::MAX)).await;
        }
        // Those that came in through the door while it was closing.
        for socket in self.hub.sockets() {
            socket.link().cut(Cut::Drain);
        }
    }
}

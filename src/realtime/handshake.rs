//! From a CONNECT packet to a socket in the hub.
//!
//! The middleware decides who it is and registers every handler: it runs before CONNECT is answered, and an event that
//! arrived before its handler would be lost. The connect handler runs after the answer and takes the socket live.

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use socketioxide::{
    extract::{SocketRef, TryData},
    socket::DisconnectReason,
};
use std::{fmt, future::Future, pin::Pin, sync::Arc};

use super::{
    connection::{Connection, LocalSocket},
    error, handlers,
    hub::Hub,
    join::Joining,
    presence::{self, Kind},
    transport::{Opening, link::Cut},
};
use crate::{
    config::{Config, Quota},
    domain::Services,
    metrics::Metrics,
    model::{
        Result,
        resume::{Claim, Pid, Verdict},
        session::Identity,
    },
};

/// `auth` of the client: `{token, since, user, presence}`; stock clients add `{pid, offset}` when they come back.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Auth {
    token: Option<String>,
    #[serde(deserialize_with = "text")]
    since: Option<Box<str>>,
    #[serde(deserialize_with = "text")]
    user: Option<Box<str>>,
    #[serde(deserialize_with = "text")]
    pid: Option<Box<str>>,
    #[serde(deserialize_with = "text")]
    offset: Option<Box<str>>,
    #[serde(deserialize_with = "text")]
    presence: Option<Box<str>>,
}

impl Auth {
    /// `presence: "diff"` asks for changes; unchanged frontends say nothing.
    fn kind(&self) -> Kind {
        if self.presence.as_deref() == Some("diff") { Kind::Changes } else { Kind::Lists }
    }

    fn claim(&mut self) -> Claim {
        let Self { since, user, pid, offset, .. } = self;
        Claim { since: since.take(), user: user.take(), pid: pid.take(), offset: offset.take() }
    }
}

/// Something else than text names no position, but it must not cost the client its token.
fn text<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Box<str>>, D::Error> {
    Ok(match Value::deserialize(value)? {
        Value::Null => None,
        Value::String(text) => Some(text.into()),
        _ => Some(Box::default()),
    })
}

/// Where sockets come in.
pub(super) struct Desk {
    services: Services,
    hub: Hub,
    events: Quota,
    metrics: Metrics,
}

/// The text of a CONNECT_ERROR.
#[derive(Debug)]
pub(super) struct Refusal(&'static str);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

type Admission = Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>>;
type Arrival = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Desk {
    pub(super) fn new(services: Services, hub: Hub, config: &Config, metrics: Metrics) -> Self {
        Self { services, hub, events: config.limits.event, metrics }
    }

    /// The connect middleware.
    pub(super) fn admits(
        self: &Arc<Self>,
    ) -> impl Fn(SocketRef, TryData<Auth>) -> Admission + Clone + Send + Sync + 'static + use<> {
        let desk = self.clone();
        move |socket, TryData(auth)| {
            let desk = desk.clone();
            Box::pin(async move { desk.admit(socket, auth.unwrap_or_default()).await })
        }
    }

    /// The connect handler.
    pub(super) fn connected(self: Arc<Self>) -> impl Fn(SocketRef) -> Arrival + Clone + Send + Sync + 'static {
        move |socket| {
            let desk = self.clone();
            Box::pin(async move { desk.take_in(socket).await })
        }
    }

    async fn admit(&self, socket: SocketRef, mut auth: Auth) -> Result<(), Refusal> {
        let Some(opening) = socket.req_parts().extensions.get::<Arc<Opening>>().cloned() else {
            return Err(Refusal("Unauthorized - Authentication failed"));
        };
        let (claim, kind) = (auth.claim(), auth.kind());
        let token = auth.token.as_deref().filter(|token| !token.is_empty());
        let claimed = token.map_or_else(|| opening.claimed.clone(), |token| self.services.sessions.read(token));
        match self.identify(claimed, &claim).await {
            Ok((identity, joining)) => {
                opening.link.comes_again();
                opening.link.set_pid(pid(&claim, &identity, &joining).to_string());
                let number = self.services.recent.number_socket();
                let connection = Arc::new(Connection::new(number, identity, opening.link.clone(), kind, joining));
                handlers::register(&socket, &connection, &self.hub, self.events);
                let (hub, ended) = (self.hub.clone(), connection.clone());
                socket
                    .on_disconnect(move |_: SocketRef, reason: DisconnectReason| async move { hub.ended(&ended, label(reason)) });
                opening.arrives(&socket, &connection);
                Ok(())
            }
            Err(failure) => {
                let refusal = error::refusal(&failure);
                self.count(if refusal.is_some() { "refused" } else { "passing" });
                // The answer to a passing failure never leaves: the connection is cut first, and the client retries.
                if refusal.is_none() {
                    opening.link.cut(Cut::Passing);
                }
                Err(Refusal(refusal.unwrap_or("Try again")))
            }
        }
    }

    async fn identify(&self, claimed: Result<Identity>, claim: &Claim) -> Result<(Identity, Joining)> {
        let identity = self.services.sessions.confirm(claimed?).await?;
        self.services.limits.handshake(identity.user).await?;
        Ok((identity, Joining::begin(&self.hub, identity.user, claim).await?))
    }

    async fn take_in(&self, socket: SocketRef) {
        let opening = socket.req_parts().extensions.get::<Arc<Opening>>();
        let Some(connection) = opening.and_then(|opening| opening.arrived(&socket)) else { return };
        let Some(joining) = connection.take_joining() else { return };
        let socket = LocalSocket { socket, connection };
        let (verdict, since) = (joining.verdict(), joining.since());
        match joining.join(socket.clone()).await {
            Ok(()) => {
                self.count("accepted");
                let user = socket.connection.identity.user;
                match verdict {
                    None => tracing::debug!(%user, %since, "socket connected"),
                    Some(Verdict::Reset(reason)) => {
                        tracing::info!(%user, %since, verdict = "reset", reason = reason.label(), "socket came back and starts anew");
                    }
                    Some(resumed) => {
                        tracing::debug!(%user, %since, verdict = resumed.label(), count = resumed.count(), "socket came back");
                    }
                }
                presence::enter(&self.hub, &socket);
            }
            Err(failure) => {
                self.count("passing");
                tracing::warn!(cause = ?failure.cause(), "a socket could not be taken in; it will come back");
                socket.link().cut(Cut::Passing);
            }
        }
    }

    fn count(&self, result: &str) {
        self.metrics.handshakes.with_label_values(&[result]).inc();
    }
}

/// The client's own pid, unless something is missing between that and now: only then may it believe that nothing is.
fn pid(claim: &Claim, identity: &Identity, joining: &Joining) -> Pid {
    let resumes = joining.verdict().is_some_and(|verdict| verdict.reason().is_none());
    let own = claim.pid(identity.user).filter(|_| resumes);
    own.unwrap_or_else(|| Pid::new(identity.user, joining.since(), rand::random()))
}

fn label(reason: DisconnectReason) -> &'static str {
    match reason {
        DisconnectReason::TransportClose => "transport_close",
        DisconnectReason::MultipleHttpPollingError => "multiple_polling",
        DisconnectReason::PacketParsingError => "bad_packet",
        DisconnectReason::TransportError => "transport_error",
        DisconnectReason::HeartbeatTimeout => "ping_timeout",
        DisconnectReason::ClientNSDisconnect => "client_left",
        DisconnectReason::ServerNSDisconnect => "dismissed",
        DisconnectReason::ClosingServer => "closing",
    }
}

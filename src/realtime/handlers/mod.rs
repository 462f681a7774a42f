//! What clients may say. Every event is answered by an acknowledgement, `{ok: true, …}` or
//! `{ok: false, error: {code, message}}`, if the client asked for one.
//!
//! The library starts a task for every event, without order or back-pressure. So what can be decided at once is decided
//! in the synchronous part of the handler (the limit, a place in the socket's own queue), and one task at a time
//! carries out a socket's commands in the order in which they came.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use socketioxide::{
    ParserError,
    adapter::Adapter,
    extract::{Event, SocketRef, TryData},
    handler::{FromMessageParts, Value as Packet},
    socket::Socket,
};
use std::{fmt, future::ready, sync::Arc, time::Duration};
use tracing::Instrument;

mod ack;

use self::ack::AckSender;
use super::{
    connection::{Allowance, Connection},
    error::acknowledgement,
    hub::Hub,
    presence::{self, Watched},
    transport::{link::Cut, wire::Sent},
};
use crate::{
    config::Quota,
    model::{ClientId, Error, MessageId, Result, UserId, message::Draft},
    trace::step,
};

/// One event that was understood and waits to be carried out.
pub(super) struct Command {
    request: Request,
    answer: AckSender,
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Command")
    }
}

enum Request {
    SendMessage(SendMessage),
    MessagesRead(MessagesRead),
    Typing(Typing),
    Watch(People),
    Unwatch(People),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SendMessage {
    receiver_id: String,
    text: Option<String>,
    image: Option<String>,
    client_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessagesRead {
    user_id: String,
    up_to: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Typing {
    receiver_id: String,
    /// `false`: no longer.
    #[serde(default = "yes")]
    typing: bool,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct People {
    user_ids: Vec<String>,
}

impl People {
    fn parse(&self) -> Result<Vec<UserId>> {
        self.user_ids.iter().map(|id| id.parse()).collect()
    }
}

/// One socket's way from an event to the domain.
#[derive(Clone)]
struct Clerk {
    connection: Arc<Connection>,
    hub: Hub,
    events: Quota,
}

/// Registers the one handler of a socket, for whatever it says: one of its own for each event would be paid for by every
/// idle socket.
pub(super) fn register(socket: &SocketRef, connection: &Arc<Connection>, hub: &Hub, events: Quota) {
    let clerk = Clerk { connection: connection.clone(), hub: hub.clone(), events };
    socket.on_fallback(move |_: SocketRef, said: Said, answer: AckSender| {
        clerk.take(said.event, said.request, answer);
        ready(())
    });
}

/// What a client said.
struct Said {
    /// `unknown`, unless it is one that there is.
    event: &'static str,
    request: Result<Request>,
}

impl<A: Adapter> FromMessageParts<A> for Said {
    type Error = ParserError;

    fn from_message_parts(socket: &Arc<Socket<A>>, packet: &mut Packet, ack: &Option<i64>) -> Result<Self, ParserError> {
        let Event(name) = Event::from_message_parts(socket, packet, ack)?;
        Ok(match &*name {
            "sendMessage" => Self::read(socket, packet, ack, "sendMessage", Request::SendMessage),
            "messagesRead" => Self::read(socket, packet, ack, "messagesRead", Request::MessagesRead),
            "typing" => Self::read(socket, packet, ack, "typing", Request::Typing),
            "presence:watch" => Self::read(socket, packet, ack, "presence:watch", Request::Watch),
            "presence:unwatch" => Self::read(socket, packet, ack, "presence:unwatch", Request::Unwatch),
            _ => Self { event: "unknown", request: Err(Error::Malformed("There is no such event.".to_owned())) },
        })
    }
}

impl Said {
    fn read<A: Adapter, T: DeserializeOwned>(
        socket: &Arc<Socket<A>>,
        packet: &mut Packet,
        ack: &Option<i64>,
        event: &'static str,
        request: fn(T) -> Request,
    ) -> Self {
        let Ok(TryData(payload)) = TryData::<T>::from_message_parts(socket, packet, ack);
        Self { event, request: payload.map(request).map_err(|error| malformed(event, &error)) }
    }
}

impl Clerk {
    /// The synchronous part: nothing in here waits.
    fn take(&self, event: &'static str, request: Result<Request>, answer: AckSender) {
        match self.connection.allow(self.events) {
            Allowance::Granted => {}
            Allowance::Refused => return self.refuse(event, answer, &self.too_many()),
            Allowance::Hostile => return self.connection.link.cut(Cut::Flood),
        }
        let request = match request {
            Ok(request) => request,
            Err(error) => return self.refuse(event, answer, &error),
        };
        match self.connection.enqueue(Command { request, answer }) {
            Ok(false) => {}
            Ok(true) => {
                let clerk = self.clone();
                self.hub.lifecycle().spawn(async move { clerk.work().await });
            }
            Err(command) => self.refuse(event, command.answer, &self.too_many()),
        }
    }

    /// Carries out this socket's commands until none is left.
    async fn work(&self) {
        while let Some(Command { request, answer }) = self.connection.dequeue() {
            let (event, outcome) = match request {
                Request::SendMessage(request) => {
                    let step = step!("event sendMessage", otel.kind = "server");
                    ("sendMessage", self.send_message(request).instrument(step).await)
                }
                Request::MessagesRead(request) => {
                    let step = step!("event messagesRead", otel.kind = "server");
                    ("messagesRead", self.messages_read(request).instrument(step).await)
                }
                Request::Typing(request) => ("typing", self.typing(&request)),
                Request::Unwatch(people) => ("presence:unwatch", self.unwatch(&people)),
                Request::Watch(people) => match self.watch(&people).await {
                    Ok(watched) => {
                        self.count("presence:watch", "ok");
                        watched.answer(&self.hub, |result| self.acknowledge(answer, result));
                        continue;
                    }
                    Err(error) => ("presence:watch", Err(error)),
                },
            };
            match outcome {
                Ok(result) => {
                    self.count(event, "ok");
                    self.acknowledge(answer, &result);
                }
                Err(error) => self.refuse(event, answer, &error),
            }
        }
    }

    async fn send_message(&self, request: SendMessage) -> Result<Value> {
        let receiver = request.receiver_id.parse::<UserId>()?;
        let client_id = request.client_id.as_deref().map(str::parse::<ClientId>).transpose()?;
        let draft = Draft { text: request.text, image: request.image, client_id };
        let message = self.hub.services().messages.send(self.connection.identity.user, receiver, draft).await?;
        Ok(json!({ "ok": true, "message": message }))
    }

    async fn messages_read(&self, request: MessagesRead) -> Result<Value> {
        let (other, up_to) = (request.user_id.parse::<UserId>()?, request.up_to.parse::<MessageId>()?);
        let mark = self.hub.services().reads.mark(self.connection.identity.user, other, up_to).await?;
        Ok(json!({ "ok": true, "userId": mark.user_id, "upTo": mark.up_to, "unreadCount": mark.unread_count }))
    }

    fn typing(&self, request: &Typing) -> Result<Value> {
        let receiver = request.receiver_id.parse::<UserId>()?;
        self.hub.services().typing.says(self.connection.identity.user, receiver, request.typing)?;
        Ok(json!({ "ok": true }))
    }

    async fn watch(&self, people: &People) -> Result<Watched> {
        presence::watch(&self.hub, &self.connection, &people.parse()?).await
    }

    fn unwatch(&self, people: &People) -> Result<Value> {
        presence::unwatch(&self.hub, &self.connection, &people.parse()?)?;
        Ok(json!({ "ok": true }))
    }

    fn refuse(&self, event: &'static str, answer: AckSender, error: &Error) {
        self.count(event, error.code());
        self.acknowledge(answer, &acknowledgement(error));
    }

    fn acknowledge(&self, answer: AckSender, result: &Value) {
        // A client that waited for an answer that never comes would wait for ever: let it notice, and ask again with its
        // clientId.
        if answer.send(&self.connection.link, result) == Sent::Full {
            self.hub.overflows(&self.connection.link);
        }
    }

    fn too_many(&self) -> Error {
        self.hub.metrics().rate_limited.with_label_values(&["event"]).inc();
        Error::RateLimited { retry_after: self.events.every.max(Duration::from_millis(1)) }
    }

    fn count(&self, event: &str, result: &str) {
        self.hub.metrics().received.with_label_values(&[event, result]).inc();
    }
}

fn malformed(event: &str, error: &ParserError) -> Error {
    Error::Malformed(format!("The payload of {event} is not what it should be: {error}"))
}

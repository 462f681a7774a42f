//! Answers to events. They go the way of the events: an answer may say what those before and after it build on.

use bytes::Bytes;
use serde_json::Value as Json;
use socketioxide::{
    SendError, SocketError,
    adapter::{Adapter, LocalAdapter},
    extract,
    handler::{FromMessageParts, Value},
    socket::Socket,
};
use std::{convert::Infallible, sync::Arc};

use crate::realtime::transport::{
    frame,
    link::Link,
    wire::{Sent, When},
};

/// Answers one event, if its client asked for that.
pub(super) struct AckSender<A: Adapter = LocalAdapter> {
    id: Option<i64>,
    socket: Arc<Socket<A>>,
}

impl<A: Adapter> FromMessageParts<A> for AckSender<A> {
    type Error = Infallible;

    fn from_message_parts(socket: &Arc<Socket<A>>, _: &mut Value, id: &Option<i64>) -> Result<Self, Infallible> {
        Ok(Self { id: *id, socket: socket.clone() })
    }
}

impl<A: Adapter> AckSender<A> {
    pub(super) fn send(self, link: &Link, answer: &Json) -> Sent {
        let Some(id) = self.id else { return Sent::Queued };
        link.send(When::Now, || frame::acknowledgement(id, answer), || self.queue(answer))
    }

    fn queue(&self, answer: &Json) -> Sent {
        let mut nothing = Value::Bytes(Bytes::new());
        let Ok(engine) = extract::AckSender::<A>::from_message_parts(&self.socket, &mut nothing, &self.id);
        match engine.send(answer) {
            Ok(()) => Sent::Queued,
            Err(SendError::Socket(SocketError::InternalChannelFull)) => Sent::Full,
            Err(_) => Sent::Gone,
        }
    }
}

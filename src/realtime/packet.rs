//! An event on its way to sockets.

use bytes::Bytes;
use serde::Serialize;
use std::cell::OnceCell;

use super::{
    connection::LocalSocket,
    transport::{
        frame,
        wire::{Sent, When},
    },
};

/// An event for one socket or many. What they get in common is rendered once.
pub(super) struct Packet<'a, T: ?Sized> {
    name: &'a str,
    payload: &'a T,
    /// The position that ends it, where stock clients find it.
    at: Option<&'a str>,
    frame: OnceCell<Option<Bytes>>,
}

impl<'a, T: Serialize + ?Sized> Packet<'a, T> {
    pub(super) fn new(name: &'a str, payload: &'a T, at: Option<&'a str>) -> Self {
        Self { name, payload, at, frame: OnceCell::new() }
    }

    /// Queues it to a socket, and writes it when `when` says, if the socket has a WebSocket.
    pub(super) fn send(&self, socket: &LocalSocket, when: When) -> Sent {
        if !socket.socket.connected() {
            return Sent::Gone;
        }
        let frame = || self.frame.get_or_init(|| frame::event(self.name, self.payload, self.at)).clone();
        socket.link().send(when, frame, || self.emit(socket))
    }

    fn emit(&self, socket: &LocalSocket) -> Sent {
        let emitted = match self.at {
            Some(at) => socket.socket.emit(self.name, &(self.payload, at)),
            None => socket.socket.emit(self.name, self.payload),
        };
        match emitted {
            Ok(()) => Sent::Queued,
            Err(_) if socket.socket.connected() => Sent::Full,
            Err(_) => Sent::Gone,
        }
    }
}

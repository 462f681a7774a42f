//! What a session keeps of the request that opened it. The engine holds on to a request's head for as long as the session
//! lives, and each piece of a head holds on to the 8 KiB into which hyper read it: so it is given a copy of what matters.

use axum::http::Uri;
use parking_lot::Mutex;
use socketioxide::{extract::SocketRef, socket::Socket};
use std::{
    ptr,
    sync::{Arc, Weak},
};

use super::{PATH, link::Link};
use crate::{
    model::{Result, session::Identity},
    realtime::connection::Connection,
};

/// What the connect middleware needs of the request that opened a session: in its extensions, instead of its headers.
pub(in crate::realtime) struct Opening {
    /// What the token of the `jwt` cookie claims, if there is one. The token itself is longer, and would be kept as long.
    pub(in crate::realtime) claimed: Result<Identity>,
    pub(in crate::realtime) link: Arc<Link>,
    /// On its way from the connect middleware to the connect handler. Not in the socket's own extensions: that map would
    /// stay with every socket. Its handlers own it: the engine holds on to a session that ended on its way in until
    /// `realtime.connect_timeout`, and for as long its person would be here.
    arriving: Mutex<Option<(usize, Weak<Connection>)>>,
}

impl Opening {
    pub(super) fn new(claimed: Result<Identity>, link: Arc<Link>) -> Self {
        Self { claimed, link, arriving: Mutex::default() }
    }

    /// Leaves a connection for [`Opening::arrived`].
    pub(in crate::realtime) fn arrives(&self, socket: &SocketRef, connection: &Arc<Connection>) {
        *self.arriving.lock() = Some((address(socket), Arc::downgrade(connection)));
    }

    /// What was left for this socket. Nothing, if its client left the namespace meanwhile and comes again on the same
    /// session: then that which comes is there.
    pub(in crate::realtime) fn arrived(&self, socket: &SocketRef) -> Option<Arc<Connection>> {
        let (_, connection) = self.arriving.lock().take_if(|(of, _)| *of == address(socket))?;
        connection.upgrade()
    }
}

/// Tells a session's sockets apart: they have the same id.
fn address(socket: &SocketRef) -> usize {
    ptr::from_ref::<Socket>(socket).addr()
}

/// What the engine reads of a request's address.
pub(super) fn slim_uri(uri: &Uri) -> Uri {
    let read = |pair: &&str| ["EIO=", "transport=", "sid=", "b64="].iter().any(|name| pair.starts_with(name));
    let query: Vec<&str> = uri.query().unwrap_or_default().split('&').filter(read).collect();
    match *query {
        ["EIO=4", "transport=websocket"] => Uri::from_static("/socket.io/?EIO=4&transport=websocket"),
        ["EIO=4", "transport=polling"] => Uri::from_static("/socket.io/?EIO=4&transport=polling"),
        // Of the characters of a URI, and shorter.
        _ => format!("{PATH}/?{}", query.join("&")).parse().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_is_kept_what_the_engine_reads() {
        for (said, kept) in [
            ("/socket.io/?EIO=4&transport=websocket", "/socket.io/?EIO=4&transport=websocket"),
            ("/socket.io/?EIO=4&transport=polling&t=abc123", "/socket.io/?EIO=4&transport=polling"),
            ("/socket.io?token=secret&transport=websocket&EIO=4", "/socket.io/?transport=websocket&EIO=4"),
            ("/socket.io/?EIO=4&transport=websocket&sid=AAA-b_1", "/socket.io/?EIO=4&transport=websocket&sid=AAA-b_1"),
            ("/socket.io/?EIO=3&transport=polling&b64=1", "/socket.io/?EIO=3&transport=polling&b64=1"),
            ("/socket.io/", "/socket.io/?"),
        ] {
            assert_eq!(slim_uri(&said.parse().unwrap()).to_string(), kept);
        }
    }
}

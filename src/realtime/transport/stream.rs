//! The stream under a WebSocket: the naked TCP connection with a kill switch, a deadline on writes, a `pid` for the
//! answer to CONNECT, and a way in for events that go past the engine.

use bytes::{Buf, Bytes};
use socket2::SockRef;
use std::{
    io::{self, Read},
    net::Shutdown,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::{Instant, Sleep},
};

use super::{
    frame::{self, Boundaries},
    link::{Cut, Link},
    scanner::Scanner,
    wire::Wire,
};

/// Cap on what the kernel buffers for one client: by itself it takes megabytes before a write blocks.
const SEND_BUFFER: usize = 128 * 1024;

/// What the scanner takes at a time: before CONNECT is answered there is not much to write.
const SCANNED: usize = 4096;

/// A TCP connection that [`Link::cut`] ends from outside, whatever its tasks wait for.
///
/// Vectored writes are not offered: the scanner would have to follow them.
pub(super) struct Guarded {
    wire: Arc<Wire>,
    /// Bytes that are read before those of the connection: frames that came glued to the upgrade request.
    unread: Bytes,
    /// Where the peer is in what it has sent; nothing between two frames.
    incoming: Option<Box<Boundaries>>,
    link: Arc<Link>,
    /// How long a write may make no progress.
    patience: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
    /// Changes the engine's first words, and goes when the answer to CONNECT was written.
    scanner: Option<Box<Scanner>>,
    /// Bytes at the beginning of what is written that are not for the peer.
    swallowed: u8,
    /// Whether the session ends with the stream.
    ends_session: bool,
    /// Whether events have to wait for others that the engine has queued.
    holds_events: bool,
    /// The connection's place under `http.max_connections`, kept for as long as the stream lives.
    _place: Option<Arc<OwnedSemaphorePermit>>,
}

/// How long a peer may let us wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// A write may make no progress for so long.
    pub(super) write: Duration,
    /// What was sent may stay unacknowledged for so long. Only the kernel sees that once nothing is written any more, in
    /// what a socket leaves behind in its buffers, too; it would keep trying for a quarter of an hour. Not less than the
    /// heartbeat takes to miss somebody: that one knows better why, and is not to be overtaken by a tunnel on the way.
    pub(super) silence: Duration,
    /// What it is told that it has for a pong.
    pub(super) pong: Duration,
    /// So many events may wait for it.
    pub(super) outbox: usize,
}

impl Guarded {
    pub(super) fn new(
        io: TcpStream,
        unread: Bytes,
        link: Arc<Link>,
        limits: Limits,
        place: Option<Arc<OwnedSemaphorePermit>>,
    ) -> Self {
        // Best effort: without them a stuck peer costs more memory or more time, nothing else.
        let _ = SockRef::from(&io).set_send_buffer_size(SEND_BUFFER);
        #[cfg(target_os = "linux")]
        let _ = SockRef::from(&io).set_tcp_user_timeout(Some(limits.silence));
        let scanner = (!link.is_answered()).then(|| Box::new(Scanner::new(limits.pong)));
        Self {
            wire: Arc::new(Wire::new(io, limits.outbox)),
            unread,
            incoming: None,
            link,
            patience: limits.write,
            deadline: None,
            scanner,
            swallowed: 0,
            ends_session: false,
            holds_events: true,
            _place: place,
        }
    }

    /// From here on the session's events come here, past the engine, and wait.
    pub(super) fn takes_events(&self) {
        self.link.leads_to(&self.wire);
    }

    /// Everything that the engine had queued of them is written: they need not wait for more than the answer to CONNECT.
    pub(super) fn passes_events(&mut self) {
        self.holds_events = false;
        self.settle();
    }

    /// Lets go of a scanner that is done, and of the events that waited for it.
    fn settle(&mut self) {
        let is_over =
            |scanner: &Scanner| scanner.ready().is_empty() && (scanner.is_done() || scanner.rests() && self.link.is_answered());
        if self.scanner.as_deref().is_none_or(is_over) {
            self.scanner = None;
            if !self.holds_events {
                self.wire.open();
            }
        }
    }

    /// What the peer is to read before everything else: written together with the first of that. It is no frame.
    pub(super) fn begins_with(&mut self, answer: Vec<u8>) {
        if let Some(scanner) = &mut self.scanner {
            self.wire.begins_with(answer.len());
            scanner.begins_with(answer);
        }
    }

    /// From here on the session that began with polling ends with the stream. The engine forgets that if the stream
    /// fails before it has seen the end of the upgrade, and the session would linger, deaf.
    pub(super) fn ends_session(&mut self) {
        self.ends_session = true;
    }

    /// Lets the engine read this first, and keeps the first bytes that it answers from the peer.
    pub(super) fn replays(&mut self, first: Bytes, swallowed: u8) {
        self.unread = if self.unread.is_empty() { first } else { [first, self.unread.split_off(0)].concat().into() };
        self.swallowed = swallowed;
    }

    fn alive(&self) -> io::Result<()> {
        match self.link.reason() {
            None => Ok(()),
            Some(reason) => {
                if matches!(reason, Cut::Stuck | Cut::Silent | Cut::Overflow | Cut::Flood) {
                    // The peer does not read: don't let the kernel keep what it will never take.
                    let _ = SockRef::from(&self.wire.io).set_linger(Some(Duration::ZERO));
                }
                Err(io::Error::new(io::ErrorKind::ConnectionAborted, reason.label()))
            }
        }
    }

    /// Writes to the connection, after the events that wait.
    fn put(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.put_events(cx))?;
            let written = self.wire.write(cx, data);
            if let Some(written) = ready!(self.patiently(cx, written))? {
                return Poll::Ready(Ok(written));
            }
        }
    }

    /// Writes the events that wait, unless the stream is within a frame.
    fn put_events(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let written = self.wire.flush(cx).map_ok(|written| written.then_some(()));
            if ready!(self.patiently(cx, written))?.is_none() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Starts the clock of a write that has to wait, stops it when something was written, and cuts the link when it ran out.
    fn patiently<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<Option<T>>>) -> Poll<io::Result<Option<T>>> {
        match written {
            Poll::Ready(Ok(None)) => Poll::Ready(Ok(None)),
            Poll::Ready(written) => {
                self.deadline = None;
                Poll::Ready(written.map_err(|error| self.judge(error)))
            }
            Poll::Pending => {
                let patience = self.patience;
                let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + patience)));
                deadline.as_mut().poll(cx).map(|()| {
                    self.link.cut(Cut::Stuck);
                    Err(io::Error::new(io::ErrorKind::TimedOut, "the peer stopped reading"))
                })
            }
        }
    }

    /// What the kernel gave up is a stuck peer, too.
    fn judge(&self, error: io::Error) -> io::Error {
        if error.kind() == io::ErrorKind::TimedOut {
            self.link.cut(Cut::Stuck);
        }
        error
    }

    /// Takes note of what was read. Whether it is a pong and nothing else, which is not for the engine; others do no harm
    /// there.
    fn hears(&mut self, read: &[u8]) -> bool {
        if self.incoming.is_none() && frame::is_pong(read) {
            return true;
        }
        let mut incoming = self.incoming.take().map_or_else(Boundaries::default, |incoming| *incoming);
        incoming.follow(read);
        self.incoming = (!incoming.is_between()).then(|| Box::new(incoming));
        false
    }

    /// Writes what the scanner holds ready, and lets go of a scanner that is done.
    fn drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Out of its place while it is written from, so that the rest of the stream can be used.
        let Some(mut scanner) = self.scanner.take() else { return Poll::Ready(Ok(())) };
        let drained = loop {
            if scanner.ready().is_empty() {
                break Poll::Ready(Ok(()));
            }
            match self.put(cx, scanner.ready()) {
                Poll::Ready(Ok(0)) => break Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => scanner.advance(written),
                Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                Poll::Pending => break Poll::Pending,
            }
        };
        self.scanner = Some(scanner);
        self.settle();
        drained
    }
}

impl AsyncRead for Guarded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.link.register_reader(cx);
        self.alive()?;
        if self.unread.has_remaining() {
            let n = self.unread.remaining().min(buf.remaining());
            let read = self.unread.split_to(n);
            self.hears(&read);
            buf.put_slice(&read);
            return Poll::Ready(Ok(()));
        }
        // The engine's writer looks here only when it has something itself; its reader always does.
        if let Poll::Ready(Err(error)) = self.put_events(cx) {
            return Poll::Ready(Err(error));
        }
        loop {
            ready!(self.wire.io.poll_read_ready(cx)).map_err(|error| self.judge(error))?;
            match try_read(&self.wire.io, buf.initialize_unfilled()) {
                Ok(read) => {
                    if read > 0 {
                        self.link.speaks();
                    }
                    if !self.hears(&buf.initialize_unfilled()[..read]) {
                        buf.advance(read);
                        return Poll::Ready(Ok(()));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(self.judge(error))),
            }
        }
    }
}

/// As `TcpStream::try_read`, but what doesn't fill the buffer was all that is there for now: the next read waits for the kernel's word,
/// instead of asking in vain. That is one call less for each pong. Within `try_io`, so that what arrives meanwhile counts as news.
fn try_read(io: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    let mut short = None;
    let read = io.try_io(Interest::READABLE, || match (&*SockRef::from(io)).read(buffer)? {
        read if (1..buffer.len()).contains(&read) => {
            short = Some(read);
            Err(io::ErrorKind::WouldBlock.into())
        }
        read => Ok(read),
    });
    short.map_or(read, Ok)
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.link.register_writer(cx);
        self.alive()?;
        if self.swallowed > 0 {
            let swallowed = data.len().min(usize::from(self.swallowed));
            self.swallowed -= swallowed as u8;
            return Poll::Ready(Ok(swallowed));
        }
        // What waits goes with what comes now, as long as that is little.
        if self.scanner.as_ref().is_some_and(|scanner| scanner.ready().len() >= SCANNED) {
            ready!(self.drain(cx))?;
        }
        let this = &mut *self;
        let Some(scanner) = &mut this.scanner else { return this.put(cx, data) };
        let data = &data[..data.len().min(SCANNED)];
        scanner.scan(data, || this.link.take_pid());
        // What the connection doesn't take now goes with the next write or the flush, which wait for it.
        match this.drain(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(data.len())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.link.register_writer(cx);
        self.alive()?;
        ready!(self.drain(cx))?;
        self.put_events(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.alive().is_ok() {
            self.link.register_writer(cx);
            ready!(self.drain(cx))?;
            ready!(self.put_events(cx))?;
        }
        match SockRef::from(&self.wire.io).shutdown(Shutdown::Write) {
            Err(error) if error.kind() != io::ErrorKind::NotConnected => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if self.ends_session {
            self.link.end_session();
        }
    }
}

#[cfg(test)]
mod tests;

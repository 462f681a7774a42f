//! The connection under a WebSocket, and the way of events past the engine: a frame that is rendered once for all sockets
//! of a person is written to each of them at once, by whoever has it, without waking a task.
//!
//! Two write here: the stream, what the engine's WebSocket gives it, in any pieces; and [`Wire::send`], whole frames. A
//! frame never stands within another one: it waits until the stream is between two of its own. What waits goes before
//! everything that the stream has not begun to write, so what is sent here first and queued to the engine later keeps its
//! order.

use bytes::{Buf, Bytes};
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    task::{Context, Poll, ready},
};
use tokio::net::TcpStream;

use super::frame::Boundaries;

/// Bytes that the events waiting for one peer may have on average. Most have a few hundred, and a message at most 8,000.
const AVERAGE: usize = 4096;

/// Waiting frames that are written at a time.
const SLICES: usize = 32;

/// What became of an event for one socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::realtime) enum Sent {
    Queued,
    /// Its outbox is full.
    Full,
    /// It has ended, or is about to.
    Gone,
}

/// How soon an event should be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::realtime) enum When {
    /// Before the call returns, if that can be: nobody has to be woken for it.
    Now,
    /// By the connection's own task, together with others that come right after it.
    Soon,
    /// As soon as [`Link::flush`](super::link::Link::flush) is called, which must follow.
    OnFlush,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) io: TcpStream,
    /// Frames that may wait. One alone may be as large as it likes.
    outbox: usize,
    out: Mutex<Out>,
}

/// What is on its way out.
#[derive(Debug, Default)]
struct Out {
    /// Where the stream is in what it writes.
    stream: Boundaries,
    /// Whether frames may be written: CONNECT was answered.
    open: bool,
    /// Whoever is idle pays for no queue.
    waiting: Option<Box<Waiting>>,
}

/// Frames that wait, the first one perhaps only in part. At least one.
#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<Bytes>,
    bytes: usize,
}

impl Out {
    /// Whether frames wait that go before what the stream writes next.
    fn is_due(&self) -> bool {
        self.open && self.waiting.is_some() && self.stream.is_between()
    }

    /// Writes some of what waits. It is due.
    fn write(&mut self, io: &TcpStream) -> io::Result<usize> {
        let Some(waiting) = &mut self.waiting else { return Ok(0) };
        let written = waiting.write(io)?;
        if waiting.frames.is_empty() {
            self.waiting = None;
        }
        Ok(written)
    }

    fn push(&mut self, frame: Bytes) {
        let waiting = self.waiting.get_or_insert_default();
        waiting.bytes += frame.len();
        waiting.frames.push_back(frame);
    }
}

impl Waiting {
    /// Whether another frame may wait behind these.
    fn has_room(&self, frame: &Bytes, outbox: usize) -> bool {
        self.frames.len() < outbox && self.bytes + frame.len() <= outbox.saturating_mul(AVERAGE)
    }

    fn write(&mut self, io: &TcpStream) -> io::Result<usize> {
        let written = match self.frames.front() {
            Some(frame) if self.frames.len() == 1 => io.try_write(frame)?,
            _ => {
                let mut slices = [IoSlice::new(&[]); SLICES];
                let count = self.frames.len().min(SLICES);
                slices.iter_mut().zip(&self.frames).for_each(|(slice, frame)| *slice = IoSlice::new(frame));
                io.try_write_vectored(&slices[..count])?
            }
        };
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.advance(written);
        Ok(written)
    }

    /// So many bytes were written.
    fn advance(&mut self, mut written: usize) {
        self.bytes -= written;
        while let Some(frame) = self.frames.front_mut() {
            if written < frame.len() {
                frame.advance(written);
                return;
            }
            written -= frame.len();
            self.frames.pop_front();
        }
    }
}

impl Wire {
    pub(super) fn new(io: TcpStream, outbox: usize) -> Self {
        Self { io, outbox, out: Mutex::default() }
    }

    /// The first bytes that the stream writes are no frame.
    pub(super) fn begins_with(&self, head: usize) {
        self.out.lock().stream = Boundaries::behind(head);
    }

    /// Sends a whole frame, or lets it wait if it must or may. `Ok(true)`: it waits for nothing but a call of
    /// [`Wire::flush`], which somebody has to see to.
    ///
    /// # Errors
    /// When too much waits, or the connection has failed.
    pub(super) fn send(&self, frame: &Bytes, when: When) -> Result<bool, Unsent> {
        let mut out = self.out.lock();
        let (is_first, may_begin) = (out.waiting.is_none(), out.open && out.stream.is_between());
        let mut rest = frame.clone();
        if is_first && may_begin && when == When::Now {
            match self.io.try_write(frame) {
                Ok(written) if written == frame.len() => return Ok(false),
                Ok(written) => rest.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(Unsent::Gone(error)),
            }
        } else if out.waiting.as_ref().is_some_and(|waiting| !waiting.has_room(frame, self.outbox)) {
            return Err(Unsent::Full);
        }
        out.push(rest);
        Ok(is_first && may_begin && when != When::OnFlush)
    }

    /// Writes the frames that wait, as far as the connection takes them now. `Ok(true)` as of [`Wire::send`].
    ///
    /// # Errors
    /// When the connection has failed.
    pub(super) fn try_flush(&self) -> io::Result<bool> {
        let mut out = self.out.lock();
        while out.is_due() {
            match out.write(&self.io) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// Whether frames wait only because the peer doesn't read.
    pub(super) fn is_stuck(&self) -> bool {
        let out = self.out.lock();
        out.open && out.waiting.is_some()
    }

    /// From here on frames may be written.
    pub(super) fn open(&self) {
        self.out.lock().open = true;
    }

    /// Forgets what waits, unless it may have been begun.
    pub(super) fn forget_unopened(&self) {
        let mut out = self.out.lock();
        if !out.open {
            out.waiting = None;
        }
    }

    /// Writes what the stream has. `None`: frames wait that go before it, see [`Wire::flush`].
    pub(super) fn write(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<Option<usize>>> {
        let mut out = self.out.lock();
        if out.is_due() {
            return Poll::Ready(Ok(None));
        }
        // Frames that wait come after the one that has been begun.
        let data = if out.open && out.waiting.is_some() { &data[..out.stream.left_of_frame(data)] } else { data };
        let written = ready!(self.try_until_blocked(cx, || self.io.try_write(data)))?;
        out.stream.follow(&data[..written]);
        Poll::Ready(Ok(Some(written)))
    }

    /// Writes some of the frames that wait. False if none does, or the stream is within a frame and goes on with that first.
    pub(super) fn flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut out = self.out.lock();
        if !out.is_due() {
            return Poll::Ready(Ok(false));
        }
        ready!(self.try_until_blocked(cx, || out.write(&self.io)))?;
        Poll::Ready(Ok(true))
    }

    fn try_until_blocked(&self, cx: &mut Context<'_>, mut write: impl FnMut() -> io::Result<usize>) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.io.poll_write_ready(cx))?;
            match write() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }
}

/// Why a frame was not sent.
#[derive(Debug)]
pub(super) enum Unsent {
    Full,
    Gone(io::Error),
}

#[cfg(test)]
mod tests;

//! The event loop: one thread that owns all sockets. What it costs is what the kernel takes for a read and a write.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr},
    ops::Range,
    process::id,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use mio::{Events, Interest, Poll, Token, Waker, event::Event, net::TcpStream};
use socket2::{Domain, Protocol, Socket, Type};

use crate::timer::Timer;

/// A connection, for as long as it is open.
pub(crate) type Id = usize;

const TIMER: Token = Token(usize::MAX - 1);
const WAKER: Token = Token(usize::MAX - 2);
const BUFFER: usize = 1 << 18;
/// Whoever comes to its work later than this was short of CPU, and its figures suffer.
const LATE: Duration = Duration::from_millis(5);
/// How often the loop looks whether it is late.
const HEARTBEAT: Duration = Duration::from_millis(20);

/// What is done with the connections.
pub(crate) trait App {
    /// Called before each wait: answers until when to wait at most, or `None` at the end.
    fn turn(&mut self, net: &mut Net, now: Instant) -> Result<Option<Instant>>;
    /// Bytes came. Answers how many of them it is done with: the others come again, with what follows. An error closes the connection.
    fn received(&mut self, net: &mut Net, id: Id, data: &[u8]) -> Result<usize>;
    /// The connection ended, and not by `Net::close`.
    fn closed(&mut self, net: &mut Net, id: Id, why: &str) -> Result<()>;
}

/// Addresses and ports of this machine from which connections to it come, each once: one address has too few ports for everybody, and a kernel
/// that looks for a free one among tens of thousands takes a millisecond.
struct Sources {
    process: u8,
    next: u32,
}

impl Sources {
    /// Of each address: those that programs are seldom found on.
    const PORTS: Range<u16> = 20_000..60_000;

    /// Begins somewhere else in each run: the kernel keeps connections of the run before for a while.
    fn new(process: u8) -> Self {
        Self { process, next: id().wrapping_mul(Self::PORTS.len() as u32 + 997) }
    }

    fn bind(&mut self, socket: &Socket) -> Result<()> {
        socket.set_reuse_address(true)?;
        for _ in Self::PORTS {
            let source = self.next();
            match socket.bind(&source.into()) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                done => return done.with_context(|| format!("cannot connect from {source}")),
            }
        }
        bail!("no free port on this machine")
    }

    fn next(&mut self) -> SocketAddr {
        let ports = Self::PORTS.len() as u32;
        let host = (self.next / ports % 254) as u8 + 1;
        let port = Self::PORTS.start + (self.next % ports) as u16;
        self.next = self.next.wrapping_add(1);
        SocketAddr::new(Ipv4Addr::new(127, 0, self.process.wrapping_add(1), host).into(), port)
    }
}

struct Connection {
    stream: TcpStream,
    /// What the kernel had no room for yet.
    unsent: Vec<u8>,
    /// What came of something whose end has not come yet.
    rest: Vec<u8>,
}

pub(crate) struct Net {
    poll: Poll,
    timer: Timer,
    waker: Arc<Waker>,
    open: Vec<Option<Connection>>,
    free: Vec<Id>,
    buffer: Vec<u8>,
    sources: Sources,
    /// How often the loop was late.
    pub(crate) late: u64,
}

impl Net {
    /// `process`: which one it is of those that connect to the same servers.
    pub(crate) fn new(process: u8) -> Result<Self> {
        let poll = Poll::new()?;
        let timer = Timer::new(poll.registry(), TIMER)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let (open, free, buffer) = (Vec::new(), Vec::new(), vec![0; BUFFER]);
        let sources = Sources::new(process);
        Ok(Self { poll, timer, waker, open, free, buffer, sources, late: 0 })
    }

    /// Wakes the loop from another thread.
    pub(crate) fn waker(&self) -> Arc<Waker> {
        self.waker.clone()
    }

    /// Begins to open a connection, and queues what is to be said first.
    pub(crate) fn open(&mut self, address: SocketAddr, first: &[u8]) -> Result<Id> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP)).context("no more sockets")?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if address.ip().is_loopback() && address.is_ipv4() {
            self.sources.bind(&socket)?;
        }
        match socket.connect(&address.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(IN_PROGRESS) || error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error).with_context(|| format!("cannot connect to {address}")),
        }
        let mut stream = TcpStream::from_std(socket.into());
        let id = self.free.pop().unwrap_or_else(|| {
            self.open.push(None);
            self.open.len() - 1
        });
        self.poll.registry().register(&mut stream, Token(id), Interest::READABLE | Interest::WRITABLE)?;
        self.open[id] = Some(Connection { stream, unsent: Vec::new(), rest: Vec::new() });
        self.send(id, first);
        Ok(id)
    }

    /// Writes, or queues what there is no room for. That a connection is broken is told by `App::closed`.
    pub(crate) fn send(&mut self, id: Id, bytes: &[u8]) {
        let Some(connection) = self.open.get_mut(id).and_then(Option::as_mut) else { return };
        let written = if connection.unsent.is_empty() { connection.stream.write(bytes).unwrap_or(0) } else { 0 };
        connection.unsent.extend_from_slice(&bytes[written..]);
    }

    pub(crate) fn close(&mut self, id: Id) {
        if self.open.get_mut(id).and_then(Option::take).is_some() {
            self.free.push(id);
        }
    }

    /// Runs until the app says that it is done.
    pub(crate) fn run(&mut self, app: &mut impl App) -> Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            let now = Instant::now();
            let Some(until) = app.turn(self, now)? else { return Ok(()) };
            let until = until.min(now + HEARTBEAT);
            let wait = until.saturating_duration_since(Instant::now());
            let limit = if wait.is_zero() { Some(wait) } else { self.timer.wakes_after(wait)? };
            match self.poll.poll(&mut events, limit) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error.into()),
                _ => {}
            }
            if Instant::now() > until + LATE {
                self.late += 1;
            }
            for event in &events {
                if event.token().0 < WAKER.0 {
                    self.happens(app, event)?;
                }
            }
        }
    }

    fn happens(&mut self, app: &mut impl App, event: &Event) -> Result<()> {
        let id = event.token().0;
        if event.is_writable() {
            self.flush(id);
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            let mut buffer = std::mem::take(&mut self.buffer);
            let end = self.read(app, id, &mut buffer, event.is_read_closed() || event.is_error());
            self.buffer = buffer;
            if let Err(why) = end {
                self.close(id);
                app.closed(self, id, &format!("{why:#}"))?;
            }
        }
        Ok(())
    }

    fn flush(&mut self, id: Id) {
        let Some(connection) = self.open.get_mut(id).and_then(Option::as_mut) else { return };
        if !connection.unsent.is_empty()
            && let Ok(written) = connection.stream.write(&connection.unsent)
        {
            connection.unsent.drain(..written);
            if connection.unsent.is_empty() {
                connection.unsent = Vec::new();
            }
        }
    }

    /// Reads what there is. An error is why the connection is at its end.
    fn read(&mut self, app: &mut impl App, id: Id, buffer: &mut [u8], ends: bool) -> Result<()> {
        while let Some(connection) = self.open.get_mut(id).and_then(Option::as_mut) {
            match connection.stream.read(buffer) {
                Ok(0) => anyhow::bail!("the server closed the connection"),
                Ok(length) => {
                    self.hands(app, id, &buffer[..length])?;
                    // A read that did not fill the buffer took everything; the kernel tells of what comes later.
                    if length < buffer.len() && !ends {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn hands(&mut self, app: &mut impl App, id: Id, new: &[u8]) -> Result<()> {
        let mut rest = self.open[id].as_mut().map(|connection| std::mem::take(&mut connection.rest)).unwrap_or_default();
        if rest.is_empty() {
            let done = app.received(self, id, new)?;
            if done == new.len() {
                return Ok(());
            }
            rest.extend_from_slice(&new[done..]);
        } else {
            rest.extend_from_slice(new);
            let done = app.received(self, id, &rest)?;
            rest.drain(..done);
        }
        if let Some(connection) = self.open[id].as_mut() {
            connection.rest = rest;
        }
        Ok(())
    }
}

/// `EINPROGRESS`, for which the standard library has no stable name.
#[cfg(target_os = "linux")]
const IN_PROGRESS: i32 = 115;
#[cfg(not(target_os = "linux"))]
const IN_PROGRESS: i32 = 36;

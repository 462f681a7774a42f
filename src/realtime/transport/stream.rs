//! The stream under a WebSocket: the naked TCP connection with a kill switch, a deadline on writes, and a `pid` for the
//! answer to CONNECT.

use bytes::{Buf, Bytes};
use socket2::SockRef;
use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::{Instant, Sleep},
};

use super::{
    link::{Cut, Link},
    pid::Scanner,
};

/// Cap on what the kernel buffers for one client: by itself it takes megabytes before a write blocks.
const SEND_BUFFER: usize = 128 * 1024;

/// What the scanner takes at a time: before CONNECT is answered there is not much to write.
const SCANNED: usize = 4096;

/// A TCP connection that [`Link::cut`] ends from outside, whatever its tasks wait for.
///
/// Vectored writes are not offered: the scanner would have to follow them.
pub(super) struct Guarded {
    io: TcpStream,
    /// Bytes that are read before those of the connection: frames that came glued to the upgrade request.
    unread: Bytes,
    link: Arc<Link>,
    /// How long a write may make no progress.
    patience: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
    /// Looks for the answer to CONNECT, and goes when that was written.
    scanner: Option<Box<Scanner>>,
    /// Bytes at the beginning of what is written that are not for the peer.
    swallowed: u8,
    /// Whether the session ends with the stream.
    ends_session: bool,
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
        let scanner = (!link.is_answered()).then(Box::default);
        Self {
            io,
            unread,
            link,
            patience: limits.write,
            deadline: None,
            scanner,
            swallowed: 0,
            ends_session: false,
            _place: place,
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
                if matches!(reason, Cut::Stuck | Cut::Overflow | Cut::Flood) {
                    // The peer does not read: don't let the kernel keep what it will never take.
                    let _ = SockRef::from(&self.io).set_linger(Some(Duration::ZERO));
                }
                Err(io::Error::new(io::ErrorKind::ConnectionAborted, reason.label()))
            }
        }
    }

    /// Writes to the connection. Starts the clock of a write that has to wait, and cuts the link when it ran out.
    fn put(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.io).poll_write(cx, data) {
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
        let over = scanner.ready().is_empty() && (scanner.is_done() || scanner.rests() && self.link.is_answered());
        self.scanner = (!over).then_some(scanner);
        drained
    }
}

impl AsyncRead for Guarded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.link.register_reader(cx);
        self.alive()?;
        if self.unread.has_remaining() {
            let n = self.unread.remaining().min(buf.remaining());
            buf.put_slice(&self.unread.split_to(n));
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.io).poll_read(cx, buf).map_err(|error| self.judge(error))
    }
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
        ready!(self.drain(cx))?;
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
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.alive().is_ok() {
            self.link.register_writer(cx);
            ready!(self.drain(cx))?;
        }
        Pin::new(&mut self.io).poll_shutdown(cx)
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
mod tests {
    use super::{super::link::Links, *};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
        sync::mpsc,
    };

    const LONG: Duration = Duration::from_secs(60);

    async fn pair(write: Duration) -> (Guarded, TcpStream, Arc<Link>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (peer, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let link = Links::new(mpsc::channel(1).0).open();
        let limits = Limits { write, silence: LONG };
        let stream = Guarded::new(accepted.unwrap().0, Bytes::from_static(b"glued"), link.clone(), limits, None);
        (stream, peer.unwrap(), link)
    }

    #[tokio::test]
    async fn what_came_with_the_request_is_read_first() {
        let (mut stream, mut peer, _link) = pair(LONG).await;
        peer.write_all(b" then").await.unwrap();
        let mut read = [0; 10];
        stream.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"glued then");
    }

    #[tokio::test]
    async fn a_replay_is_read_before_everything_else_and_its_answer_is_not_written() {
        let (mut stream, mut peer, _link) = pair(LONG).await;
        stream.replays(Bytes::from_static(b"first "), 5);
        let mut read = [0; 11];
        stream.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"first glued");
        stream.write_all(b"swallowed").await.unwrap();
        stream.flush().await.unwrap();
        let mut written = [0; 4];
        peer.read_exact(&mut written).await.unwrap();
        assert_eq!(&written, b"owed");
    }

    #[tokio::test]
    async fn a_cut_ends_a_read_that_waits() {
        let (stream, _peer, link) = pair(LONG).await;
        let (mut reader, _writer) = tokio::io::split(stream);
        let mut buffer = [0; 16];
        assert_eq!(reader.read(&mut buffer).await.unwrap(), 5);
        let (read, ()) = tokio::join!(reader.read(&mut buffer), async { link.cut(Cut::Revoked) });
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }

    #[tokio::test]
    async fn a_peer_that_never_reads_is_cut_after_the_deadline() {
        for scanned in [true, false] {
            let (mut stream, _peer, link) = pair(Duration::from_millis(20)).await;
            if !scanned {
                stream.scanner = None;
            }
            let block = vec![0x80; 1 << 20];
            let failed = loop {
                // As frames of 128 bytes of nothing, which the scanner follows.
                if let Err(failed) = stream.write_all(&[&[0x82, 126, 0x10, 0][..], &block[..4096]].concat()).await {
                    break failed;
                }
            };
            assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
            assert_eq!(link.reason(), Some(Cut::Stuck));
        }
    }

    #[tokio::test]
    async fn a_flush_waits_for_what_the_scanner_holds_and_is_cut_after_the_deadline() {
        let (mut stream, _peer, link) = pair(Duration::from_millis(20)).await;
        // Fill the connection past the scanner, so that what it holds has nowhere to go.
        let mut scanner = stream.scanner.take();
        let block = vec![0; 1 << 16];
        while futures_util::poll!(std::pin::pin!(stream.write(&block))).is_ready() {}
        scanner.as_mut().unwrap().scan(&[0x89, 0], || None);
        (stream.scanner, stream.deadline) = (scanner, None);
        assert_eq!(stream.flush().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(link.reason(), Some(Cut::Stuck));
    }

    #[tokio::test]
    async fn the_answer_to_connect_gets_its_pid_and_the_scanner_goes() {
        let (mut stream, mut peer, link) = pair(LONG).await;
        link.set_pid("1.2.x".to_owned());
        let written = b"\x81\x012\x81\x0f40{\"sid\":\"abc\"}\x81\x0242";
        for piece in written.chunks(7) {
            assert!(stream.scanner.is_some() || link.is_answered());
            stream.write_all(piece).await.unwrap();
        }
        assert!(stream.scanner.is_none());
        stream.write_all(b"\x81\x013").await.unwrap();
        let expected = b"\x81\x012\x81\x1d40{\"sid\":\"abc\",\"pid\":\"1.2.x\"}\x81\x0242\x81\x013";
        let mut read = vec![0; expected.len()];
        peer.read_exact(&mut read).await.unwrap();
        assert_eq!(read, expected);
    }

    #[tokio::test]
    async fn a_stream_whose_connect_was_answered_elsewhere_scans_nothing() {
        let (mut stream, _peer, link) = pair(LONG).await;
        stream.write_all(b"\x81\x012").await.unwrap();
        assert!(stream.scanner.is_some());
        link.take_pid();
        stream.write_all(b"\x81\x012").await.unwrap();
        assert!(stream.scanner.is_none());
    }
}

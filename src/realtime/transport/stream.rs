//! The stream under a WebSocket: the naked TCP connection with a kill switch and a deadline on writes.

use bytes::{Buf, Bytes};
use socket2::SockRef;
use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, mpsc},
    time::{Instant, Sleep},
};

use super::link::{Cut, Link};

/// Cap on what the kernel buffers for one client: by itself it takes megabytes before a write blocks.
const SEND_BUFFER: usize = 128 * 1024;

/// A TCP connection that [`Link::cut`] ends from outside, whatever its tasks wait for.
pub(super) struct Guarded {
    io: TcpStream,
    /// Frames that came glued to the upgrade request.
    unread: Bytes,
    link: Arc<Link>,
    /// How long a write may make no progress.
    patience: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
    upgrade: Option<Upgrade>,
    /// The connection's place under `http.max_connections`, kept for as long as the stream lives.
    _place: Option<Arc<OwnedSemaphorePermit>>,
}

/// What is due when the stream of an *upgraded* session ends. The engine forgets to close such a session when the
/// upgrade itself fails, and it would linger, deaf.
pub(super) struct Upgrade {
    pub(super) sid: Box<str>,
    pub(super) closer: mpsc::Sender<Box<str>>,
}

impl Guarded {
    pub(super) fn new(
        io: TcpStream,
        unread: Bytes,
        link: Arc<Link>,
        patience: Duration,
        upgrade: Option<Upgrade>,
        place: Option<Arc<OwnedSemaphorePermit>>,
    ) -> Self {
        // Best effort: without it a stuck peer costs more memory, nothing else.
        let _ = SockRef::from(&io).set_send_buffer_size(SEND_BUFFER);
        Self { io, unread, link, patience, deadline: None, upgrade, _place: place }
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

    /// Starts the clock of a write that has to wait, and cuts the link when it ran out.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let patience = self.patience;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + patience)));
        deadline.as_mut().poll(cx).map(|()| {
            self.link.cut(Cut::Stuck);
            io::Error::new(io::ErrorKind::TimedOut, "the peer stopped reading")
        })
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
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.link.register_writer(cx);
        self.alive()?;
        match Pin::new(&mut self.io).poll_write(cx, data) {
            Poll::Ready(written) => {
                self.deadline = None;
                Poll::Ready(written)
            }
            Poll::Pending => self.wait(cx).map(Err),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.alive()?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if let Some(Upgrade { sid, closer }) = self.upgrade.take() {
            let _ = closer.try_send(sid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::link::Links, *};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    async fn pair(patience: Duration) -> (Guarded, TcpStream, Arc<Link>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (peer, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let link = Links::new(mpsc::channel(1).0).open();
        let stream = Guarded::new(accepted.unwrap().0, Bytes::from_static(b"glued"), link.clone(), patience, None, None);
        (stream, peer.unwrap(), link)
    }

    #[tokio::test]
    async fn what_came_with_the_request_is_read_first() {
        let (mut stream, mut peer, _link) = pair(Duration::from_secs(60)).await;
        peer.write_all(b" then").await.unwrap();
        let mut read = [0; 10];
        stream.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"glued then");
    }

    #[tokio::test]
    async fn a_cut_ends_a_read_that_waits() {
        let (stream, _peer, link) = pair(Duration::from_secs(60)).await;
        let (mut reader, _writer) = tokio::io::split(stream);
        let mut buffer = [0; 16];
        assert_eq!(reader.read(&mut buffer).await.unwrap(), 5);
        let (read, ()) = tokio::join!(reader.read(&mut buffer), async { link.cut(Cut::Revoked) });
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }

    #[tokio::test]
    async fn a_peer_that_never_reads_is_cut_after_the_deadline() {
        let (mut stream, _peer, link) = pair(Duration::from_millis(20)).await;
        let block = vec![0; 1 << 20];
        let failed = loop {
            if let Err(failed) = stream.write_all(&block).await {
                break failed;
            }
        };
        assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
        assert_eq!(link.reason(), Some(Cut::Stuck));
    }
}

//! A peer at the other end of a bare TCP connection, for what no library would do: it says CONNECT, and nothing more
//! comes from it, nor does it read.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use super::{TestUser, hub::TestNode, soon};

/// What it lets the kernel take in for it; the kernel rounds up.
const RECEIVE_BUFFER: u32 = 4096;

/// A connected socket that nobody serves any more.
pub(crate) struct SilentPeer {
    _stream: TcpStream,
    /// All that it was told up to the answer to CONNECT.
    pub(crate) heard: Vec<u8>,
}

impl SilentPeer {
    /// Connects by WebSocket with this person's cookie, and falls silent when CONNECT was answered.
    pub(crate) async fn connects(node: &TestNode, user: &TestUser) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(RECEIVE_BUFFER).unwrap();
        let mut stream = soon("the connection", socket.connect(node.address())).await.unwrap();
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2lsZW50IHBlZXIgb25lIQ==\r\nCookie: jwt={}\r\n\r\n",
            node.address(),
            user.token
        );
        // With CONNECT glued to it: a masked frame of text.
        stream.write_all(&[request.as_bytes(), b"\x81\x82\0\0\0\x0040"].concat()).await.unwrap();
        let mut heard = Vec::new();
        while !heard.windows(9).any(|window| window == br#"40{"sid":"#) {
            let read = soon("the answer to CONNECT", stream.read_buf(&mut heard)).await.unwrap();
            assert!(read > 0, "refused: {}", String::from_utf8_lossy(&heard));
        }
        Self { _stream: stream, heard }
    }
}

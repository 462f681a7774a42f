//! A network that can fail: a TCP proxy between a node and what it needs.

use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What happens to connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Network {
    Up,
    /// Those that stand are cut, new ones are cut at once.
    Down,
    /// Whoever says this is cut when the answer is there, without getting it.
    UntilSaid(&'static str),
    /// The same, and then it is down.
    UpTo(&'static str),
    /// The proxy was dropped.
    Gone,
}

impl Network {
    fn cuts(self) -> bool {
        matches!(self, Self::Down | Self::Gone)
    }
}

/// Everything that goes through it ends with it.
pub(crate) struct Proxy {
    address: SocketAddr,
    network: watch::Sender<Network>,
}

impl Proxy {
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (network, watching) = watch::channel(Network::Up);
        tokio::spawn(accept(listener, target, watching, network.clone()));
        Self { address, network }
    }

    /// The same URL, through this proxy.
    pub(crate) async fn before(url: &str) -> (Self, String) {
        let (rest, path) = url.rsplit_once('/').expect("a URL with a path");
        let (head, target) = rest.rsplit_once(['@', '/']).expect("a URL with a host");
        let proxy = Self::to(target.parse().expect("an address and a port")).await;
        let separator = if rest.contains('@') { '@' } else { '/' };
        let through = format!("{head}{separator}{}/{path}", proxy.address);
        (proxy, through)
    }

    pub(crate) fn cuts(&self) {
        self.network.send_replace(Network::Down);
    }

    /// From now on each connection is cut between this word's being done and the answer.
    pub(crate) fn loses_the_answer_to(&self, word: &'static str) {
        self.network.send_replace(Network::UntilSaid(word));
    }

    /// The first connection on which this word is said is cut between its being done and the answer, and all others with it.
    pub(crate) fn goes_away_after(&self, word: &'static str) {
        self.network.send_replace(Network::UpTo(word));
    }

    pub(crate) fn heals(&self) {
        self.network.send_replace(Network::Up);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.network.send_replace(Network::Gone);
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, watching: watch::Receiver<Network>, network: watch::Sender<Network>) {
    let mut until_dropped = watching.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = until_dropped.wait_for(|network| *network == Network::Gone) => return,
        };
        let Ok((client, _)) = accepted else { return };
        tokio::spawn(carry(client, target, watching.clone(), network.clone()));
    }
}

async fn carry(client: TcpStream, target: SocketAddr, mut watching: watch::Receiver<Network>, network: watch::Sender<Network>) {
    if watching.borrow().cuts() {
        return;
    }
    let Ok(server) = TcpStream::connect(target).await else { return };
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) = (client.into_split(), server.into_split());
    let watched = watching.clone();
    let up = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
            to_server.write_all(&buffer[..read]).await?;
            if let Network::UntilSaid(word) | Network::UpTo(word) = *watched.borrow()
                && buffer[..read].windows(word.len()).any(|said| said == word.as_bytes())
            {
                return Ok(true);
            }
        }
        std::io::Result::Ok(false)
    };
    let down = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
            if to_client.write_all(&buffer[..read]).await.is_err() {
                break;
            }
        }
    };
    let said = tokio::select! {
        said = up => matches!(said, Ok(true)),
        () = down => false,
        _ = watching.wait_for(|network| network.cuts()) => false,
    };
    if said {
        // The answer is there, so what was asked is done; the asker never hears of it.
        let _ = from_server.read(&mut [0; 1]).await;
        network.send_if_modified(|state| {
            let goes = matches!(state, Network::UpTo(_));
            if goes {
                *state = Network::Down;
            }
            goes
        });
    }
}

//! A network that can fail: a TCP proxy between a node and what it needs.

use std::net::SocketAddr;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What happens to connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Network {
    Up,
    /// Those that stand are cut, new ones are cut at once.
    Down,
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
        tokio::spawn(accept(listener, target, watching));
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

    pub(crate) fn heals(&self) {
        self.network.send_replace(Network::Up);
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, watching: watch::Receiver<Network>) {
    let mut until_dropped = watching.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // The proxy's owner is gone.
            Err(_) = until_dropped.wait_for(|_| false) => return,
        };
        let Ok((client, _)) = accepted else { return };
        tokio::spawn(carry(client, target, watching.clone()));
    }
}

async fn carry(mut client: TcpStream, target: SocketAddr, mut watching: watch::Receiver<Network>) {
    if *watching.borrow() == Network::Down {
        return;
    }
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = watching.wait_for(|network| *network == Network::Down) => {}
    }
}

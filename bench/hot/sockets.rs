//! From the pump to the sockets: an entry of somebody's log, offered, rendered and written to their connections.

use divan::{Bencher, counter::ItemsCount};
use futures_util::{SinkExt, StreamExt};
use hubbub::{
    app::App,
    backplane::Backplane,
    domain::sessions::Sessions,
    lifecycle::Lifecycle,
    metrics::Metrics,
    model::{Clock, UserId},
    recent::Recent,
    store::Store,
};
use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};
use tokio_util::task::TaskTracker;

use crate::world;

/// Somebody who isn't here, as most of those whom a node is told of during a move.
#[divan::bench]
fn nobody(bencher: Bencher<'_, '_>) {
    let runtime = world::runtime();
    let stage = runtime.block_on(Stage::with(0));
    let event = world::event();
    bencher.bench_local(|| stage.app.realtime().offer(stage.user, 1, &event));
    runtime.block_on(stage.app.shut_down());
}

/// Somebody with so many sockets; with more than these, tasks write to them.
#[divan::bench(args = [1, 4, 32])]
fn emits(bencher: Bencher<'_, '_>, sockets: usize) {
    let runtime = world::runtime();
    let stage = runtime.block_on(Stage::with(sockets));
    let (event, seq) = (world::event(), Cell::new(1_i64));
    stage.app.realtime().offer(stage.user, seq.get(), &event);
    // From here on nothing waits for the end of a handshake.
    runtime.block_on(stage.have_heard(sockets));
    bencher.counter(ItemsCount::new(sockets)).bench_local(|| {
        seq.set(seq.get() + 1);
        assert_eq!(stage.app.realtime().offer(stage.user, seq.get(), &event), 1, "the next number");
    });
    runtime.block_on(stage.have_heard(seq.get() as usize * sockets));
    runtime.block_on(stage.app.shut_down());
}

/// A hub, and somebody whose clients read.
struct Stage {
    app: App,
    user: UserId,
    heard: Arc<AtomicUsize>,
    _folder: TempDir,
}

impl Stage {
    async fn with(sockets: usize) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let config = world::config(&folder);
        let app = App::start(config.clone()).await.expect("a hub");
        let (clock, metrics) = (Clock::default(), Metrics::new().expect("metrics"));
        let store =
            Store::connect(&config.database, clock.clone(), metrics.clone(), &TaskTracker::new()).await.expect("its database");
        let (backplane, _) = Backplane::local(&Lifecycle::new(), metrics, Recent::new(0, clock.clone()));
        let sessions = Sessions::new(store.clone(), backplane, &config.auth, clock).expect("a secret");
        let user = world::person(&store).await;
        let (_, token) = sessions.open(user).await.expect("a session");
        let heard = Arc::default();
        for _ in 0..sockets {
            connect(&app, &token, &heard).await;
        }
        Self { app, user, heard, _folder: folder }
    }

    /// Waits until the clients have got so many messages: what is not written costs nothing.
    async fn have_heard(&self, messages: usize) {
        let all = async {
            while self.heard.load(Ordering::Relaxed) < messages {
                sleep(Duration::from_millis(1)).await;
            }
        };
        if timeout(Duration::from_secs(10), all).await.is_err() {
            panic!("{} of {messages} messages came", self.heard.load(Ordering::Relaxed));
        }
    }
}

/// A client that is connected, reads whatever comes, and counts the messages.
async fn connect(app: &App, token: &str, heard: &Arc<AtomicUsize>) {
    let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket", app.http());
    let mut request = url.into_client_request().expect("an address");
    request.headers_mut().insert("cookie", format!("jwt={token}").parse().expect("a token"));
    let (mut socket, _) = connect_async(request).await.expect("a WebSocket");
    socket.send(Message::text("40")).await.expect("CONNECT");
    loop {
        let told = socket.next().await.expect("an answer").expect("a frame").into_text().expect("text");
        assert!(!told.starts_with("44"), "{told}");
        // Live: the list of who is online comes with that.
        if told.starts_with("42") {
            break;
        }
    }
    let heard = heard.clone();
    tokio::spawn(async move {
        while let Some(Ok(frame)) = socket.next().await {
            if frame.to_text().is_ok_and(|text| text.starts_with("42[\"newMessage\"")) {
                heard.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
}

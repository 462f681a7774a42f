//! Who a token names: every request and every socket shows one.

use divan::Bencher;
use hubbub::{
    backplane::Backplane, domain::sessions::Sessions, lifecycle::Lifecycle, metrics::Metrics, model::Clock, recent::Recent,
    store::Store,
};
use std::time::Duration;
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

use crate::world;

/// As `cluster.revocation_poll` is.
const POLL: Duration = Duration::from_millis(500);

/// The signature alone, as at the beginning of a connection.
#[divan::bench]
fn reads(bencher: Bencher<'_, '_>) {
    let runtime = world::runtime();
    let (sessions, token, _folder) = runtime.block_on(session());
    bencher.bench_local(|| sessions.read(&token).expect("our own"));
}

/// And whether its session lives, from the cache, as with each request.
#[divan::bench]
fn authenticates(bencher: Bencher<'_, '_>) {
    let runtime = world::runtime();
    let (sessions, token, _folder) = runtime.block_on(session());
    runtime.block_on(async {
        sessions.poll_revoked().await.expect("the database answers");
        sessions.authenticate(&token).await.expect("our own");
        // Without these the cache would stand aside.
        let polling = sessions.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(POLL).await;
                polling.poll_revoked().await.expect("the database answers");
            }
        });
    });
    bencher.bench_local(|| runtime.block_on(sessions.authenticate(&token)).expect("our own"));
}

async fn session() -> (Sessions, String, TempDir) {
    let folder = TempDir::new().expect("a temporary folder");
    let config = world::config(&folder);
    let (clock, metrics, lifecycle) = (Clock::default(), Metrics::new().expect("metrics"), Lifecycle::new());
    let store = Store::connect(&config.database, clock.clone(), metrics.clone(), &TaskTracker::new()).await.expect("a database");
    store.migrate().await.expect("a schema");
    let (backplane, _) = Backplane::local(&lifecycle, metrics, Recent::new(0, clock.clone()));
    let sessions = Sessions::new(store.clone(), backplane, &config.auth, clock).expect("a secret");
    let user = world::person(&store).await;
    let (_, token) = sessions.open(user).await.expect("a session");
    (sessions, token, folder)
}

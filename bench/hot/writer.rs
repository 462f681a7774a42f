//! Sends that share a transaction, committed for good.

use divan::{Bencher, counter::ItemsCount};
use futures_util::future::join_all;
use hubbub::{
    config,
    metrics::Metrics,
    model::{Clock, UserId},
    store::Store,
};
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

use crate::world;

#[divan::bench(args = [1, 64])]
fn sqlite(bencher: Bencher<'_, '_>, sends: usize) {
    let folder = TempDir::new().expect("a temporary folder");
    measure(bencher, &world::config(&folder).database, sends);
}

/// On the server that `HUBBUB_TEST_POSTGRES` names, which `make bench-hot` starts.
#[divan::bench(args = [1, 64])]
fn postgres(bencher: Bencher<'_, '_>, sends: usize) {
    let url = std::env::var("HUBBUB_TEST_POSTGRES").expect("HUBBUB_TEST_POSTGRES: run `make bench-hot`");
    let folder = TempDir::new().expect("a temporary folder");
    let config = config::Database { url, ..world::config(&folder).database };
    measure(bencher, &config, sends);
}

fn measure(bencher: Bencher<'_, '_>, config: &config::Database, sends: usize) {
    let runtime = world::runtime();
    let (store, pairs) = runtime.block_on(open(config, sends));
    bencher.counter(ItemsCount::new(sends)).bench_local(|| {
        runtime.block_on(async {
            let sends =
                pairs.iter().map(|(sender, receiver)| store.send(world::message(*sender, *receiver), |sent| (sent, || ())));
            assert!(join_all(sends).await.iter().all(Result::is_ok), "each send is committed");
        });
    });
}

/// An up to date database, and so many pairs of people.
async fn open(config: &config::Database, pairs: usize) -> (Store, Vec<(UserId, UserId)>) {
    let metrics = Metrics::new().expect("metrics");
    let store = Store::connect(config, Clock::default(), metrics, &TaskTracker::new()).await.expect("the database answers");
    store.migrate().await.expect("a schema");
    let mut people = Vec::new();
    for _ in 0..pairs {
        people.push((world::person(&store).await, world::person(&store).await));
    }
    (store, people)
}

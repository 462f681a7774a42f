//! The words in which the tests are written.

pub(crate) mod hub;
pub(crate) mod peer;
pub(crate) mod proxy;
pub(crate) mod redis;
pub(crate) mod services;
pub(crate) mod socket;
pub(crate) mod user;

pub(crate) use hub::TestHub;
pub(crate) use proxy::Proxy;
pub(crate) use redis::Redis;
pub(crate) use socket::TestSocket;
pub(crate) use user::{Answer, TestUser};

use std::{future::Future, time::Duration};

/// How long anything may take before the test calls it lost. Generous: these machines are shared.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Awaits `task`, or fails the test with what it waited for.
pub(crate) async fn soon<F: Future>(what: &str, task: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, task).await {
        Ok(output) => output,
        Err(_) => panic!("waited {PATIENCE:?} in vain for {what}"),
    }
}

/// Asks again and again until `probe` answers, for what has no event to wait for.
pub(crate) async fn eventually<T, F, Fut>(what: &str, mut probe: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    soon(what, async {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        loop {
            ticks.tick().await;
            if let Some(found) = probe().await {
                return found;
            }
        }
    })
    .await
}

/// Writes a story once and runs it against both databases.
macro_rules! on_both_databases {
    ($($(#[$meta:meta])* async fn $name:ident($hub:ident: &TestHub) $body:block)*) => {
        $(
            mod $name {
                use super::*;

                async fn story($hub: &TestHub) $body

                $(#[$meta])*
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_sqlite() {
                    let hub = TestHub::alone().await;
                    story(&hub).await;
                    hub.stops().await;
                }

                $(#[$meta])*
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_postgresql() {
                    let hub = TestHub::cluster(1).await;
                    story(&hub).await;
                    hub.stops().await;
                }
            }
        )*
    };
}
pub(crate) use on_both_databases;

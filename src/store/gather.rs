//! Reads of single rows that share queries: when thousands come back at once, each asks for a session and a position, and
//! the round trips, not the rows, are what that costs.
//!
//! Who asks puts the key into a bounded queue. One worker takes what is there and asks the database for all of it at once;
//! while that runs, the next keys gather. A lone one does not wait. A query begins after all its keys were put, so an
//! answer is never older than the question: what is written before [`Gather::ask`] is seen by it.

use futures_util::{StreamExt, stream::FuturesUnordered};
use parking_lot::RwLock;
use std::{collections::HashMap, fmt, hash::Hash, mem, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::task::TaskTracker;

use crate::model::{Error, Result};

/// Keys of one query at most.
const MOST: usize = 256;

/// Keys that may wait; who comes beyond that waits for a place, too.
const QUEUE: usize = 4096;

/// A query that takes longer no longer holds up the next one: its connection may have died.
const SLOW: Duration = Duration::from_millis(50);

/// Queries at the same time, once some are slow.
const AT_ONCE: usize = 8;

/// A key and where its answer goes.
struct Ask<K, V> {
    key: K,
    answer: oneshot::Sender<Result<Option<V>>>,
}

/// `None` once closed.
type Queue<K, V> = Option<mpsc::Sender<Ask<K, V>>>;

/// The end of the queue that askers hold. Cheap to clone; when the last one is dropped, the worker ends.
pub(super) struct Gather<K, V> {
    queue: Arc<RwLock<Queue<K, V>>>,
}

impl<K, V> Clone for Gather<K, V> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone() }
    }
}

impl<K, V> fmt::Debug for Gather<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gather")
    }
}

/// Closed from the beginning.
impl<K, V> Default for Gather<K, V> {
    fn default() -> Self {
        Self { queue: Arc::default() }
    }
}

impl<K, V> Gather<K, V>
where
    K: Copy + Eq + Hash + Send + 'static,
    V: Clone + Send + 'static,
{
    /// Starts the worker on `tracker`. `read` asks for many keys at once and leaves out those that name nothing.
    pub(super) fn start<R, F>(tracker: &TaskTracker, read: R) -> Self
    where
        R: Fn(Vec<K>) -> F + Send + 'static,
        F: Future<Output = Result<Vec<(K, V)>>> + Send + 'static,
    {
        let (queue, asks) = mpsc::channel(QUEUE);
        tracker.spawn(work(asks, read));
        Self { queue: Arc::new(RwLock::new(Some(queue))) }
    }

    /// What the database holds under `key`, read after this was called.
    ///
    /// # Errors
    /// That of the query, which all who share it get; [`Error::Unavailable`] without an answer within `patience`.
    pub(super) async fn ask(&self, key: K, patience: Duration) -> Result<Option<V>> {
        let closed = || Error::unavailable("database", "the store is closed");
        let queue = self.queue.read().clone().ok_or_else(closed)?;
        let asked = async {
            let (answer, answered) = oneshot::channel();
            queue.send(Ask { key, answer }).await.map_err(|_| closed())?;
            // Or a worker that is told to end would wait for us.
            drop(queue);
            answered.await.map_err(|_| closed())?
        };
        timeout(patience, asked).await.unwrap_or_else(|_| Err(Error::unavailable("database", "no answer in time")))
    }

    /// Takes no more; the worker answers what is queued, and ends.
    pub(super) fn close(&self) {
        drop(self.queue.write().take());
    }
}

async fn work<K, V, R, F>(mut asks: mpsc::Receiver<Ask<K, V>>, read: R)
where
    K: Copy + Eq + Hash,
    V: Clone,
    R: Fn(Vec<K>) -> F,
    F: Future<Output = Result<Vec<(K, V)>>>,
{
    let (mut batch, mut running) = (Vec::new(), FuturesUnordered::new());
    let mut patient_until = Instant::now();
    loop {
        let has_room = running.len() < AT_ONCE;
        let waits = !running.is_empty() && Instant::now() < patient_until;
        tokio::select! {
            biased;
            Some(()) = running.next() => {}
            taken = asks.recv_many(&mut batch, MOST), if has_room && !waits => {
                if taken == 0 {
                    break;
                }
                let (keys, answers) = sorted(mem::take(&mut batch));
                if !keys.is_empty() {
                    running.push(answer(read(keys), answers));
                    patient_until = Instant::now() + SLOW;
                }
            }
            () = sleep_until(patient_until), if waits => {}
        }
    }
    while running.next().await.is_some() {}
}

/// Each key once, and all who asked for it. Nobody waits for some of them any more: they would only delay the others.
type Answers<K, V> = HashMap<K, Vec<oneshot::Sender<Result<Option<V>>>>>;

fn sorted<K: Copy + Eq + Hash, V>(batch: Vec<Ask<K, V>>) -> (Vec<K>, Answers<K, V>) {
    let mut answers: Answers<K, V> = HashMap::with_capacity(batch.len());
    for Ask { key, answer } in batch.into_iter().filter(|ask| !ask.answer.is_closed()) {
        answers.entry(key).or_default().push(answer);
    }
    (answers.keys().copied().collect(), answers)
}

async fn answer<K, V>(read: impl Future<Output = Result<Vec<(K, V)>>>, mut answers: Answers<K, V>)
where
    K: Eq + Hash,
    V: Clone,
{
    let mut tell = |key: &K, found: Result<Option<V>>| {
        for answer in answers.remove(key).unwrap_or_default() {
            // Whoever went away does not need it.
            drop(answer.send(found.clone()));
        }
    };
    let failure = match read.await {
        Ok(rows) => {
            for (key, row) in rows {
                tell(&key, Ok(Some(row)));
            }
            Ok(None)
        }
        Err(error) => Err(error),
    };
    for answer in answers.into_values().flatten() {
        drop(answer.send(failure.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join_all;
    use parking_lot::Mutex;
    use tokio::sync::Semaphore;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// The keys of each query.
    type Asked = Arc<Mutex<Vec<Vec<u32>>>>;

    /// Answers even numbers with their half, each query when it is let; and the queries.
    fn halves(tracker: &TaskTracker) -> (Gather<u32, u32>, Arc<Semaphore>, Asked) {
        let (turns, asked) = (Arc::new(Semaphore::new(0)), Asked::default());
        let (let_go, noted) = (turns.clone(), asked.clone());
        let gather = Gather::start(tracker, move |mut keys: Vec<u32>| {
            keys.sort_unstable();
            noted.lock().push(keys.clone());
            let turns = let_go.clone();
            async move {
                turns.acquire().await.expect("a turn").forget();
                if keys.contains(&13) {
                    return Err(Error::unavailable("database", "away"));
                }
                Ok(keys.into_iter().filter(|key| key % 2 == 0).map(|key| (key, key / 2)).collect())
            }
        });
        (gather, turns, asked)
    }

    #[tokio::test]
    async fn who_comes_while_a_query_runs_shares_the_next_and_a_lone_one_does_not_wait() {
        let tracker = TaskTracker::new();
        let (gather, turns, asked) = halves(&tracker);

        let first = tracker.spawn({
            let gather = gather.clone();
            async move { gather.ask(2, PATIENCE).await }
        });
        while asked.lock().is_empty() {
            tokio::task::yield_now().await;
        }
        let others = join_all([4, 5, 6, 4].map(|key| gather.ask(key, PATIENCE)));
        turns.add_permits(2);
        let others = others.await;

        assert_eq!(first.await.expect("an answer"), Ok(Some(1)));
        assert_eq!(others, [Ok(Some(2)), Ok(None), Ok(Some(3)), Ok(Some(2))]);
        assert_eq!(*asked.lock(), [vec![2], vec![4, 5, 6]]);
    }

    #[tokio::test]
    async fn a_failure_goes_to_all_who_share_it_and_the_next_query_is_a_new_one() {
        let tracker = TaskTracker::new();
        let (gather, turns, _) = halves(&tracker);
        turns.add_permits(2);

        let failed = join_all([12, 13].map(|key| gather.ask(key, PATIENCE))).await;

        assert!(failed.iter().all(|answer| matches!(answer, Err(Error::Unavailable(_)))), "{failed:?}");
        assert_eq!(gather.ask(12, PATIENCE).await, Ok(Some(6)));
    }

    #[tokio::test]
    async fn a_query_that_hangs_holds_up_neither_the_next_nor_its_own_askers_for_good() {
        let tracker = TaskTracker::new();
        let (gather, _turns, asked) = halves(&tracker);

        let begun = Instant::now();
        let stuck = gather.ask(2, SLOW * 4);
        let next = async {
            while asked.lock().is_empty() {
                tokio::task::yield_now().await;
            }
            gather.ask(4, SLOW * 4).await
        };
        let (stuck, next) = tokio::join!(stuck, next);

        assert_eq!(*asked.lock(), [vec![2], vec![4]], "the next was asked, once the first had its time");
        assert!(begun.elapsed() >= SLOW);
        assert!(matches!((stuck, next), (Err(Error::Unavailable(_)), Err(Error::Unavailable(_)))));
    }

    #[tokio::test]
    async fn a_closed_gather_answers_what_is_queued_and_refuses_what_comes_then() {
        let tracker = TaskTracker::new();
        let (gather, turns, _) = halves(&tracker);
        let asked = gather.ask(2, PATIENCE);
        let (answer, ()) = tokio::join!(asked, async {
            gather.close();
            turns.add_permits(1);
        });

        assert_eq!(answer, Ok(Some(1)));
        assert!(matches!(gather.ask(2, PATIENCE).await, Err(Error::Unavailable(_))));
        tracker.close();
        tracker.wait().await;
    }
}

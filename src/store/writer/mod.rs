//! Sending: concurrent sends share a transaction and its fsync, a lone one does not wait.
//!
//! Senders put a [`Job`] into one bounded queue. Each worker takes what is there, up to `database.batch`, and runs one
//! transaction for it. While that runs, the next sends gather: the batch grows with the load by itself.

mod batch;
mod plan;
mod postgres;
mod sqlite;
mod statements;
mod transaction;

use super::Store;
use crate::{
    config,
    metrics::Metrics,
    model::{
        Error, Result,
        message::{NewMessage, Sent},
    },
};
use batch::Batches;
use parking_lot::{Mutex, RwLock};
use sea_orm::DatabaseConnection;
use std::{fmt, sync::Arc, time::Duration};
use tokio::{
    sync::{Mutex as AsyncMutex, mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};
use tokio_util::task::TaskTracker;

/// A send.
struct Job {
    message: NewMessage,
    /// When its sender is told that it took too long.
    deadline: Instant,
    /// What is done with the outcome, at once and without waiting for anything.
    done: Box<dyn FnOnce(Result<Sent>) + Send>,
}

/// The end of the queue that senders hold. When the last handle is dropped, the workers finish what is queued and end.
#[derive(Clone)]
pub(super) struct Writer {
    /// `None` once closed.
    queue: Arc<RwLock<Option<mpsc::Sender<Job>>>>,
    workers: Arc<Mutex<Vec<JoinHandle<()>>>>,
    metrics: Metrics,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer")
    }
}

impl Store {
    /// Stores a message and its entry in both people's logs in one transaction, together with other sends that wait. Once it is
    /// committed, `then` is called with what was stored, whether its sender still waits or not: the first of what it gives is
    /// answered here, and the second is called after that. Both run between two batches, so they must not take long; of the
    /// sends of one batch they are called in their order.
    ///
    /// After, since of the tasks that a task wakes, the one that it wakes last runs next, on the same thread (tokio's LIFO slot);
    /// the others wait for another thread to wake up. Whoever tells the receivers shall not.
    ///
    /// # Errors
    /// [`Error::ReceiverNotFound`], [`Error::SelfMessage`], [`Error::ClientIdReused`], [`Error::AccountDeleted`] if the sender
    /// is gone; [`Error::Unavailable`] if the queue is full (then nothing was stored) or the database gave no answer in
    /// time (then a repeat with the same `clientId` finds out).
    pub async fn send<T, A>(&self, message: NewMessage, then: impl FnOnce(Sent) -> (T, A) + Send + 'static) -> Result<T>
    where
        T: Send + 'static,
        A: FnOnce(),
    {
        let (answer, answered) = oneshot::channel();
        let deadline = Instant::now() + self.timeout;
        let done = Box::new(move |sent: Result<Sent>| {
            let (told, after) = sent.map(then).map_or_else(|error| (Err(error), None), |(told, after)| (Ok(told), Some(after)));
            // Whoever went away meanwhile finds the message in the log.
            drop(answer.send(told));
            if let Some(after) = after {
                after();
            }
        });
        self.writer.put(Job { message, deadline, done })?;
        match timeout_at(deadline, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Error::unavailable("database", "the writer stopped")),
            Err(_) => Err(Error::unavailable("database", "the send was not committed in time")),
        }
    }
}

impl Writer {
    /// Starts the workers on `tracker`: `database.writers` of them, or one with SQLite, which has one write lock.
    pub(super) fn start(config: &config::Database, pool: DatabaseConnection, metrics: Metrics, tracker: &TaskTracker) -> Self {
        let (queue, jobs) = mpsc::channel(config.queue.max(1));
        let jobs = Arc::new(AsyncMutex::new(jobs));
        let count = if config.is_sqlite() { 1 } else { config.writers.max(1) };
        let workers = (0..count)
            .map(|_| {
                let batches = Batches::new(pool.clone(), metrics.clone(), config.timeout);
                tracker.spawn(work(jobs.clone(), batches, config.batch.max(1)))
            })
            .collect();
        Self { queue: Arc::new(RwLock::new(Some(queue))), workers: Arc::new(Mutex::new(workers)), metrics }
    }

    fn put(&self, job: Job) -> Result<()> {
        let queue = self.queue.read();
        let queue = queue.as_ref().ok_or_else(|| Error::unavailable("database", "the writer is closed"))?;
        // Counted before it can be taken, or the gauge would dip below zero.
        self.metrics.send_queue.inc();
        queue.try_send(job).map_err(|_| {
            self.metrics.send_queue.dec();
            Error::unavailable("database", "the queue of sends is full")
        })
    }

    /// Takes no more, and waits for what is queued, at most `patience` for each worker.
    pub(super) async fn close(&self, patience: Duration) {
        drop(self.queue.write().take());
        let workers = std::mem::take(&mut *self.workers.lock());
        for mut worker in workers {
            if timeout(patience, &mut worker).await.is_err() {
                tracing::warn!("a writer of sends did not finish in time");
                worker.abort();
            }
        }
    }
}

async fn work(jobs: Arc<AsyncMutex<mpsc::Receiver<Job>>>, batches: Batches, most: usize) {
    loop {
        let mut batch = Vec::new();
        // Held while waiting: exactly one idle worker listens, the others queue up behind it.
        jobs.lock().await.recv_many(&mut batch, most).await;
        if batch.is_empty() {
            return;
        }
        batches.run(batch).await;
    }
}

//! One batch from queue to answers: its transaction, and what happens when that fails.

use super::{
    Job,
    statements::Database,
    transaction::{self, Attempt},
};
use crate::{
    metrics::Metrics,
    model::{
        Error, Result,
        message::{NewMessage, Sent},
    },
    store::failure::{Class, Failure, classify},
};
use prometheus::IntCounter;
use sea_orm::{DatabaseConnection, DbErr};
use std::{
    panic::{self, AssertUnwindSafe},
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout_at};

/// Transactions that one batch may lose to others. (Losing the connection is limited by `database.timeout` alone: after a
/// restart of the database every connection of the pool is found broken, one after the other.)
const CONFLICTS: u32 = 6;

/// The pause before the second attempt; it doubles with each further one, up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(4);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// What a worker needs to run batches.
#[derive(Debug)]
pub(super) struct Batches {
    database: Database,
    metrics: Metrics,
    timeout: Duration,
    conflicts: IntCounter,
    reconnects: IntCounter,
    splits: IntCounter,
}

impl Batches {
    pub(super) fn new(pool: DatabaseConnection, metrics: Metrics, timeout: Duration) -> Self {
        let retries = |reason| metrics.batch_retries.with_label_values(&[reason]);
        let (conflicts, reconnects, splits) = (retries("conflict"), retries("connection"), retries("split"));
        Self { database: Database::new(pool), metrics, timeout, conflicts, reconnects, splits }
    }

    /// Writes a batch and answers every send in it.
    pub(super) async fn run(&self, batch: Vec<Job>) {
        self.metrics.send_queue.sub(i64::try_from(batch.len()).unwrap_or_default());
        // The others were told that it took too long: under overload they would only delay those that somebody waits for.
        let now = Instant::now();
        let (messages, done): (Vec<_>, Vec<_>) =
            batch.into_iter().filter(|job| job.deadline > now).map(|job| (job.message, job.done)).unzip();
        if messages.is_empty() {
            return;
        }
        let answered = self.write(&messages).await;
        for (done, outcome) in done.into_iter().zip(answered) {
            // A defect there must not end the writer, and with it all sends. What is committed is found in the log.
            if panic::catch_unwind(AssertUnwindSafe(|| done(outcome))).is_err() {
                tracing::error!("what follows a send panicked; its sockets are told by the next sweep");
            }
        }
    }

    async fn write(&self, messages: &[NewMessage]) -> Vec<Result<Sent>> {
        match self.attempt(messages).await {
            Ok(answers) => answers,
            Err(cause) if messages.len() > 1 && classify(&cause) == Class::Defect => {
                tracing::warn!(%cause, sends = messages.len(), "a batch of sends failed; they are written one by one");
                self.splits.inc();
                let mut answers = Vec::with_capacity(messages.len());
                for message in messages.chunks(1) {
                    match self.attempt(message).await {
                        Ok(answer) => answers.extend(answer),
                        Err(cause) => answers.push(Err(Failure::from(cause).into())),
                    }
                }
                answers
            }
            Err(cause) => {
                let error = Error::from(Failure::from(cause));
                messages.iter().map(|_| Err(error.clone())).collect()
            }
        }
    }

    /// Runs the transaction, again while that can help, all within `database.timeout`.
    async fn attempt(&self, messages: &[NewMessage]) -> Result<Vec<Result<Sent>>, DbErr> {
        let deadline = Instant::now() + self.timeout;
        let mut pause = PAUSE;
        let (mut conflicts, mut again) = (0, Attempt::First);
        loop {
            self.metrics.batch_size.observe(f64::from(u32::try_from(messages.len()).unwrap_or(u32::MAX)));
            let timer = self.metrics.batch_seconds.start_timer();
            let outcome = timeout_at(deadline, transaction::run(&self.database, messages, again)).await;
            timer.observe_duration();
            let Ok(outcome) = outcome else { return Err(late()) };
            let cause = match outcome {
                Ok(answers) => return Ok(answers),
                Err(cause) => cause,
            };
            match classify(&cause) {
                Class::Conflict if conflicts < CONFLICTS => {
                    conflicts += 1;
                    self.conflicts.inc();
                }
                // Nobody knows what a connection that broke has written: the next attempt looks.
                Class::Away => {
                    again = Attempt::Repeated;
                    self.reconnects.inc();
                }
                _ => return Err(cause),
            }
            if timeout_at(deadline, sleep(jittered(pause))).await.is_err() {
                return Err(cause);
            }
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }
}

fn late() -> DbErr {
    DbErr::ConnectionAcquire(sea_orm::error::ConnAcquireErr::Timeout)
}

/// Between half and the whole of `pause`, so that two that collided do not collide again.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.5..=1.0))
}

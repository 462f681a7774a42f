//! Work that keeps a core busy for milliseconds (hashing, decoding) would stall every socket of the thread it runs on:
//! it goes to threads of its own, only a few at a time, and only so many may wait.

use std::{sync::Arc, time::Duration};
use tokio::sync::{Semaphore, TryAcquireError};

use crate::model::{Error, Result};

/// Longest wait for a turn: whoever asked has given up by then.
const WAIT: Duration = Duration::from_secs(10);

/// A bounded pool of blocking work; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    part: &'static str,
    /// One permit each for those that run and those that wait.
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl Pool {
    /// `part` is what errors call it.
    pub(super) fn new(part: &'static str, concurrency: usize, queue: usize) -> Self {
        let running = concurrency.clamp(1, 1024);
        let admitted = running.saturating_add(queue).min(Semaphore::MAX_PERMITS);
        Self { part, admitted: Arc::new(Semaphore::new(admitted)), running: Arc::new(Semaphore::new(running)) }
    }

    /// Runs `work` when it is its turn. Dropping the future gives up the turn; work that has begun finishes, and keeps its
    /// place until then, so that impatient callers can't start more at once than the pool allows.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when too many wait already, or for too long; [`Error::Internal`] when the work panicked.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let place = self.admitted.clone().try_acquire_owned().map_err(|full| match full {
            TryAcquireError::NoPermits => Error::unavailable(self.part, "too many are waiting"),
            TryAcquireError::Closed => Error::internal(self.part, "the pool is closed"),
        })?;
        let turn = tokio::time::timeout(WAIT, self.running.clone().acquire_owned())
            .await
            .map_err(|_| Error::unavailable(self.part, "the wait for a turn was too long"))?
            .map_err(|closed| Error::internal(self.part, closed))?;
        let done = tokio::task::spawn_blocking(move || {
            let _held = (place, turn);
            work()
        });
        done.await.map_err(|panicked| Error::internal(self.part, panicked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error::Kind;
    use futures_util::future::poll_immediate;
    use std::sync::mpsc;

    #[tokio::test]
    async fn what_does_not_fit_the_queue_is_refused_at_once() {
        let pool = Pool::new("test", 1, 1);
        let (release, held) = mpsc::channel::<()>();
        let mut first = Box::pin(pool.run(move || held.recv().is_ok()));
        assert!(poll_immediate(&mut first).await.is_none());
        let mut second = Box::pin(pool.run(|| ()));
        assert!(poll_immediate(&mut second).await.is_none());
        assert_eq!(pool.run(|| ()).await.unwrap_err().kind(), Kind::Unavailable);
        release.send(()).unwrap();
        assert_eq!(first.await, Ok(true));
        assert_eq!(second.await, Ok(()));
    }

    #[tokio::test]
    async fn work_whose_caller_left_keeps_its_place_until_it_ends() {
        let pool = Pool::new("test", 1, 0);
        let (release, held) = mpsc::channel::<()>();
        let mut left = Box::pin(pool.run(move || held.recv().is_ok()));
        assert!(poll_immediate(&mut left).await.is_none());
        drop(left);
        assert_eq!(pool.run(|| ()).await.unwrap_err().kind(), Kind::Unavailable);
        release.send(()).unwrap();
        let _free_again = pool.admitted.acquire().await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_frees_the_place() {
        let pool = Pool::new("test", 1, 0);
        let work = || assert_eq!(1, 2, "on purpose");
        assert_eq!(pool.run(work).await.unwrap_err().kind(), Kind::Internal);
        assert_eq!(pool.run(|| 5).await, Ok(5));
    }
}

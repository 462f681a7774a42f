//! When people were last seen.
//!
//! Whoever notes a departure never waits for the database: times gather in memory and are written together. What a process
//! that is killed had not written yet is lost, a second's worth; people then look as if they had left a little earlier.

use parking_lot::Mutex;
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::time::MissedTickBehavior;

use crate::{
    lifecycle::Lifecycle,
    metrics::Metrics,
    model::{Result, Timestamp, UserId},
    store::Store,
};

/// How long times gather.
const INTERVAL: Duration = Duration::from_secs(1);
/// People that one statement writes.
const BATCH: usize = 500;
/// People who are remembered while the database is away.
const CAPACITY: usize = 100_000;
/// How long a node that ends tries to write the rest.
const FLUSH: Duration = Duration::from_secs(2);

/// See the module. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LastSeen(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    metrics: Metrics,
    unwritten: Mutex<Unwritten>,
}

/// The latest time of each person, as far as it is not written.
#[derive(Debug, Default)]
struct Unwritten {
    latest: HashMap<UserId, Timestamp>,
    by_age: BTreeSet<(Timestamp, UserId)>,
}

impl Unwritten {
    /// Whether all are still remembered: beyond the capacity, the oldest goes.
    fn note(&mut self, user: UserId, at: Timestamp) -> bool {
        match self.latest.get(&user) {
            Some(known) if *known >= at => return true,
            Some(known) => drop(self.by_age.remove(&(*known, user))),
            None => {}
        }
        self.latest.insert(user, at);
        self.by_age.insert((at, user));
        if self.latest.len() <= CAPACITY {
            return true;
        }
        if let Some((_, oldest)) = self.by_age.pop_first() {
            self.latest.remove(&oldest);
        }
        false
    }

    fn oldest(&self, count: usize) -> Vec<(UserId, Timestamp)> {
        self.by_age.iter().take(count).map(|(at, user)| (*user, *at)).collect()
    }

    /// Forgets what was written. Who left again meanwhile stays.
    fn written(&mut self, batch: &[(UserId, Timestamp)]) {
        for (user, at) in batch {
            if self.by_age.remove(&(*at, *user)) {
                self.latest.remove(user);
            }
        }
    }
}

impl LastSeen {
    /// Starts the writer; it ends with the node. Call [`LastSeen::flush`] after that.
    pub fn start(store: Store, lifecycle: &Lifecycle, metrics: Metrics) -> Self {
        let this = Self::new(store, metrics);
        lifecycle.spawn(this.clone().keep_writing());
        this
    }

    fn new(store: Store, metrics: Metrics) -> Self {
        Self(Arc::new(Inner { store, metrics, unwritten: Mutex::default() }))
    }

    /// `user` was here until `at`. An earlier time than one that is known changes nothing.
    pub fn note(&self, user: UserId, at: Timestamp) {
        if !self.0.unwritten.lock().note(user, at) {
            self.0.metrics.last_seen_lost.inc();
        }
    }

    /// When each of these people was last seen, if ever; living accounts only, in the order asked. What another node has not
    /// written yet is missing.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn of(&self, users: &[UserId]) -> Result<Vec<(UserId, Option<Timestamp>)>> {
        // Memory first: the other way round, a time that is written between the two looks would be in neither.
        let noted: HashMap<UserId, Timestamp> = {
            let unwritten = self.0.unwritten.lock();
            users.iter().filter_map(|user| Some((*user, *unwritten.latest.get(user)?))).collect()
        };
        let stored: HashMap<UserId, Option<Timestamp>> = self.0.store.last_seen(users).await?.into_iter().collect();
        let seen = |user: &UserId| Some((*user, (*stored.get(user)?).max(noted.get(user).copied())));
        Ok(users.iter().filter_map(seen).collect())
    }

    /// Writes what is left, for two seconds at most.
    pub async fn flush(&self) {
        let outcome = tokio::time::timeout(FLUSH, self.write()).await;
        let left = self.0.unwritten.lock().latest.len();
        if left > 0 {
            let cause = outcome.ok().and_then(Result::err);
            let cause = cause.as_ref().and_then(|error| error.cause());
            tracing::warn!(left, ?cause, "when these people left was not written");
        }
    }

    async fn keep_writing(self) {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut writes = true;
        loop {
            ticks.tick().await;
            let outcome = self.write().await;
            if std::mem::replace(&mut writes, outcome.is_ok()) == outcome.is_ok() {
                continue;
            }
            match outcome {
                Ok(()) => tracing::info!("when people left is written again"),
                Err(error) => {
                    tracing::warn!(%error, cause = ?error.cause(), "when people left can't be written; it is kept in memory")
                }
            }
        }
    }

    /// Writes until nothing is left.
    async fn write(&self) -> Result<()> {
        loop {
            let batch = self.0.unwritten.lock().oldest(BATCH);
            if batch.is_empty() {
                return Ok(());
            }
            self.0.store.record_last_seen(&batch).await?;
            self.0.unwritten.lock().written(&batch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Config,
        model::{Clock, user::Email},
        store::NewUser,
    };
    use tempfile::TempDir;
    use tokio_util::task::TaskTracker;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_timestamp(1_764_000_000 + second, 0).expect("a time")
    }

    /// A database without any table: what is written to it fails.
    async fn empty(folder: &TempDir) -> Store {
        let mut config = Config::load(None, []).expect("the defaults are good").database;
        config.url = format!("sqlite://{}", folder.path().join("hubbub.db").display());
        let store = Store::connect(&config, Clock::default(), metrics(), &TaskTracker::new()).await;
        store.expect("a database")
    }

    fn metrics() -> Metrics {
        Metrics::new().expect("series")
    }

    async fn people<const N: usize>(store: &Store) -> [UserId; N] {
        store.migrate().await.expect("the schema is brought up");
        let people = [(); N].map(|()| UserId::new());
        for id in people {
            let email = Email::parse(&format!("{id}@example.org")).expect("an address");
            let user = NewUser { id, full_name: "Ann".to_owned(), email, password_hash: String::new(), created_at: at(0) };
            store.create_user(user).await.expect("an account");
        }
        people
    }

    #[tokio::test]
    async fn the_later_of_memory_and_database_counts_in_the_order_asked() {
        let folder = TempDir::new().expect("a folder");
        let store = empty(&folder).await;
        let [ann, bob, cid, dan] = people(&store).await;
        let seen = LastSeen::new(store.clone(), metrics());
        store.record_last_seen(&[(ann, at(5)), (bob, at(5))]).await.expect("written");
        for (user, second) in [(ann, 4), (bob, 6), (bob, 3), (cid, 1), (UserId::new(), 1)] {
            seen.note(user, at(second));
        }

        let expected = vec![(dan, None), (cid, Some(at(1))), (bob, Some(at(6))), (ann, Some(at(5)))];
        assert_eq!(seen.of(&[dan, cid, UserId::new(), bob, ann]).await, Ok(expected.clone()));
        seen.flush().await;
        assert_eq!(seen.of(&[dan, cid, bob, ann]).await, Ok(expected.clone()), "nothing changes by writing");
        assert_eq!(seen.0.unwritten.lock().latest.len(), 0);
        assert_eq!(LastSeen::new(store, metrics()).of(&[dan, cid, bob, ann]).await, Ok(expected), "another node knows, too");
    }

    #[tokio::test]
    async fn what_could_not_be_written_is_kept_until_it_can() {
        let folder = TempDir::new().expect("a folder");
        let store = empty(&folder).await;
        let (lifecycle, gone) = (Lifecycle::new(), UserId::new());
        let seen = LastSeen::start(store.clone(), &lifecycle, metrics());
        seen.note(gone, at(1));
        seen.flush().await;
        assert_eq!(seen.0.unwritten.lock().oldest(9), [(gone, at(1))]);

        let [ann] = people(&store).await;
        seen.note(ann, at(2));
        let written = async {
            while store.last_seen(&[ann]).await != Ok(vec![(ann, Some(at(2)))]) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), written).await.expect("the writer goes on by itself");
        lifecycle.stop();
    }

    #[test]
    fn beyond_the_capacity_the_oldest_are_forgotten() {
        let mut unwritten = Unwritten::default();
        let first = UserId::new();
        assert!(unwritten.note(first, at(0)));
        for second in 1..CAPACITY as i64 {
            assert!(unwritten.note(UserId::new(), at(second)));
        }
        assert!(unwritten.note(first, at(1)), "who is known takes no more room");
        assert!(!unwritten.note(UserId::new(), at(9)));
        assert!(!unwritten.note(UserId::new(), at(-1)), "the new one is the oldest itself");
        assert_eq!((unwritten.latest.len(), unwritten.by_age.len()), (CAPACITY, CAPACITY));
        assert_eq!(unwritten.oldest(1)[0].1, at(1));
    }

    #[test]
    fn who_leaves_again_while_the_first_time_is_written_stays_to_be_written() {
        let mut unwritten = Unwritten::default();
        let (ann, bob) = (UserId::new(), UserId::new());
        unwritten.note(ann, at(1));
        unwritten.note(bob, at(2));
        let batch = unwritten.oldest(BATCH);
        unwritten.note(ann, at(3));
        unwritten.written(&batch);
        assert_eq!(unwritten.oldest(BATCH), [(ann, at(3))]);
    }
}

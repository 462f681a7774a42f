//! A database of its own for each test, and people in it.

use crate::{
    config,
    metrics::Metrics,
    model::{
        ClientId, Clock, MessageId, UserId,
        message::{NewMessage, Sent, Text},
        user::Email,
    },
    store::{NewUser, Store},
};
use sea_orm::{ConnectionTrait, Database};
use std::time::Duration;
use tempfile::TempDir;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// One database; several stores can be opened on it, as several nodes would.
pub(super) struct Bench {
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    config: config::Database,
    tracker: TaskTracker,
    kind: Kind,
}

enum Kind {
    Sqlite { _folder: TempDir },
    Postgres { server: String, name: String },
}

impl Bench {
    pub(super) fn sqlite() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        // A folder that does not exist yet: the store makes it.
        let url = format!("sqlite://{}", folder.path().join("data/hubbub.db").display());
        Self::new(url, Kind::Sqlite { _folder: folder })
    }

    /// `None`, with a word on stderr, when no server is named.
    #[expect(clippy::disallowed_methods, reason = "a test is told where its server is")]
    pub(super) async fn postgres() -> Option<Self> {
        let Ok(server) = std::env::var("HUBBUB_TEST_POSTGRES") else {
            eprintln!("skipped on PostgreSQL: HUBBUB_TEST_POSTGRES is not set");
            return None;
        };
        let name = format!("hubbub_test_{}", Uuid::now_v7().simple());
        run(&server, &format!("CREATE DATABASE {name}")).await;
        let (base, _) = server.rsplit_once('/').expect("a URL that ends in a database");
        Some(Self::new(format!("{base}/{name}"), Kind::Postgres { server: server.clone(), name }))
    }

    fn new(url: String, kind: Kind) -> Self {
        let config = config::Database {
            url,
            read_connections: 4,
            writers: 2,
            batch: 64,
            queue: 4096,
            timeout: Duration::from_secs(20),
            migrate_on_start: true,
            log_retention: Duration::ZERO,
        };
        Self { clock: Clock::shifted(), metrics: Metrics::new().expect("metrics"), config, tracker: TaskTracker::new(), kind }
    }

    /// Where the database is.
    pub(super) fn url(&self) -> &str {
        &self.config.url
    }

    /// A store whose schema is not touched.
    pub(super) async fn connect(&self) -> Store {
        self.tuned(|_| ()).await
    }

    /// A store with another configuration.
    pub(super) async fn tuned(&self, tune: impl FnOnce(&mut config::Database)) -> Store {
        let mut config = self.config.clone();
        tune(&mut config);
        let store = Store::connect(&config, self.clock.clone(), self.metrics.clone(), &self.tracker).await;
        store.expect("the database answers")
    }

    /// A store that is ready for use.
    pub(super) async fn store(&self) -> Store {
        let store = self.connect().await;
        store.migrate().await.expect("the schema is brought up");
        store
    }

    pub(super) async fn close(self, stores: impl IntoIterator<Item = Store>) {
        for store in stores {
            store.close().await;
        }
        self.tracker.close();
        self.tracker.wait().await;
        if let Kind::Postgres { server, name } = &self.kind {
            run(server, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }
}

async fn run(server: &str, statement: &str) {
    let admin = Database::connect(server).await.expect("the test server answers");
    admin.execute_unprepared(statement).await.expect("the test server obeys");
    admin.close().await.expect("the connection closes");
}

pub(super) async fn person(store: &Store, clock: &Clock, name: &str) -> UserId {
    let id = UserId::new();
    let email = Email::parse(&format!("{}@example.org", id.0.simple())).expect("an address");
    let user = NewUser { id, full_name: name.to_owned(), email, password_hash: "$argon2id$".to_owned(), created_at: clock.now() };
    store.create_user(user).await.expect("an account").id
}

pub(super) async fn people<const N: usize>(store: &Store, clock: &Clock) -> [UserId; N] {
    let mut people = [UserId(Uuid::nil()); N];
    for (index, id) in people.iter_mut().enumerate() {
        *id = person(store, clock, &format!("Person {index}")).await;
    }
    people
}

pub(super) fn message(clock: &Clock, sender: UserId, receiver: UserId, text: &str) -> NewMessage {
    let text = Text::parse(text.to_owned()).expect("a text");
    NewMessage { id: MessageId::new(), sender, receiver, client_id: None, text, image: None, created_at: clock.now() }
}

pub(super) fn named(message: NewMessage, client_id: ClientId) -> NewMessage {
    NewMessage { client_id: Some(client_id), ..message }
}

pub(super) async fn say(store: &Store, clock: &Clock, sender: UserId, receiver: UserId, text: &str) -> Sent {
    store.sends(message(clock, sender, receiver, text)).await.expect("a send")
}

/// Runs each body on both databases.
macro_rules! on_both {
    ($($(#[$doc:meta])* async fn $name:ident($bench:ident: &Bench) -> Vec<Store> $body:block)*) => {
        $(mod $name {
            use super::*;

            async fn body($bench: &Bench) -> Vec<Store> $body

            $(#[$doc])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                let bench = Bench::sqlite();
                let stores = body(&bench).await;
                bench.close(stores).await;
            }

            $(#[$doc])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                let Some(bench) = Bench::postgres().await else { return };
                let stores = body(&bench).await;
                bench.close(stores).await;
            }
        })*
    };
}
pub(super) use on_both;

impl Store {
    /// As [`Store::send`], with nothing to do afterwards.
    pub(super) async fn sends(&self, message: NewMessage) -> crate::model::Result<Sent> {
        self.send(message, |sent| (sent, || ())).await
    }
}

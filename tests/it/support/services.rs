//! The real PostgreSQL and Redis that `make test` starts, and a database for each test.

use sea_orm::{ConnectionTrait, Database};
use tokio::sync::OnceCell;
use uuid::Uuid;

static TEMPLATE: OnceCell<String> = OnceCell::const_new();

/// The Redis of this run.
pub(crate) fn redis() -> String {
    variable("HUBBUB_TEST_REDIS")
}

/// A fresh database with the schema in it: a copy of a template that is migrated once a run.
pub(crate) async fn database() -> String {
    let template = TEMPLATE.get_or_init(make_template).await;
    let name = name();
    run(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
    url(&name)
}

/// A fresh database with nothing in it.
pub(crate) async fn empty_database() -> String {
    let name = name();
    run(&format!("CREATE DATABASE {name}")).await;
    url(&name)
}

async fn make_template() -> String {
    let name = name();
    run(&format!("CREATE DATABASE {name}")).await;
    let settings = [("DATABASE_URL".to_owned(), url(&name)), ("JWT_SECRET".to_owned(), "s".repeat(32))];
    let config = hubbub::config::Config::load(None, settings).unwrap_or_else(|faults| panic!("{faults}"));
    hubbub::app::migrate(&config).await.unwrap();
    name
}

/// One statement on the server's maintenance database. Copying a template fails while another test copies it, so it is
/// tried again.
async fn run(statement: &str) {
    super::eventually(statement, || async {
        let server = Database::connect(variable("HUBBUB_TEST_POSTGRES")).await.unwrap();
        let done = server.execute_unprepared(statement).await.is_ok();
        server.close().await.unwrap();
        done.then_some(())
    })
    .await;
}

/// Does something to a database behind the nodes' backs.
pub(crate) async fn tampers_with(database: &str, statement: &str) {
    let database = Database::connect(database).await.unwrap();
    database.execute_unprepared(statement).await.unwrap();
    database.close().await.unwrap();
}

fn name() -> String {
    format!("hub_{}", Uuid::new_v4().simple())
}

fn url(database: &str) -> String {
    let server = variable("HUBBUB_TEST_POSTGRES");
    let (base, _) = server.rsplit_once('/').expect("a URL with a database");
    format!("{base}/{database}")
}

/// Shows the nodes' logs when `RUST_LOG` is set.
#[expect(clippy::disallowed_methods, reason = "tests are told by their environment what to show")]
pub(crate) fn log_if_asked() {
    if let Ok(filter) = std::env::var("RUST_LOG") {
        // The first test of a run starts it for all.
        let _ = hubbub::telemetry::start(&hubbub::config::Log { format: hubbub::config::LogFormat::Human, filter });
    }
}

#[expect(clippy::disallowed_methods, reason = "tests are told by their environment where the servers are")]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests with `make test`"))
}

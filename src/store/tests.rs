//! The store's promises, on both databases: each body runs against SQLite in a folder of its own and against a PostgreSQL
//! database of its own on the server that `HUBBUB_TEST_POSTGRES` names.

mod bench;
mod logs;
mod migrating;
mod outage;
mod paging;
mod presence;
mod sending;
mod upkeep;

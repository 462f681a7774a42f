//! The statements of the transaction, each written twice: set-based for PostgreSQL, where every round trip counts, and
//! plainly for SQLite, which runs in this process. The only place that tells the two apart.

use super::{
    plan::{Conversation, Plan, Row},
    postgres, sqlite,
};
use crate::model::{Timestamp, message::Message};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, prelude::Uuid};
use std::collections::{BTreeMap, HashMap, HashSet};

macro_rules! dispatch {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {
        $($(#[$doc])*
        pub(super) async fn $name(transaction: &DatabaseTransaction, $($arg: $type),*) -> Result<$answer, DbErr> {
            match transaction.get_database_backend() {
                DbBackend::Postgres => postgres::$name(transaction, $($arg),*).await,
                _ => sqlite::$name(transaction, $($arg),*).await,
            }
        })*
    };
}

dispatch! {
    /// Those of `users` who exist and are not deleted.
    living(users: Vec<Uuid>) -> HashSet<Uuid>;
    /// Locks conversations in the order of their ids; by direct key, the missing ones left out.
    lock_conversations(keys: Vec<String>) -> HashMap<String, Conversation>;
    /// Locks logs in the order of their users; the last number of each.
    lock_logs(users: Vec<Uuid>) -> BTreeMap<Uuid, i64>;
    /// The messages that these (sender, client id) already name.
    known(names: Vec<(Uuid, Uuid)>) -> HashMap<(Uuid, Uuid), Message>;
    insert_messages(rows: &[Row]) -> ();
    /// Sets the last message of the conversations that moved.
    update_conversations(plan: &Plan) -> ();
    update_logs(logs: &BTreeMap<Uuid, i64>) -> ();
    insert_entries(plan: &Plan) -> ();
    /// Makes direct conversations, by direct key, and their members; leaves those that exist.
    create_conversations(pairs: &BTreeMap<String, [Uuid; 2]>, at: Timestamp) -> ();
}

//! The tables of the first release.
//!
//! The tables that every send writes (`messages`, `user_events`, `conversations`, `members`) have no foreign keys: a check
//! would cost a lookup and a row lock for each row, and the transaction has just read under locks what it would check.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, integer, small_integer, text, text_null, text_uniq, timestamp_with_time_zone, timestamp_with_time_zone_null,
        uuid, uuid_null,
    },
    sea_orm::DbBackend,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [users(), user_log(), sessions(), nodes(), conversations(), members(), messages(), user_events(), uploads()]
        {
            manager.create_table(table).await?;
        }
        for index in INDEXES {
            manager.get_connection().execute_unprepared(index).await?;
        }
        if manager.get_database_backend() == DbBackend::Postgres {
            for setting in POSTGRES_SETTINGS {
                manager.get_connection().execute_unprepared(setting).await?;
            }
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["uploads", "user_events", "messages", "members", "conversations", "nodes", "sessions", "user_log", "users"]
        {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

/// Raw because the builder knows no partial indexes; both databases read the same text.
const INDEXES: &[&str] = &[
    "CREATE INDEX users_by_age ON users (created_at, id)",
    "CREATE INDEX sessions_by_user ON sessions (user_id)",
    // Polled twice a second by every node: holds the revoked few only.
    "CREATE INDEX sessions_revoked ON sessions (revoked_at) WHERE revoked_at IS NOT NULL",
    "CREATE INDEX members_by_user ON members (user_id)",
    "CREATE UNIQUE INDEX messages_by_number ON messages (conversation_id, number)",
    "CREATE UNIQUE INDEX messages_by_client_id ON messages (sender_id, client_id) WHERE client_id IS NOT NULL",
    "CREATE INDEX uploads_by_owner ON uploads (owner_id)",
];

/// Room in each page, so that the counters that every batch updates stay in it (heap-only tuples: no index is touched).
const POSTGRES_SETTINGS: &[&str] = &[
    "ALTER TABLE user_log SET (fillfactor = 50)",
    "ALTER TABLE conversations SET (fillfactor = 80)",
    "ALTER TABLE members SET (fillfactor = 80)",
];

fn users() -> TableCreateStatement {
    Table::create()
        .table("users")
        .col(uuid("id").primary_key())
        .col(text("full_name"))
        // The name in lower case: neither database folds more than its own idea of letters.
        .col(text("name_folded"))
        .col(text_uniq("email"))
        .col(text("password_hash"))
        .col(text_null("profile_media"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .col(timestamp_with_time_zone_null("deleted_at"))
        .to_owned()
}

fn user_log() -> TableCreateStatement {
    Table::create()
        .table("user_log")
        .col(uuid("user_id").primary_key())
        .col(integer("epoch").default(1))
        .col(big_integer("seq").default(0))
        .foreign_key(ForeignKey::create().from("user_log", "user_id").to("users", "id"))
        .to_owned()
}

fn sessions() -> TableCreateStatement {
    Table::create()
        .table("sessions")
        .col(uuid("id").primary_key())
        .col(uuid("user_id"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("expires_at"))
        .col(timestamp_with_time_zone_null("revoked_at"))
        .foreign_key(ForeignKey::create().from("sessions", "user_id").to("users", "id"))
        .to_owned()
}

fn nodes() -> TableCreateStatement {
    Table::create().table("nodes").col(uuid("id").primary_key()).col(timestamp_with_time_zone("beat_at")).to_owned()
}

fn conversations() -> TableCreateStatement {
    Table::create()
        .table("conversations")
        .col(uuid("id").primary_key())
        .col(small_integer("kind"))
        .col(ColumnDef::new("direct_key").text().null().unique_key().to_owned())
        .col(big_integer("last_number").default(0))
        .col(uuid_null("last_message_id"))
        .col(timestamp_with_time_zone_null("last_at"))
        .col(timestamp_with_time_zone("created_at"))
        .to_owned()
}

fn members() -> TableCreateStatement {
    Table::create()
        .table("members")
        .col(uuid("conversation_id"))
        .col(uuid("user_id"))
        .col(big_integer("read_number").default(0))
        .col(uuid_null("read_message_id"))
        .primary_key(Index::create().col("conversation_id").col("user_id"))
        .to_owned()
}

fn messages() -> TableCreateStatement {
    Table::create()
        .table("messages")
        .col(uuid("id").primary_key())
        .col(uuid("conversation_id"))
        .col(big_integer("number"))
        .col(uuid("sender_id"))
        // The other member of a direct conversation, so that no read of a message needs its members.
        .col(uuid_null("receiver_id"))
        .col(uuid_null("client_id"))
        .col(text_null("text"))
        .col(text_null("media_name"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .col(timestamp_with_time_zone_null("edited_at"))
        .col(timestamp_with_time_zone_null("deleted_at"))
        .col(uuid_null("reply_to"))
        .to_owned()
}

fn user_events() -> TableCreateStatement {
    Table::create()
        .table("user_events")
        .col(uuid("user_id"))
        .col(big_integer("seq"))
        .col(small_integer("kind"))
        // The message, for events that are one; others carry their payload in `data` as JSON.
        .col(uuid_null("ref"))
        .col(text_null("data"))
        .col(timestamp_with_time_zone("created_at"))
        .primary_key(Index::create().col("user_id").col("seq"))
        .to_owned()
}

fn uploads() -> TableCreateStatement {
    Table::create()
        .table("uploads")
        .col(uuid("id").primary_key())
        .col(uuid("owner_id"))
        .col(text("kind"))
        .col(big_integer("bytes"))
        .col(timestamp_with_time_zone("created_at"))
        .foreign_key(ForeignKey::create().from("uploads", "owner_id").to("users", "id"))
        .to_owned()
}

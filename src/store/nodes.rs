//! Which nodes live, as far as the database knows: what tells a dead node from one that only Redis has lost.

use super::{Store, entity::node, sql};
use crate::model::{NodeId, Result, Timestamp};
use chrono::TimeDelta;
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QuerySelect};
use std::time::Duration;

/// How long the row of a node that stopped beating is kept.
const KEPT: TimeDelta = TimeDelta::days(1);

impl Store {
    /// Says that this node lives.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn beat_node(&self, node: NodeId) -> Result<()> {
        // The time is taken inside the statement: a node that is stopped between two of them must not look alive later.
        const POSTGRES: &str = "INSERT INTO nodes (id, beat_at) VALUES ($1, clock_timestamp()) ON CONFLICT (id) DO UPDATE SET beat_at = excluded.beat_at";
        const SQLITE: &str =
            "INSERT INTO nodes (id, beat_at) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET beat_at = excluded.beat_at";
        let statement = match self.write.get_database_backend() {
            DbBackend::Postgres => sql(&self.write, POSTGRES, [node.0.into()]),
            _ => sql(&self.write, SQLITE, [node.0.into(), self.clock.now().into()]),
        };
        self.repeating(|| async {
            self.write.execute_raw(statement.clone()).await?;
            Ok(())
        })
        .await
    }

    /// Says that this node is gone for good.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn retire_node(&self, node: NodeId) -> Result<()> {
        self.repeating(|| async {
            node::Entity::delete_by_id(node.0).exec(&self.write).await?;
            Ok(())
        })
        .await
    }

    /// Nodes that beat within `within`, by the database's clock. Rows older than a day are removed on the way.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn live_nodes(&self, within: Duration) -> Result<Vec<NodeId>> {
        let within = TimeDelta::from_std(within).unwrap_or(KEPT).min(KEPT);
        self.repeating(|| async {
            let now = self.shared_now(&self.write).await?;
            node::Entity::delete_many().filter(node::Column::BeatAt.lt(now - KEPT)).exec(&self.write).await?;
            let query =
                node::Entity::find().select_only().column(node::Column::Id).filter(node::Column::BeatAt.gte(now - within));
            let ids = query.into_tuple::<sea_orm::prelude::Uuid>().all(&self.write).await?;
            Ok(ids.into_iter().map(NodeId).collect())
        })
        .await
    }

    /// When this node last said that it lives, by the database's clock; `None` if it never did or was taken away.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn last_beat(&self, node: NodeId) -> Result<Option<Timestamp>> {
        self.repeating(|| async {
            let row = node::Entity::find_by_id(node.0).one(&self.read).await?;
            Ok(row.map(|row| row.beat_at))
        })
        .await
    }
}

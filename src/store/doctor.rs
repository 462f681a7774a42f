//! What the database knows of one message: for `hubbub doctor`. Reads only.

use super::{
    Store,
    entity::{message, node},
    sql,
};
use crate::model::{MessageId, NodeId, Result, Timestamp, UserId, event::EventKind, message::Message, position::Position};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, QueryOrder, QueryResult, QuerySelect};

/// Members of a conversation that are looked at: groups have no more.
const MEMBERS: i64 = 256;

/// Rows of `nodes` that are looked at, the latest first: dead nodes' stay for a day.
const NODES: u64 = 100;

/// A message and the logs that it should be in.
#[derive(Debug, Clone)]
pub struct MessageTrace {
    pub message: Message,
    pub members: Vec<MemberTrace>,
}

/// One member of the conversation, and their log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberTrace {
    pub user: UserId,
    pub full_name: String,
    /// How far the log goes.
    pub head: Position,
    /// The lowest number that is kept; `None` for an empty log.
    pub kept_from: Option<i64>,
    /// The message's number in it; `None` if it is not there any more.
    pub seq: Option<i64>,
}

impl Store {
    /// A message, with its entry in the log of each member; `None` if there is no such message.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn trace(&self, id: MessageId) -> Result<Option<MessageTrace>> {
        // The newest entries first: what people ask about happened lately, and a log has no index by message.
        const MEMBERS_OF: &str = "SELECT member.user_id, u.full_name, l.epoch, l.seq AS head, \
             (SELECT min(e.seq) FROM user_events e WHERE e.user_id = member.user_id) AS kept_from, \
             (SELECT e.seq FROM user_events e WHERE e.user_id = member.user_id AND e.ref = $2 AND e.kind = $3 \
             ORDER BY e.seq DESC LIMIT 1) AS seq \
             FROM members member JOIN user_log l ON l.user_id = member.user_id JOIN users u ON u.id = member.user_id \
             WHERE member.conversation_id = $1 ORDER BY member.user_id LIMIT $4";
        self.repeating(|| async {
            let Some(row) = message::Entity::find_by_id(id.0).one(&self.read).await? else { return Ok(None) };
            let message = Message::try_from(row)?;
            let values = [message.conversation_id.0.into(), id.0.into(), (EventKind::NewMessage as i16).into(), MEMBERS.into()];
            let rows = self.read.query_all_raw(sql(&self.read, MEMBERS_OF, values)).await?;
            let members = rows.iter().map(member_in).collect::<Result<_, DbErr>>()?;
            Ok(Some(MessageTrace { message, members }))
        })
        .await
    }

    /// Nodes and when each said last that it lives, the latest first; and the time by the same clock.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn node_beats(&self) -> Result<(Vec<(NodeId, Timestamp)>, Timestamp)> {
        self.repeating(|| async {
            let rows = node::Entity::find().order_by_desc(node::Column::BeatAt).limit(NODES).all(&self.read).await?;
            let now = self.shared_now(&self.read).await?;
            Ok((rows.into_iter().map(|row| (NodeId(row.id), row.beat_at)).collect(), now))
        })
        .await
    }
}

fn member_in(row: &QueryResult) -> Result<MemberTrace, DbErr> {
    Ok(MemberTrace {
        user: UserId(row.try_get("", "user_id")?),
        full_name: row.try_get("", "full_name")?,
        head: Position { epoch: row.try_get("", "epoch")?, seq: row.try_get("", "head")? },
        kept_from: row.try_get("", "kept_from")?,
        seq: row.try_get("", "seq")?,
    })
}

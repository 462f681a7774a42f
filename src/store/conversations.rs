//! Who talks with whom, and what was said.

use super::{
    Store,
    entity::{conversation, message, user},
    sql,
    users::page,
};
use crate::model::{
    ClientId, ConversationId, MessageId, Result, UserId,
    conversation::{Chat, direct_key},
    message::Message,
    page::{Cursor, Limit, Page},
    upload::MediaName,
    user::User,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QueryResult, QuerySelect, Value,
    prelude::Uuid,
};

/// The number in `conversations.kind` of a conversation of two.
pub(super) const DIRECT: i16 = 1;

/// The columns of `messages m`, named for [`message_in`].
macro_rules! message_columns {
    () => {
        "m.id AS m_id, m.conversation_id AS m_conversation_id, m.number AS m_number, m.sender_id AS m_sender_id, \
         m.receiver_id AS m_receiver_id, m.client_id AS m_client_id, m.text AS m_text, m.media_name AS m_media_name, \
         m.created_at AS m_created_at, m.updated_at AS m_updated_at, m.edited_at AS m_edited_at, m.deleted_at AS m_deleted_at, \
         m.reply_to AS m_reply_to"
    };
}
pub(super) use message_columns;

/// One page of conversations is found first; people, messages and counts are looked up for its rows only.
macro_rules! chats {
    ($from:literal) => {
        concat!(
            "WITH page AS (SELECT c.id, c.last_at, c.last_message_id, mine.read_number FROM members mine \
             JOIN conversations c ON c.id = mine.conversation_id \
             WHERE mine.user_id = $1 AND c.kind = 1 AND c.last_number > 0",
            $from,
            " ORDER BY c.last_at DESC, c.id DESC LIMIT $2) \
             SELECT page.id AS c_id, page.last_at AS c_last_at, ",
            "u.id AS u_id, u.full_name AS u_full_name, u.name_folded AS u_name_folded, u.email AS u_email, \
             u.password_hash AS u_password_hash, u.profile_media AS u_profile_media, u.created_at AS u_created_at, \
             u.updated_at AS u_updated_at, u.deleted_at AS u_deleted_at, ",
            message_columns!(),
            ", (SELECT count(*) FROM (SELECT 1 FROM messages x WHERE x.conversation_id = page.id AND x.number > page.read_number \
             AND x.sender_id <> $1 LIMIT 1000) AS counted) AS unread \
             FROM page JOIN members theirs ON theirs.conversation_id = page.id AND theirs.user_id <> $1 \
             JOIN users u ON u.id = theirs.user_id JOIN messages m ON m.id = page.last_message_id \
             ORDER BY page.last_at DESC, page.id DESC"
        )
    };
}

impl TryFrom<message::Model> for Message {
    type Error = DbErr;

    fn try_from(row: message::Model) -> Result<Self, DbErr> {
        let receiver =
            row.receiver_id.ok_or_else(|| DbErr::Type(format!("message {} of a conversation that is not direct", row.id)))?;
        Ok(Self {
            id: MessageId(row.id),
            sender_id: UserId(row.sender_id),
            receiver_id: UserId(receiver),
            text: row.text,
            image: row.media_name.map(|name| MediaName::from_stored(name).url()),
            client_id: row.client_id.map(ClientId),
            created_at: row.created_at,
            updated_at: row.updated_at,
            conversation_id: ConversationId(row.conversation_id),
            number: row.number,
        })
    }
}

/// The message in a row that was selected with [`message_columns`].
pub(super) fn message_in(row: &QueryResult) -> Result<Message, DbErr> {
    message::Model::from_query_result(row, "m_")?.try_into()
}

/// The conversation of two people, if they have one.
pub(super) async fn direct(db: &impl ConnectionTrait, a: UserId, b: UserId) -> Result<Option<conversation::Model>, DbErr> {
    conversation::Entity::find().filter(conversation::Column::DirectKey.eq(direct_key(a, b))).one(db).await
}

impl Store {
    /// Everyone whom `me` exchanged a message with, most recent conversation first.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn chats(&self, me: UserId, after: Option<Cursor>, limit: Limit) -> Result<Page<Chat>> {
        let rows = i64::try_from(limit.rows() + 1).unwrap_or(i64::MAX);
        let mut values: Vec<Value> = vec![me.0.into(), rows.into()];
        let text = match after {
            None => chats!(""),
            Some(Cursor { at, id }) => {
                values.extend([at.into(), id.into()]);
                chats!(" AND (c.last_at < $3 OR (c.last_at = $3 AND c.id < $4))")
            }
        };
        self.repeating(|| async {
            let rows = self.read.query_all_raw(sql(&self.read, text, values.clone())).await?;
            let rows = rows.iter().map(chat_in).collect::<Result<Vec<_>, DbErr>>()?;
            let Page { rows, next } = page(rows, limit, |(_, cursor)| *cursor);
            Ok(Page { rows: rows.into_iter().map(|(chat, _)| chat).collect(), next })
        })
        .await
    }

    /// The newest page before message number `before`, oldest first in the page. `next` is the `before` of the older
    /// page. Unknown user or no conversation: an empty page.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn history(&self, me: UserId, other: UserId, before: Option<i64>, limit: Limit) -> Result<Page<Message, i64>> {
        self.repeating(|| async {
            let Some(conversation) = direct(&self.read, me, other).await? else {
                return Ok(Page { rows: Vec::new(), next: None });
            };
            let mut query = message::Entity::find()
                .filter(message::Column::ConversationId.eq(conversation.id))
                .order_by_desc(message::Column::Number)
                .limit(limit.rows() + 1);
            if let Some(before) = before {
                query = query.filter(message::Column::Number.lt(before));
            }
            let rows = query.all(&self.read).await?;
            let rows = rows.into_iter().map(Message::try_from).collect::<Result<Vec<_>, DbErr>>()?;
            let mut page = page(rows, limit, |oldest| oldest.number);
            page.rows.reverse();
            Ok(page)
        })
        .await
    }

    /// The message that this sender sent under this `clientId` earlier, if any.
    ///
    /// # Errors
    /// [`crate::model::Error::Unavailable`].
    pub async fn sent_before(&self, sender: UserId, client_id: ClientId) -> Result<Option<Message>> {
        self.repeating(|| async {
            let query = message::Entity::find()
                .filter(message::Column::SenderId.eq(sender.0))
                .filter(message::Column::ClientId.eq(client_id.0));
            Ok(query.one(&self.read).await?.map(Message::try_from).transpose()?)
        })
        .await
    }
}

fn chat_in(row: &QueryResult) -> Result<(Chat, Cursor), DbErr> {
    let user: User = user::Model::from_query_result(row, "u_")?.into();
    let cursor = Cursor { at: row.try_get("", "c_last_at")?, id: row.try_get::<Uuid>("", "c_id")? };
    Ok((Chat { user: user.into(), last_message: message_in(row)?, unread_count: row.try_get("", "unread")? }, cursor))
}

//! How far somebody has read.

use super::{
    Failure, ReadOutcome, Store,
    conversations::direct,
    entity::{conversation, member, message, user_event},
    sql,
};
use crate::model::{
    Error, MessageId, Result, UserId,
    conversation::ReadMark,
    event::{Event, EventKind},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, QueryFilter, QuerySelect,
    prelude::Uuid,
    sea_query::{Expr, LockType},
};

/// A message to read up to.
#[derive(Debug, Clone, Copy)]
struct Goal {
    number: i64,
    message: Uuid,
}

impl Store {
    /// Marks as read up to a message, or up to the newest (`None`). Never moves backwards. Writes a numbered
    /// `messagesRead` to the reader's log when it moved.
    ///
    /// # Errors
    /// [`Error::MessageNotFound`] if `up_to` is not of that conversation, [`Error::Unavailable`].
    pub async fn mark_read(&self, me: UserId, other: UserId, up_to: Option<MessageId>) -> Result<ReadOutcome> {
        self.repeating(|| async {
            let conversation = direct(&self.read, me, other).await?.filter(|conversation| conversation.last_number > 0);
            let Some(conversation) = conversation else {
                return match up_to {
                    None => Ok(ReadOutcome { mark: None, seq: None }),
                    Some(_) => Err(Error::MessageNotFound.into()),
                };
            };
            let goal = goal(&self.read, &conversation, up_to).await?;
            // Whoever opens a conversation asks for this, mostly for nothing: find that out without a lock.
            let stands = member_of(&self.read, conversation.id, me).await?;
            if goal.number <= stands.read_number {
                return Ok(unmoved(&self.read, me, other, &stands).await?);
            }
            self.move_mark(me, other, conversation.id, goal).await
        })
        .await
    }

    async fn move_mark(&self, me: UserId, other: UserId, conversation: Uuid, goal: Goal) -> Result<ReadOutcome, Failure> {
        let transaction = self.begin().await?;
        // The same order as in a send: something of the conversation first, logs last.
        let stands = lock_member(&transaction, conversation, me).await?;
        if goal.number <= stands.read_number {
            return Ok(unmoved(&transaction, me, other, &stands).await?);
        }
        let seq = next_seq(&transaction, me).await?;
        // After the log is locked, so that the count fits the place of this event among the messages in it.
        let unread_count = unread(&transaction, conversation, me, goal.number).await?;
        member::Entity::update_many()
            .col_expr(member::Column::ReadNumber, Expr::value(goal.number))
            .col_expr(member::Column::ReadMessageId, Expr::value(goal.message))
            .filter(member::Column::ConversationId.eq(conversation))
            .filter(member::Column::UserId.eq(me.0))
            .exec(&transaction)
            .await?;
        let mark = ReadMark { user_id: other, up_to: MessageId(goal.message), unread_count };
        let event = user_event::Model {
            user_id: me.0,
            seq,
            kind: EventKind::MessagesRead as i16,
            reference: None,
            data: Some(Event::messages_read(&mark)?.payload.get().to_owned()),
            created_at: self.clock.now(),
        };
        user_event::Entity::insert(user_event::ActiveModel::from(event).reset_all()).exec_without_returning(&transaction).await?;
        transaction.commit().await?;
        Ok(ReadOutcome { mark: Some(mark), seq: Some(seq) })
    }
}

/// The message to read up to: the one named, or the newest.
async fn goal(db: &impl ConnectionTrait, conversation: &conversation::Model, up_to: Option<MessageId>) -> Result<Goal, Failure> {
    match (up_to, conversation.last_message_id) {
        (Some(id), _) => {
            let query = message::Entity::find_by_id(id.0).filter(message::Column::ConversationId.eq(conversation.id));
            let message = query.one(db).await?.ok_or(Error::MessageNotFound)?;
            Ok(Goal { number: message.number, message: message.id })
        }
        (None, Some(newest)) => Ok(Goal { number: conversation.last_number, message: newest }),
        (None, None) => Err(DbErr::Type(format!("conversation {} has a number but no newest message", conversation.id)).into()),
    }
}

/// The answer when there is nothing to move.
async fn unmoved(db: &impl ConnectionTrait, me: UserId, other: UserId, stands: &member::Model) -> Result<ReadOutcome, DbErr> {
    let Some(up_to) = stands.read_message_id else { return Ok(ReadOutcome { mark: None, seq: None }) };
    let unread_count = unread(db, stands.conversation_id, me, stands.read_number).await?;
    Ok(ReadOutcome { mark: Some(ReadMark { user_id: other, up_to: MessageId(up_to), unread_count }), seq: None })
}

async fn member_of(db: &impl ConnectionTrait, conversation: Uuid, user: UserId) -> Result<member::Model, DbErr> {
    found(member::Entity::find_by_id((conversation, user.0)).one(db).await?, conversation)
}

async fn lock_member(transaction: &DatabaseTransaction, conversation: Uuid, user: UserId) -> Result<member::Model, DbErr> {
    let mut query = member::Entity::find_by_id((conversation, user.0));
    if transaction.get_database_backend() == DbBackend::Postgres {
        query = query.lock(LockType::NoKeyUpdate);
    }
    found(query.one(transaction).await?, conversation)
}

fn found(row: Option<member::Model>, conversation: Uuid) -> Result<member::Model, DbErr> {
    row.ok_or_else(|| DbErr::RecordNotFound(format!("member of conversation {conversation}")))
}

/// Locks the log of `user` and takes its next number.
async fn next_seq(transaction: &DatabaseTransaction, user: UserId) -> Result<i64, DbErr> {
    const NEXT: &str = "UPDATE user_log SET seq = seq + 1 WHERE user_id = $1 RETURNING seq";
    let row = transaction.query_one_raw(sql(transaction, NEXT, [user.0.into()])).await?;
    row.ok_or_else(|| DbErr::RecordNotFound(format!("log of user {user}")))?.try_get("", "seq")
}

/// Messages of others after `number`, counted up to 1,000.
async fn unread(db: &impl ConnectionTrait, conversation: Uuid, me: UserId, number: i64) -> Result<i64, DbErr> {
    const COUNT: &str = "SELECT count(*) AS unread FROM (SELECT 1 FROM messages WHERE conversation_id = $1 AND number > $2 \
         AND sender_id <> $3 LIMIT 1000) AS counted";
    let row = db.query_one_raw(sql(db, COUNT, [conversation.into(), number.into(), me.0.into()])).await?;
    row.ok_or_else(|| DbErr::RecordNotFound("a count".to_owned()))?.try_get("", "unread")
}

//! `/api/messages`: contacts, chats, histories, sending, read marks.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode},
};
use serde::Deserialize;

use super::{limit, link};
use crate::{
    http::{
        Edge,
        body::{ApiJson, Final},
        error::ErrorBody,
        extract::{ApiQuery, Caller, Id},
        link::Next,
        openapi::Failures,
    },
    model::{
        Error, MessageId, Result, UserId,
        conversation::{Chat, ReadMark},
        message::{Draft, Message},
        page::{Cursor, Limit},
        user::PublicUser,
    },
};

/// A bare array, and the `Link` header if there is more.
type Listed<T> = (Option<[(HeaderName, HeaderValue); 1]>, Json<Vec<T>>);

/// Which people to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ContactsQuery {
    /// People on a page, 1 to 1,000; without it 1,000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// From the `Link` header of the page before.
    cursor: Option<String>,
    /// A part of the name, without case.
    #[param(max_length = 100)]
    q: Option<String>,
}

/// Which chats to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ChatsQuery {
    /// Chats on a page, 1 to 1,000; without it 1,000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// From the `Link` header of the page before.
    cursor: Option<String>,
}

/// Which messages to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct HistoryQuery {
    /// Messages on a page, 1 to 1,000; without it 1,000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// From the `Link` header of the newer page.
    #[param(minimum = 1)]
    before: Option<i64>,
}

/// A message to be sent: a text, an image, or both.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct SendBody {
    /// At most 2,000 characters; blanks only count as absent.
    #[schema(max_length = 2000)]
    text: Option<String>,
    /// A data URL of a JPEG, PNG, GIF or WebP image; empty counts as absent.
    #[schema(example = "data:image/png;base64,…")]
    image: Option<String>,
    /// The sender's own name for this send. A retry with the same one is answered with the first message, and stores
    /// nothing.
    #[schema(format = Uuid)]
    client_id: Option<String>,
}

/// How far I have read.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct ReadBody {
    /// The id of the newest message read.
    #[schema(format = Uuid)]
    up_to: String,
}

fn cursor(text: Option<&str>) -> Result<Option<Cursor>> {
    text.map(Cursor::parse).transpose()
}

/// Everybody else
///
/// Everybody but me, oldest account first.
#[utoipa::path(
    get, path = "/api/messages/contacts", tag = "messages", params(ContactsQuery), security(("cookie" = []), ("bearer" = [])),
    responses(
        (status = 200, description = "A page of people.", body = Vec<PublicUser>, headers(("Link" = String, description = "The next page, if there is one: `<…>; rel=\"next\"`."))),
        (status = 400, description = "A parameter is malformed.", body = ErrorBody),
        (status = 401, description = "No session, or one that no longer counts.", body = ErrorBody),
        Failures,
    ),
)]
pub(in crate::http) async fn contacts(
    Caller(me): Caller,
    State(edge): State<Edge>,
    ApiQuery(query): ApiQuery<ContactsQuery>,
) -> Result<Listed<PublicUser>> {
    let (rows, after) = (limit(query.limit)?.unwrap_or(Limit::MAX), cursor(query.cursor.as_deref())?);
    let page = edge.services.users.contacts(me.user, query.q.as_deref(), after, rows).await?;
    let next = |at: Cursor| {
        Next::to("/api/messages/contacts")
            .with("limit", query.limit)
            .with("cursor", Some(at))
            .with("q", query.q.as_deref())
            .header()
    };
    Ok((link(page.next.map(next).transpose()?), Json(page.rows)))
}

/// My chats
///
/// Everyone I have exchanged a message with, most recent conversation first.
#[utoipa::path(
    get, path = "/api/messages/chats", tag = "messages", params(ChatsQuery), security(("cookie" = []), ("bearer" = [])),
    responses(
        (status = 200, description = "A page of chats.", body = Vec<Chat>, headers(("Link" = String, description = "The next page, if there is one: `<…>; rel=\"next\"`."))),
        (status = 400, description = "A parameter is malformed.", body = ErrorBody),
        (status = 401, description = "No session, or one that no longer counts.", body = ErrorBody),
        Failures,
    ),
)]
pub(in crate::http) async fn chats(
    Caller(me): Caller,
    State(edge): State<Edge>,
    ApiQuery(query): ApiQuery<ChatsQuery>,
) -> Result<Listed<Chat>> {
    let (rows, after) = (limit(query.limit)?.unwrap_or(Limit::MAX), cursor(query.cursor.as_deref())?);
    let page = edge.services.conversations.chats(me.user, after, rows).await?;
    let next = |at: Cursor| Next::to("/api/messages/chats").with("limit", query.limit).with("cursor", Some(at)).header();
    Ok((link(page.next.map(next).transpose()?), Json(page.rows)))
}

/// A conversation
///
/// The messages between me and somebody, oldest first on the page; an unknown person has none. Without parameters:
/// the newest 1,000, and the conversation counts as read.
#[utoipa::path(
    get, path = "/api/messages/{id}", tag = "messages", security(("cookie" = []), ("bearer" = [])),
    params(("id" = UserId, Path, description = "The other person."), HistoryQuery),
    responses(
        (status = 200, description = "A page of messages.", body = Vec<Message>, headers(("Link" = String, description = "The page of older messages, if there is one: `<…>; rel=\"next\"`."))),
        (status = 400, description = "The id or a parameter is malformed.", body = ErrorBody),
        (status = 401, description = "No session, or one that no longer counts.", body = ErrorBody),
        Failures,
    ),
)]
pub(in crate::http) async fn history(
    Caller(me): Caller,
    State(edge): State<Edge>,
    Id(other): Id<UserId>,
    ApiQuery(query): ApiQuery<HistoryQuery>,
) -> Result<Listed<Message>> {
    if query.before.is_some_and(|number| number < 1) {
        return Err(Error::Malformed("before must be a number from a Link header.".to_owned()));
    }
    let page = edge.services.conversations.history(me.user, other, query.before, limit(query.limit)?).await?;
    let next = |before: i64| {
        Next::to(&format!("/api/messages/{other}")).with("limit", query.limit).with("before", Some(before)).header()
    };
    Ok((link(page.next.map(next).transpose()?), Json(page.rows)))
}

/// Send a message
///
/// Answered when the message is stored for good, whatever happens after that.
#[utoipa::path(
    post, path = "/api/messages/send/{id}", tag = "messages", request_body = SendBody, security(("cookie" = []), ("bearer" = [])),
    params(("id" = UserId, Path, description = "The receiver.")),
    responses(
        (status = 201, description = "The message; for a repeated `clientId` the one that it named first.", body = Message),
        (status = 400, description = "Neither text nor image, or one that is not acceptable; a malformed id; a message to myself.", body = ErrorBody),
        (status = 401, description = "No session, or one that no longer counts.", body = ErrorBody),
        (status = 404, description = "There is no such receiver.", body = ErrorBody),
        (status = 409, description = "The `clientId` was used for a message to somebody else.", body = ErrorBody),
        (status = 413, description = "The body is too large.", body = ErrorBody),
        Failures,
    ),
)]
pub(in crate::http) async fn send(
    Caller(me): Caller,
    State(edge): State<Edge>,
    Id(receiver): Id<UserId>,
    ApiJson(SendBody { text, image, client_id }): ApiJson<SendBody>,
) -> Result<(StatusCode, Final)> {
    let client_id = client_id.map(|text| text.parse()).transpose()?;
    let message = edge.services.messages.send(me.user, receiver, Draft { text, image, client_id }).await?;
    Ok((StatusCode::CREATED, Final(message)))
}

/// Mark as read
///
/// Marks the conversation with somebody as read up to a message. Never moves the mark backwards; the answer is where
/// it stands. My other sockets hear of it.
#[utoipa::path(
    post, path = "/api/messages/{id}/read", tag = "messages", request_body = ReadBody, security(("cookie" = []), ("bearer" = [])),
    params(("id" = UserId, Path, description = "The other person.")),
    responses(
        (status = 200, description = "Where the mark stands.", body = ReadMark),
        (status = 400, description = "An id is malformed.", body = ErrorBody),
        (status = 401, description = "No session, or one that no longer counts.", body = ErrorBody),
        (status = 404, description = "That message is not of this conversation.", body = ErrorBody),
        (status = 413, description = "The body is too large.", body = ErrorBody),
        Failures,
    ),
)]
pub(in crate::http) async fn read(
    Caller(me): Caller,
    State(edge): State<Edge>,
    Id(other): Id<UserId>,
    ApiJson(ReadBody { up_to }): ApiJson<ReadBody>,
) -> Result<Json<ReadMark>> {
    let up_to: MessageId = up_to.parse()?;
    Ok(Json(edge.services.reads.mark(me.user, other, up_to).await?))
}

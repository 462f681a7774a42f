//! `/api/sync`: everything that changed for me.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;

use super::limit;
use crate::{
    domain::sync::Synced,
    http::{
        Edge,
        error::ErrorBody,
        extract::{ApiQuery, Caller},
        openapi::Failures,
    },
    model::{Result, event::LogEntry, page::Limit, position::Position},
};

/// From where.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct SyncQuery {
    /// A position: the last argument of an event, or `next` of the page before. Without it the answer says where the log
    /// ends now.
    #[param(example = "1.42")]
    since: Option<String>,
    /// Events on a page, 1 to 1,000; without it 1,000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Something that changed, as sockets get it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::http) struct SyncEvent {
    /// The Socket.IO event's name.
    #[schema(example = "newMessage")]
    event: &'static str,
    /// The event's payload.
    #[schema(value_type = Object)]
    data: Arc<RawValue>,
    /// Where the log stands with this event in it.
    #[schema(example = "1.43")]
    position: String,
}

/// A page of changes, or why there is none.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(in crate::http) enum SyncPage {
    Events {
        /// Oldest first.
        events: Vec<SyncEvent>,
        /// Ask from here for the next page. There is none when it equals `position`.
        #[schema(example = "1.43")]
        next: String,
        /// Where the log ended.
        #[schema(example = "1.43")]
        position: String,
    },
    Reset {
        /// What followed `since` can't be told, because it is `trimmed` (pruned), of an `unknown_log`, or `ahead` of the
        /// log: load lists and histories anew, and go on from `position`.
        #[schema(example = "trimmed")]
        reset: &'static str,
        /// Where the log ended.
        #[schema(example = "1.43")]
        position: String,
    },
}

/// What changed
///
/// Everything that changed for me since a position, in order: what a socket would have been sent.
#[utoipa::path(
    get, path = "/api/sync", tag = "messages", params(SyncQuery), security(("cookie" = []), ("bearer" = [])),
    responses(
        (status = 200, description = "A page of changes, or `reset`.", body = SyncPage),
        (status = 400, description = "A parameter is malformed.", body = ErrorBody),
        (status = 401, description = "No session, or one that no longer counts.", body = ErrorBody),
        Failures,
    ),
)]
pub(in crate::http) async fn sync(
    Caller(me): Caller,
    State(edge): State<Edge>,
    ApiQuery(query): ApiQuery<SyncQuery>,
) -> Result<Json<SyncPage>> {
    let since = query.since.as_deref().map(str::parse::<Position>).transpose()?;
    let limit = limit(query.limit)?.unwrap_or(Limit::MAX);
    Ok(Json(match edge.services.sync.since(me.user, since, limit).await? {
        Synced::Page { entries, next, position } => {
            let event = |LogEntry { seq, event, .. }: LogEntry| SyncEvent {
                event: event.kind.name(),
                data: event.payload,
                position: Position { seq, ..next }.to_string(),
            };
            let events = entries.into_iter().map(event).collect();
            SyncPage::Events { events, next: next.to_string(), position: position.to_string() }
        }
        Synced::Reset { reason, position } => SyncPage::Reset { reset: reason.label(), position: position.to_string() },
    }))
}

//! The ops port: `/live`, `/ready`, `/metrics`, `/recent`. For the orchestrator, Prometheus and `hubbub doctor`, never
//! published.

use axum::{
    Json, Router,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;

use super::extract::ApiQuery;
use crate::{
    domain::nodes::NodeHealth,
    lifecycle::{Lifecycle, Readiness},
    metrics::Metrics,
    model::{Error, MessageId, Result, UserId},
    recent::{Recent, Recollection},
};

/// The text exposition format that [`Metrics::render`] writes.
const EXPOSITION: &str = "text/plain; version=0.0.4";

/// Entries that one question may name: a message has one for each member of its conversation.
const ENTRIES: usize = 256;

/// What `/ready` answers: its status is 200 or 503 by `status` alone. How database and backplane are doing is told but
/// decides nothing, else one outage of theirs would empty the load balancer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Ready {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    database: DatabaseHealth,
    backplane: BackplaneHealth,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DatabaseHealth {
    connected: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BackplaneHealth {
    connected: bool,
    deaf: bool,
    beacon_age_ms: u64,
}

/// The router of the ops port. `health` is asked at each `/ready` and must not wait.
pub fn ops<H>(lifecycle: Lifecycle, metrics: Metrics, recent: Recent, health: H) -> Router
where
    H: Fn() -> NodeHealth + Clone + Send + Sync + 'static,
{
    Router::new()
        .route("/live", get(async || Json(serde_json::json!({"status": "live"}))))
        .route("/ready", get(async move || ready(lifecycle.readiness(), health())))
        .route("/metrics", get(async move || exposition(&metrics)))
        .route("/recent", get(async move |ApiQuery(query): ApiQuery<Vec<(String, String)>>| recall(&recent, &query)))
        .fallback(async || Error::NotFound)
        .method_not_allowed_fallback(async || Error::MethodNotAllowed)
}

fn ready(readiness: Readiness, health: NodeHealth) -> Response {
    let (code, status, reason) = match readiness {
        Readiness::Ready => (StatusCode::OK, "ready", None),
        Readiness::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting", None),
        Readiness::Unfit(reason) => (StatusCode::SERVICE_UNAVAILABLE, "unfit", Some(reason)),
        Readiness::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining", None),
    };
    let body = Ready {
        status,
        reason,
        database: DatabaseHealth { connected: health.database },
        backplane: BackplaneHealth {
            connected: health.backplane.connected,
            deaf: health.backplane.deaf,
            beacon_age_ms: u64::try_from(health.backplane.beacon_age.as_millis()).unwrap_or(u64::MAX),
        },
    };
    (code, Json(body)).into_response()
}

fn exposition(metrics: &Metrics) -> Response {
    match metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, EXPOSITION)], text).into_response(),
        Err(cause) => Error::internal("metrics", cause).into_response(),
    }
}

/// `/recent?message=ID&entry=USER:SEQ&entry=…`: what this node remembers of a message, which is that entry in those logs.
fn recall(recent: &Recent, query: &[(String, String)]) -> Result<Json<Recollection>> {
    let mut message: Option<MessageId> = None;
    let mut entries: Vec<(UserId, i64)> = Vec::new();
    for (name, value) in query {
        match name.as_str() {
            "message" => message = Some(value.parse()?),
            "entry" if entries.len() < ENTRIES => entries.push(entry(value)?),
            "entry" => return Err(Error::Malformed(format!("At most {ENTRIES} entries can be asked for."))),
            _ => return Err(Error::Malformed("Expected message=ID and any number of entry=USER:SEQ.".to_owned())),
        }
    }
    let message = message.ok_or_else(|| Error::Malformed("Expected message=ID.".to_owned()))?;
    Ok(Json(recent.recall(message, &entries)))
}

fn entry(text: &str) -> Result<(UserId, i64)> {
    let wrong = || Error::Malformed("An entry is written USER:SEQ, a person's id and a number.".to_owned());
    let (user, seq) = text.split_once(':').ok_or_else(wrong)?;
    Ok((user.parse()?, seq.parse().map_err(|_| wrong())?))
}

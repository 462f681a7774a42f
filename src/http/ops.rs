//! The ops port: `/live`, `/ready`, `/metrics`. For the orchestrator and Prometheus, never published.

use axum::{
    Json, Router,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;

use crate::{
    domain::nodes::NodeHealth,
    lifecycle::{Lifecycle, Readiness},
    metrics::Metrics,
    model::Error,
};

/// The text exposition format that [`Metrics::render`] writes.
const EXPOSITION: &str = "text/plain; version=0.0.4";

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
pub fn ops<H>(lifecycle: Lifecycle, metrics: Metrics, health: H) -> Router
where
    H: Fn() -> NodeHealth + Clone + Send + Sync + 'static,
{
    Router::new()
        .route("/live", get(async || Json(serde_json::json!({"status": "live"}))))
        .route("/ready", get(async move || ready(lifecycle.readiness(), health())))
        .route("/metrics", get(async move || exposition(&metrics)))
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

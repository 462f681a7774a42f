//! What every request gets: an id, a span, a line in the log, and its place in the metrics. Never in any of them:
//! bodies, tokens, cookies and query strings.

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue, Method},
    response::Response,
};
use std::time::Instant;
use tracing::{Instrument, Span, field::Empty};
use uuid::Uuid;

use super::client::Proxies;
use crate::{
    metrics::Metrics,
    trace::{self, step},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The label of requests that no route matched: their paths are whatever strangers think of.
const UNMATCHED: &str = "other";

/// What is needed for that.
#[derive(Debug, Clone)]
pub(super) struct Observer {
    pub(super) metrics: Metrics,
    pub(super) proxies: Proxies,
}

/// Goes around all else.
pub(super) async fn observe(observer: &Observer, request: Request, next: impl AsyncFnOnce(Request) -> Response) -> Response {
    let Observer { metrics, proxies } = observer;
    let started = Instant::now();
    let id = request_id(&request);
    let method = method_label(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
    let span = tracing::info_span!("request", id = id.to_str().unwrap_or_default(), method, route);
    let step = if route.starts_with("/api/") {
        step!("request", otel.name = %format_args!("{method} {route}"), otel.kind = "server", http.request.method = method,
            http.route = route, http.response.status_code = Empty, hubbub.request_id = id.to_str().unwrap_or_default())
    } else {
        // Polls last as long as they like, and say nothing.
        Span::none()
    };
    let step = match proxies.trace(&request) {
        Some(trace) => trace::follow(step, trace),
        None => step,
    };
    let mut response = next(request).instrument(step.clone()).instrument(span.clone()).await;

    let status = response.status();
    step.record("http.response.status_code", status.as_u16());
    drop(step);
    let elapsed = started.elapsed();
    metrics.http_requests.with_label_values(&[route, method, status.as_str()]).inc();
    metrics.http_seconds.with_label_values(&[route]).observe(elapsed.as_secs_f64());
    span.in_scope(|| {
        let (status, duration_ms) = (status.as_u16(), elapsed.as_secs_f64() * 1000.0);
        if status >= 500 {
            tracing::info!(status, duration_ms, "answered");
        } else {
            tracing::debug!(status, duration_ms, "answered");
        }
    });
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// The id that the caller or a proxy gave, if it can stand in a log line as it is; else a new one.
fn request_id(request: &Request) -> HeaderValue {
    let is_sane = |id: &&HeaderValue| {
        (1..=64).contains(&id.len()) && id.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    request.headers().get(REQUEST_ID).filter(is_sane).cloned().unwrap_or_else(|| {
        let id = Uuid::now_v7().simple().to_string();
        HeaderValue::try_from(id).unwrap_or_else(|_| HeaderValue::from_static("none"))
    })
}

/// A closed set of labels: HTTP lets a client invent methods.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => UNMATCHED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{
        Router,
        body::Body,
        middleware::{self, Next},
        routing::get,
    };
    use tower::ServiceExt;

    async fn ask(metrics: &Metrics, method: &str, path: &str, id: Option<&str>) -> Response {
        let observer = Observer { metrics: metrics.clone(), proxies: Proxies::new(&[]) };
        let layer = middleware::from_fn(move |request, next: Next| {
            let observer = observer.clone();
            async move { observe(&observer, request, async |request| next.run(request).await).await }
        });
        let router = Router::new().route("/things/{id}", get(async || "thing")).layer(layer);
        let request = id.map_or(Request::builder(), |id| Request::builder().header(REQUEST_ID, id));
        let request = request.method(method).uri(path).body(Body::empty()).expect("a request");
        router.oneshot(request).await.expect("infallible")
    }

    #[tokio::test]
    async fn a_sane_request_id_is_kept_and_any_other_is_replaced() {
        let metrics = Metrics::new().expect("series");
        let kept = ask(&metrics, "GET", "/things/1", Some("trace-1.a_B")).await;
        assert_eq!(kept.headers()[REQUEST_ID], "trace-1.a_B");
        let long = "x".repeat(65);
        for id in [None, Some(""), Some("a b"), Some("a\"b"), Some(long.as_str())] {
            let response = ask(&metrics, "GET", "/things/1", id).await;
            let made = response.headers()[REQUEST_ID].to_str().expect("text");
            assert!(Uuid::try_parse(made).is_ok(), "{id:?} became {made}");
        }
    }

    #[tokio::test]
    async fn requests_are_counted_by_matched_route_and_a_closed_set_of_methods() {
        let metrics = Metrics::new().expect("series");
        ask(&metrics, "GET", "/things/1", None).await;
        ask(&metrics, "GET", "/things/2?token=secret", None).await;
        ask(&metrics, "BREW", "/things/2", None).await;
        ask(&metrics, "GET", "/wp-admin.php", None).await;
        let count = |labels: &[&str]| metrics.http_requests.with_label_values(labels).get();
        assert_eq!(count(&["/things/{id}", "GET", "200"]), 2);
        assert_eq!(count(&["/things/{id}", "other", "405"]), 1);
        assert_eq!(count(&["other", "GET", "404"]), 1);
        let text = metrics.render().expect("text");
        assert!(!text.contains("secret") && !text.contains("wp-admin"), "{text}");
    }
}

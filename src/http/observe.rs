//! What every request gets: an id, a line in the log, and its place in the metrics. Never in any of them: bodies, tokens, cookies
//! and query strings.
//!
//! The line is all that an operator needs of a request that failed, so there is a span around the request only while somebody
//! looks closer (`debug`): one costs more than all else here together.

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue, Method},
    response::Response,
};
use std::time::Instant;
use tracing::{Instrument, Span, field::Empty};
use uuid::Uuid;

use super::{client::Proxies, error::Failed};
use crate::{
    metrics::Metrics,
    model::error::Kind,
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
    let name = id.to_str().unwrap_or_default();
    let span = tracing::debug_span!("request", id = %name, %method, %route);
    let step = if route.starts_with("/api/") {
        step!("request", otel.name = %format_args!("{method} {route}"), otel.kind = "server", http.request.method = method,
            http.route = route, http.response.status_code = Empty, hubbub.request_id = name)
    } else {
        // Polls last as long as they like, and say nothing.
        Span::none()
    };
    let step = match proxies.trace(&request) {
        Some(trace) => trace::follow(step, trace),
        None => step,
    };
    let mut response = next(request).instrument(step.clone()).instrument(span).await;

    let status = response.status();
    step.record("http.response.status_code", status.as_u16());
    drop(step);
    let elapsed = started.elapsed();
    metrics.http_requests.with_label_values(&[route, method, status.as_str()]).inc();
    metrics.http_seconds.with_label_values(&[route]).observe(elapsed.as_secs_f64());
    let failed = response.extensions_mut().remove::<Failed>();
    tell(&Answered { id: name, method, route, status: status.as_u16(), duration_ms: elapsed.as_secs_f64() * 1000.0 }, failed);
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// What the line of a request says.
struct Answered<'a> {
    id: &'a str,
    method: &'a str,
    route: &'a str,
    status: u16,
    duration_ms: f64,
}

/// One line for a request. Causes are told here and nowhere else.
fn tell(&Answered { id, method, route, status, duration_ms }: &Answered<'_>, failed: Option<Failed>) {
    macro_rules! line {
        ($level:ident, $text:literal $(, $($field:tt)*)?) => {
            tracing::$level!(%id, %method, %route, status, duration_ms, $($($field)*,)? $text)
        };
    }
    let Some((error, cause)) = failed.as_ref().and_then(|Failed(error)| Some((error, error.cause()?))) else {
        return if status >= 500 { line!(info, "answered") } else { line!(debug, "answered") };
    };
    let (code, part, cause) = (error.code(), cause.part, &cause.text);
    match error.kind() {
        Kind::Internal => line!(error, "request failed", code, part, %cause),
        _ => line!(warn, "request failed for now", code, part, %cause),
    }
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
    use crate::model::Error;
    use axum::{
        Router,
        body::Body,
        middleware::{self, Next},
        routing::get,
    };
    use parking_lot::Mutex;
    use std::{io, sync::Arc};
    use tower::ServiceExt;
    use tracing_subscriber::{EnvFilter, fmt};

    /// A log in memory.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.lock().extend(text);
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    async fn ask(metrics: &Metrics, method: &str, path: &str, id: Option<&str>) -> Response {
        let observer = Observer { metrics: metrics.clone(), proxies: Proxies::new(&[]) };
        let layer = middleware::from_fn(move |request, next: Next| {
            let observer = observer.clone();
            async move { observe(&observer, request, async |request| next.run(request).await).await }
        });
        let fails = async || Error::unavailable("database", "connection refused");
        let router = Router::new().route("/things/{id}", get(async || "thing")).route("/broken", get(fails)).layer(layer);
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
    async fn a_request_that_failed_is_one_line_that_says_which_and_why() {
        let lines = Lines::default();
        let writer = {
            let lines = lines.clone();
            move || lines.clone()
        };
        let log = fmt().with_writer(writer).with_ansi(false).with_env_filter(EnvFilter::new("info")).finish();
        let _while_it_lives = tracing::subscriber::set_default(log);
        let metrics = Metrics::new().expect("series");

        ask(&metrics, "GET", "/things/1", Some("well")).await;
        ask(&metrics, "GET", "/broken?token=secret", Some("ill")).await;

        let log = String::from_utf8(lines.0.lock().clone()).expect("text");
        assert_eq!(log.lines().count(), 1, "{log}");
        for said in
            ["WARN", "id=ill", "method=GET", "route=/broken", "status=503", "part=\"database\"", "cause=connection refused"]
        {
            assert!(log.contains(said), "{said} is missing in {log}");
        }
        assert!(!log.contains("secret"), "{log}");
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

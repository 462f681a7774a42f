//! The web client: one embedded page, so that one binary is the whole product and `cargo build` needs no Node.js.
//! It answers every GET that names nothing else, because single-page clients route by themselves.

use axum::{
    extract::Request,
    http::{HeaderValue, Method, header},
    response::{Html, IntoResponse, Response},
};

use crate::model::Error;

const INDEX: &str = include_str!("../../web/index.html");

/// Nothing from elsewhere, no scripts, no frames.
pub(super) const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// First path segments below which a page would be a lie: callers there are programs.
const PROGRAMS: [&str; 3] = ["api", "media", "socket.io"];

/// What lives on the ops port. A load balancer must never take a page for a health answer.
const OPS: [&str; 7] = ["live", "ready", "livez", "readyz", "healthz", "metrics", "recent"];

/// Answers what no route matched: the web client to browsers, JSON to programs.
pub(super) async fn fallback(request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    let first = path.split('/').next().unwrap_or_default();
    if PROGRAMS.contains(&first) || OPS.contains(&path.trim_end_matches('/')) {
        return Error::NotFound.into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return ([(header::ALLOW, "GET, HEAD")], Error::MethodNotAllowed).into_response();
    }
    page(INDEX)
}

/// An HTML page that is asked for again after an upgrade.
pub(super) fn page(html: impl Into<axum::body::Body>) -> Response {
    let headers = [(header::CONTENT_SECURITY_POLICY, PAGE_POLICY), (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    (headers, Html(html.into())).into_response()
}

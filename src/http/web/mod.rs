//! The web client, compiled in, so that one binary is the whole product. `index.html` answers every GET that names nothing
//! else, because the client routes by itself. Without a client (`cargo build` needs no Node.js) a page says how it is built.

mod site;

use axum::{
    body::Bytes,
    extract::Request,
    http::{HeaderName, HeaderValue, Method, header},
    response::{Html, IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};

use crate::model::Error;
pub(super) use site::Site;

/// First path segments below which a page would be a lie: callers there are programs.
const PROGRAMS: [&str; 3] = ["api", "media", "socket.io"];

/// What lives on the ops port. A load balancer must never take a page for a health answer.
const OPS: [&str; 7] = ["live", "ready", "livez", "readyz", "healthz", "metrics", "recent"];

/// Answers what no route matched: the web client to browsers, JSON to programs.
pub(super) fn fallback(site: &Site, request: &Request) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    let first = path.split('/').next().unwrap_or_default();
    if PROGRAMS.contains(&first) || OPS.contains(&path.trim_end_matches('/')) {
        return Error::NotFound.into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return ([(header::ALLOW, "GET, HEAD")], Error::MethodNotAllowed).into_response();
    }
    site.answer(path, request.headers())
}

/// A page without scripts, and with the one `<style>` that it holds.
#[derive(Debug, Clone)]
pub(super) struct Page {
    html: Bytes,
    policy: HeaderValue,
}

impl Page {
    pub(super) fn new(html: String) -> Self {
        let style = html.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).map_or("", |(style, _)| style);
        let style = BASE64_STANDARD.encode(Sha256::digest(style));
        Self { policy: policy(&format!("style-src 'sha256-{style}'; img-src 'self' data:")), html: html.into() }
    }

    pub(super) fn answer(&self) -> Response {
        (page_headers(self.policy.clone()), Html(self.html.clone())).into_response()
    }
}

/// Allows nothing but this.
fn policy(allowed: &str) -> HeaderValue {
    let policy = format!("default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// What a page may load, and that it is asked for again after an upgrade.
fn page_headers(policy: HeaderValue) -> [(HeaderName, HeaderValue); 4] {
    [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
        (
            HeaderName::from_static("permissions-policy"),
            HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
        ),
    ]
}

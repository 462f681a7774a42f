//! The HTTP edge: REST below `/api`, images below `/media`, the web client everywhere else, and the ops port.
//!
//! From the outside in: [`server`] (connections) -> [`finish`] (what every request gets) -> [`api`] (routes). Handlers
//! in `routes/` extract, call one domain method and shape the answer; [`error`] is the one mapping of errors.

mod body;
mod client;
mod cookie;
mod cors;
mod docs;
pub mod error;
mod extract;
mod leftover;
mod link;
mod observe;
mod openapi;
mod ops;
mod routes;
pub mod server;
#[cfg(test)]
mod tests;
mod web;

use axum::{
    Router,
    extract::{FromRef, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::FutureExt;
use std::{ops::Deref, panic::AssertUnwindSafe, sync::Arc};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    config::{Config, origins::Origins},
    domain::{Services, sessions::Sessions},
    metrics::Metrics,
    model::Error,
};
use body::BodyRules;
use client::Proxies;
use cookie::CookieRules;
use observe::Observer;
use web::{Page, Site};

pub use ops::ops;

/// What handlers and extractors share; a cheap handle.
#[derive(Debug, Clone)]
struct Edge(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    services: Services,
    bodies: BodyRules,
    cookies: CookieRules,
    proxies: Proxies,
}

impl Deref for Edge {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl FromRef<Edge> for Sessions {
    fn from_ref(edge: &Edge) -> Self {
        edge.services.sessions.clone()
    }
}

impl FromRef<Edge> for BodyRules {
    fn from_ref(edge: &Edge) -> Self {
        edge.bodies
    }
}

impl FromRef<Edge> for CookieRules {
    fn from_ref(edge: &Edge) -> Self {
        edge.cookies
    }
}

impl FromRef<Edge> for Proxies {
    fn from_ref(edge: &Edge) -> Self {
        edge.proxies.clone()
    }
}

/// Every described route, with its description.
fn described() -> OpenApiRouter<Edge> {
    OpenApiRouter::with_openapi(openapi::Description::openapi())
        .routes(routes!(routes::auth::sign_up))
        .routes(routes!(routes::auth::log_in))
        .routes(routes!(routes::auth::log_out))
        .routes(routes!(routes::auth::check))
        .routes(routes!(routes::profile::update))
        .routes(routes!(routes::messages::contacts))
        .routes(routes!(routes::messages::chats))
        .routes(routes!(routes::messages::history))
        .routes(routes!(routes::messages::send))
        .routes(routes!(routes::messages::read))
        .routes(routes!(routes::sync::sync))
        .routes(routes!(routes::presence::presence))
        .routes(routes!(routes::presence::presence_of_many))
        .routes(routes!(routes::media::image))
}

/// The OpenAPI 3.1 description of [`api`].
pub fn openapi() -> utoipa::openapi::OpenApi {
    described().into_openapi()
}

/// All of `/api` and `/media`, the description at `/api/openapi.json` and `/api/docs`, and the web client for the
/// rest. Add other public routes, then call [`finish`].
pub fn api(services: Services, config: &Config) -> Router {
    let edge = Edge(Arc::new(Parts {
        services,
        bodies: BodyRules::new(&config.http),
        cookies: CookieRules::new(&config.auth),
        proxies: Proxies::new(&config.http.trusted_proxies),
    }));
    let (router, description) = described().split_for_parts();
    complete(router.with_state(edge), &description, Site::built())
}

/// Adds what needs no services, and JSON answers for what no route takes.
fn complete(router: Router, description: &utoipa::openapi::OpenApi, site: Site) -> Router {
    let json = serde_json::to_value(description).unwrap_or_default();
    let page = Page::new(docs::render(&json));
    let text = bytes::Bytes::from(json.to_string());
    let site = Arc::new(site);
    router
        .route("/api/openapi.json", get(async move || ([(header::CONTENT_TYPE, "application/json")], text.clone())))
        .route("/api/docs", get(async move || page.answer()))
        .fallback(async move |request: Request| web::fallback(&site, &request))
        .method_not_allowed_fallback(async || Error::MethodNotAllowed)
}

/// Puts around the complete public router what every request gets, outermost first: id, span, log line and metrics;
/// security headers; CORS; panics as JSON 500; reading what a handler left of the body.
pub fn finish(router: Router, config: &Config, metrics: Metrics) -> Router {
    let observer = Observer { metrics, proxies: Proxies::new(&config.http.trusted_proxies) };
    layered(router, BodyRules::new(&config.http), Origins::new(&config.http.allowed_origins), observer)
}

fn layered(router: Router, bodies: BodyRules, origins: Origins, observer: Observer) -> Router {
    let around = Arc::new(Around { bodies, origins, observer });
    router.layer(middleware::from_fn_with_state(around, Around::run))
}

/// What every request gets, as one middleware: axum takes a box and a copy of the route for each.
struct Around {
    bodies: BodyRules,
    origins: Origins,
    observer: Observer,
}

impl Around {
    async fn run(State(around): State<Arc<Self>>, request: Request, next: Next) -> Response {
        let Self { bodies, origins, observer } = &*around;
        let handler = async |request| leftover::discard(bodies, request, async |request| next.run(request).await).await;
        let safe = async |request| catch_panic(handler(request)).await;
        let shared = async |request| cors::cors(origins, request, safe).await;
        let careful = async |request| harden(request, shared).await;
        observe::observe(observer, request, careful).await
    }
}

async fn catch_panic(response: impl Future<Output = Response>) -> Response {
    // What a handler was in the middle of is dropped with it.
    AssertUnwindSafe(response).catch_unwind().await.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Error::internal("http", format_args!("a handler panicked: {}", text.unwrap_or("no text"))).into_response()
    })
}

/// Room for what the layers add to an answer, so that its headers grow once.
const HEADERS: usize = 12;

/// Adds headers that make browsers careful. An answer that says otherwise itself keeps what it says.
async fn harden(request: Request, next: impl AsyncFnOnce(Request) -> Response) -> Response {
    let is_private = request.uri().path().starts_with("/api/");
    let mut response = next(request).await;
    let headers = response.headers_mut();
    headers.reserve(HEADERS);
    let mut default = |name: HeaderName, value: &'static str| set_default(headers, name, value);
    default(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    default(header::X_FRAME_OPTIONS, "DENY");
    default(header::REFERRER_POLICY, "no-referrer");
    default(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    if is_private {
        // Shared computers and caches on the way must not keep what is for one person.
        default(header::CACHE_CONTROL, "no-store");
    }
    response
}

fn set_default(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.entry(name).or_insert(HeaderValue::from_static(value));
}

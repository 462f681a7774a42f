//! CORS: which answers a page of another origin may read. A disallowed origin gets the plain answer without a single
//! CORS header, so its browser keeps the answer from it; the rule itself is [`Origins`].

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::config::origins::Origins;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type, x-request-id");
const EXPOSED: HeaderValue = HeaderValue::from_static("link, retry-after, x-request-id");
const VARY: HeaderValue = HeaderValue::from_static("origin");
/// Two hours, the longest that Chromium keeps a preflight's answer.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// Answers preflights and marks the answers that allowed origins may read.
pub(super) async fn cors(origins: &Origins, request: Request, next: impl AsyncFnOnce(Request) -> Response) -> Response {
    let headers = request.headers();
    let origin = headers.get(header::ORIGIN).filter(|_| is_allowed(origins, headers)).cloned();
    let is_preflight = request.method() == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if is_preflight { StatusCode::NO_CONTENT.into_response() } else { next(request).await };
    let headers = response.headers_mut();
    // Also for requests without an origin: a cache must not serve one's answer to the other.
    headers.append(header::VARY, VARY);
    let Some(origin) = origin else { return response };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    let more: &[(HeaderName, HeaderValue)] = if is_preflight {
        &[
            (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
            (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
        ]
    } else {
        &[(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED)]
    };
    headers.extend(more.iter().cloned());
    response
}

/// An `Origin` that is no text is not a browser's, and not allowed.
fn is_allowed(origins: &Origins, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or(""));
    origins.allows(text(header::ORIGIN), text(header::HOST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{
        Router,
        body::Body,
        middleware::{self, Next},
        routing::put,
    };
    use tower::ServiceExt;

    async fn ask(method: &str, headers: &[(&str, &str)]) -> Response {
        let origins = Origins::new(&["http://localhost:5173".to_owned()]);
        let layer = middleware::from_fn(move |request, next: Next| {
            let origins = origins.clone();
            async move { cors(&origins, request, async |request| next.run(request).await).await }
        });
        let router = Router::new().route("/", put(async || "done")).layer(layer);
        let request = headers
            .iter()
            .fold(Request::builder().method(method).uri("/"), |request, (name, value)| request.header(*name, *value));
        router.oneshot(request.body(Body::empty()).expect("a request")).await.expect("infallible")
    }

    fn cors_headers(response: &Response) -> Vec<&str> {
        response.headers().keys().map(HeaderName::as_str).filter(|name| name.starts_with("access-control-")).collect()
    }

    #[tokio::test]
    async fn an_allowed_origin_may_read_the_answer_with_credentials_and_its_headers() {
        let response = ask("PUT", &[("origin", "http://localhost:5173"), ("host", "localhost:3000")]).await;
        assert_eq!(response.status(), StatusCode::OK);
        let headers = response.headers();
        assert_eq!(headers["access-control-allow-origin"], "http://localhost:5173");
        assert_eq!(headers["access-control-allow-credentials"], "true");
        assert_eq!(headers["access-control-expose-headers"], "link, retry-after, x-request-id");
        assert_eq!(headers["vary"], "origin");
    }

    #[tokio::test]
    async fn a_preflight_of_an_allowed_origin_is_answered_without_the_handler() {
        let preflight = [("origin", "http://localhost:5173"), ("access-control-request-method", "PUT")];
        let response = ask("OPTIONS", &preflight).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        assert!(response.headers()["access-control-allow-methods"].to_str().expect("text").contains("PUT"));
        assert!(response.headers()["access-control-allow-headers"].to_str().expect("text").contains("content-type"));
    }

    #[tokio::test]
    async fn the_hubs_own_origin_is_allowed() {
        let response = ask("PUT", &[("origin", "https://chat.example.org"), ("host", "chat.example.org")]).await;
        assert_eq!(response.headers()["access-control-allow-origin"], "https://chat.example.org");
    }

    #[tokio::test]
    async fn another_origin_gets_no_cors_headers_at_all() {
        let foreign = [("origin", "https://evil.net"), ("host", "localhost:3000"), ("access-control-request-method", "PUT")];
        for method in ["PUT", "OPTIONS"] {
            let response = ask(method, &foreign).await;
            assert_eq!(cors_headers(&response), Vec::<&str>::new(), "{method}");
            assert_eq!(response.headers()["vary"], "origin");
        }
        assert_eq!(cors_headers(&ask("PUT", &[("origin", "null")]).await), Vec::<&str>::new());
    }

    #[tokio::test]
    async fn a_request_without_an_origin_is_served_plainly() {
        let response = ask("PUT", &[]).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(cors_headers(&response), Vec::<&str>::new());
    }
}

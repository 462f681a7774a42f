//! The edge as a whole, as far as it needs no services: what no route takes, what every answer carries, and the
//! description. The routes themselves are tested against a running hub.

use axum::{
    Router,
    body::Body,
    http::{HeaderName, Request, StatusCode, header},
    response::Response,
    routing::{get, post},
};
use http_body_util::BodyExt;
use serde_json::Value;
use std::{collections::HashMap, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tower::ServiceExt;

use super::{body::BodyRules, client::Proxies, complete, layered, observe::Observer, openapi, server::tests::hub, web::Site};
use crate::{
    backplane::Health,
    config::origins::Origins,
    domain::nodes::NodeHealth,
    lifecycle::Lifecycle,
    metrics::Metrics,
    model::{Clock, Error, MessageId, UserId},
    recent::Recent,
};

fn metrics() -> Metrics {
    Metrics::new().expect("series")
}

fn edge(metrics: Metrics) -> Router {
    let routes = Router::new()
        .route("/api/messages/send/{id}", post(async || "sent"))
        .route("/api/panic", get(async || -> &'static str { panic!("secret of the house") }));
    let rules = BodyRules { limit: 1024, timeout: Duration::from_secs(3) };
    layered(complete(routes, &openapi(), Site::of(HashMap::new())), rules, Origins::new(&[]), observer(metrics))
}

async fn ask(router: Router, method: &str, path: &str) -> Response {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).expect("a request");
    router.oneshot(request).await.expect("infallible")
}

async fn text(response: Response) -> String {
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    String::from_utf8(bytes.to_vec()).expect("text")
}

async fn json(response: Response) -> Value {
    let is_json = header_of(&response, header::CONTENT_TYPE) == "application/json";
    let text = text(response).await;
    assert!(is_json, "{text}");
    serde_json::from_str(&text).expect("JSON")
}

fn header_of(response: &Response, name: HeaderName) -> &str {
    response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[tokio::test]
async fn an_unknown_api_path_is_404_in_json() {
    for (method, path) in [
        ("GET", "/api"),
        ("GET", "/api/"),
        ("GET", "/api/nothing"),
        ("POST", "/api/x/y"),
        ("GET", "/media/x/y"),
        ("GET", "/socket.io"),
    ] {
        let response = ask(edge(metrics()), method, path).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(json(response).await["code"], "request.not_found", "{path}");
    }
}

#[tokio::test]
async fn a_method_that_a_route_does_not_take_is_405_in_json_and_says_which_it_takes() {
    let response = ask(edge(metrics()), "GET", "/api/messages/send/1").await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(header_of(&response, header::ALLOW), "POST");
    assert_eq!(json(response).await["code"], "request.method_not_allowed");

    let response = ask(edge(metrics()), "POST", "/some/page").await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(header_of(&response, header::ALLOW), "GET, HEAD");
    assert_eq!(json(response).await["code"], "request.method_not_allowed");
}

#[tokio::test]
async fn any_other_get_answers_with_the_web_client() {
    for path in ["/", "/login", "/chat/42", "/assets/gone.js", "/apiary", "/live/stream"] {
        let response = ask(edge(metrics()), "GET", path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(header_of(&response, header::CONTENT_TYPE), "text/html; charset=utf-8", "{path}");
        assert!(text(response).await.contains("hubbub is running"), "{path}");
    }
}

#[tokio::test]
async fn paths_of_the_ops_port_are_404_on_the_public_port() {
    for path in ["/live", "/ready", "/livez", "/readyz", "/healthz", "/metrics", "/recent", "/ready/"] {
        let response = ask(edge(metrics()), "GET", path).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(json(response).await["code"], "request.not_found", "{path}");
    }
}

#[tokio::test]
async fn a_panic_is_500_in_json_without_its_text_and_is_counted() {
    let metrics = metrics();
    let response = ask(edge(metrics.clone()), "GET", "/api/panic").await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(response.headers().contains_key("x-request-id"));
    let body = json(response).await;
    assert_eq!(body, serde_json::json!({"message": "Internal server error", "code": "internal"}));
    assert_eq!(metrics.http_requests.with_label_values(&["/api/panic", "GET", "500"]).get(), 1);
}

#[tokio::test]
async fn every_answer_makes_browsers_careful_and_api_answers_are_not_kept() {
    for path in ["/", "/api/nothing", "/api/panic", "/api/docs", "/metrics"] {
        let response = ask(edge(metrics()), "GET", path).await;
        assert_eq!(header_of(&response, header::X_CONTENT_TYPE_OPTIONS), "nosniff", "{path}");
        assert_eq!(header_of(&response, header::X_FRAME_OPTIONS), "DENY", "{path}");
        assert!(header_of(&response, header::CONTENT_SECURITY_POLICY).starts_with("default-src 'none'"), "{path}");
    }
    let response = ask(edge(metrics()), "GET", "/api/nothing").await;
    assert_eq!(header_of(&response, header::CACHE_CONTROL), "no-store");
}

#[tokio::test]
async fn the_description_is_served_as_json_and_as_a_page() {
    let described = json(ask(edge(metrics()), "GET", "/api/openapi.json").await).await;
    assert_eq!(described["openapi"], "3.1.0");
    let page = text(ask(edge(metrics()), "GET", "/api/docs").await).await;
    assert!(page.contains("/api/messages/send/{id}"), "{page}");
}

#[test]
fn the_description_says_what_it_said_before() {
    let mut described = serde_json::to_value(openapi()).expect("JSON");
    // Each release has another one.
    described["info"]["version"] = "redacted".into();
    insta::assert_json_snapshot!("openapi", described);
}

#[test]
fn every_described_route_names_its_errors_in_the_one_shape() {
    let described = serde_json::to_value(openapi()).expect("JSON");
    let operations = described["paths"].as_object().into_iter().flatten().flat_map(|(path, item)| {
        item.as_object().into_iter().flatten().map(move |(method, operation)| (format!("{method} {path}"), operation))
    });
    let mut seen = 0;
    for (name, operation) in operations {
        for (status, response) in operation["responses"].as_object().expect("responses") {
            if status.starts_with(['4', '5']) {
                let body = &response["content"]["application/json"]["schema"]["$ref"];
                assert_eq!(body, "#/components/schemas/ErrorBody", "{name} {status}");
                seen += 1;
            }
        }
        assert!(operation["responses"]["503"].is_object(), "{name}");
        let is_open = name.contains("/signup") || name.contains("/login") || name.contains("/media/");
        assert_eq!(operation["security"].is_array(), !is_open, "{name}");
    }
    assert!(seen > 40, "only {seen} errors are described");
}

fn ops(lifecycle: &Lifecycle, database: bool) -> Router {
    let backplane = Health { connected: false, beacon_age: Duration::from_millis(1500), deaf: true };
    super::ops(lifecycle.clone(), metrics(), Recent::new(100, Clock::default()), move || NodeHealth { database, backplane })
}

#[tokio::test]
async fn ready_follows_the_life_of_the_node_and_not_its_dependencies() {
    let lifecycle = Lifecycle::new();
    let ready = async |database| {
        let response = ask(ops(&lifecycle, database), "GET", "/ready").await;
        (response.status().as_u16(), json(response).await)
    };

    assert_eq!(ready(true).await.0, 503);
    lifecycle.started();
    let (status, body) = ready(false).await;
    assert_eq!(status, 200);
    let expected = serde_json::json!({
        "status": "ready",
        "database": {"connected": false},
        "backplane": {"connected": false, "deaf": true, "beaconAgeMs": 1500},
    });
    assert_eq!(body, expected);

    lifecycle.unfit(Some("the schema is 2 migrations behind".into()));
    let (status, body) = ready(true).await;
    assert_eq!((status, &body["reason"]), (503, &Value::from("the schema is 2 migrations behind")));
    lifecycle.unfit(None);
    lifecycle.drain();
    let (status, body) = ready(true).await;
    assert_eq!((status, &body["status"]), (503, &Value::from("draining")));
}

#[tokio::test]
async fn the_ops_port_is_live_even_when_it_is_not_ready_and_exposes_metrics() {
    let lifecycle = Lifecycle::new();
    assert_eq!(ask(ops(&lifecycle, false), "GET", "/live").await.status(), StatusCode::OK);
    let response = ask(ops(&lifecycle, false), "GET", "/metrics").await;
    assert_eq!(header_of(&response, header::CONTENT_TYPE), "text/plain; version=0.0.4");
    assert!(text(response).await.contains("hubbub_draining 0"));
    assert_eq!(json(ask(ops(&lifecycle, false), "GET", "/else").await).await["code"], "request.not_found");
}

#[tokio::test]
async fn the_ops_port_tells_what_the_node_remembers_of_a_message() {
    let recent = Recent::new(100, Clock::default());
    let (message, user, other) = (MessageId::new(), UserId::new(), UserId::new());
    recent.committed(message, &[(user, 7), (other, 8)]);
    recent.queued(other, 8, "hint", [3].into_iter().collect());
    let ops = super::ops(Lifecycle::new(), metrics(), recent, NodeHealth::starting);

    let told = json(ask(ops.clone(), "GET", &format!("/recent?message={message}&entry={user}:7&entry={other}:8")).await).await;

    assert_eq!(told["facts"].as_array().map(Vec::len), Some(3), "{told}");
    assert_eq!((&told["facts"][2]["what"], &told["facts"][2]["sockets"][0]), (&"queued".into(), &3.into()), "{told}");
    for wrong in ["", "?message=1", "?entry=x", &format!("?message={message}&entry={user}"), &format!("?message={message}&x=1")] {
        assert_eq!(ask(ops.clone(), "GET", &format!("/recent{wrong}")).await.status(), StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn a_client_whose_body_nobody_reads_can_send_it_and_still_gets_its_answer() {
    let rules = BodyRules { limit: 8 << 20, timeout: Duration::from_secs(30) };
    let routes = Router::new().route("/", post(async || Error::InvalidToken));
    let hub = hub(layered(routes, rules, Origins::new(&[]), observer(metrics())), 10, Duration::from_secs(30)).await;
    let mut stream = TcpStream::connect(hub.at).await.expect("connected");
    let photo = vec![b'x'; 16 << 20];
    let head = format!("POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", photo.len());

    stream.write_all(head.as_bytes()).await.expect("the head is taken");
    stream.write_all(&photo).await.expect("the whole body is taken");

    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer and an orderly end");
    assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("auth.invalid_token"), "{answer}");
}

fn observer(metrics: Metrics) -> Observer {
    Observer { metrics, proxies: Proxies::new(&[]) }
}

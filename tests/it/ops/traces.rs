//! A message's way over two nodes, as a collector of OpenTelemetry traces sees it.

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use parking_lot::Mutex;
use prost::Message;
use reqwest::Method;
use std::{net::SocketAddr, sync::Arc};
use tempfile::TempDir;
use tokio::net::TcpListener;
use uuid::Uuid;

use super::{person::Person, process::Process};
use crate::support::{
    eventually, services,
    user::{answer, request},
};

/// What a collector was told: each span, and the instance that it came from.
type Told = Arc<Mutex<Vec<(String, Span)>>>;

async fn collector() -> (SocketAddr, Told) {
    let told = Told::default();
    let router = Router::new().route("/v1/traces", post(take)).with_state(told.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, told)
}

async fn take(State(told): State<Told>, body: Bytes) -> StatusCode {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    for resource in request.resource_spans {
        let instance = text(&resource.resource.unwrap().attributes, "service.instance.id").unwrap();
        let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
        told.lock().extend(spans.map(|span| (instance.clone(), span)));
    }
    StatusCode::OK
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let value = attributes.iter().find(|attribute| attribute.key == key)?.value.clone()?.value?;
    match value {
        Value::StringValue(text) => Some(text),
        Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_leads_from_the_request_to_the_socket_on_another_node() {
    let (at, told) = collector().await;
    let (endpoint, prefix) = (format!("http://{at}"), Uuid::new_v4().simple().to_string());
    let (database, redis, folder) = (services::database().await, services::redis(), TempDir::new().unwrap());
    let settings = [
        ("DATABASE_URL", database.as_str()),
        ("REDIS_URL", redis.as_str()),
        ("HUBBUB__REDIS__PREFIX", prefix.as_str()),
        ("JWT_SECRET", "a secret for tests only, and long enough"),
        ("HUBBUB__MEDIA__SHARED", "true"),
        ("PORT", "0"),
        ("OPS_PORT", "0"),
        ("HUBBUB__DRAIN__NOTICE", "0s"),
        ("HUBBUB__TRACING__OTLP_ENDPOINT", endpoint.as_str()),
        ("HUBBUB__TRACING__SAMPLE", "1"),
        ("HUBBUB__HTTP__TRUSTED_PROXIES", "127.0.0.1"),
    ];
    let nodes = [Process::starts("serve", folder.path(), &settings), Process::starts("serve", folder.path(), &settings)];
    let (here, there) = (nodes[0].serves().await, nodes[1].serves().await);
    let (alice, bob) = (Person::signs_up(here, "alice").await, Person::signs_up(there, "bob").await);
    let mut his = bob.connects().await;

    alice.tries_to_send(&bob, "a secret between us", Uuid::new_v4()).await.unwrap();
    his.expects_message("a secret between us").await;

    let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let check = request(Method::GET, format!("http://{here}/api/auth/check"));
    assert_eq!(answer(check.header("traceparent", format!("00-{trace}-{parent}-01"))).await.status, 401);

    // What is left is delivered when a node stops.
    for node in nodes {
        node.terminates().await.is(0);
    }
    let told = eventually("the whole trace", || async {
        let told = told.lock().clone();
        let has = |name: &str| told.iter().any(|(_, span)| span.name == name);
        (has("deliver") && has("tell nodes")).then_some(told)
    })
    .await;
    let (sender, sent) = told.iter().find(|(_, span)| span.name == "POST /api/messages/send/{id}").expect("the request");
    assert_eq!(text(&sent.attributes, "http.response.status_code").as_deref(), Some("201"));
    assert!(sent.parent_span_id.is_empty());
    let of_trace: Vec<_> = told.iter().filter(|(_, span)| span.trace_id == sent.trace_id).collect();
    let (_, commit) = of_trace.iter().find(|(_, span)| span.name == "commit").expect("the commit");
    assert_eq!(commit.parent_span_id, sent.span_id);
    let told_by = of_trace.iter().find(|(_, span)| span.name == "tell nodes").expect("the publish");
    assert_eq!(&told_by.0, sender);
    let delivered: Vec<_> = of_trace.iter().filter(|(_, span)| span.name == "deliver").collect();
    assert_eq!(delivered.len(), 2, "once on each node: {of_trace:#?}");
    assert!(delivered.iter().any(|(instance, _)| instance == sender));
    assert!(delivered.iter().any(|(instance, span)| instance != sender && span.parent_span_id == sent.span_id));
    let (_, check) = told.iter().find(|(_, span)| span.name == "GET /api/auth/check").expect("the check");
    assert_eq!((hex(&check.trace_id), hex(&check.parent_span_id)), (trace.to_owned(), parent.to_owned()), "the proxy began it");
    assert!(!format!("{told:?}").contains("secret"), "no message bodies");
}

//! Every error is JSON with `message` and `code`, whatever was wrong.

use reqwest::Method;
use serde_json::json;

use crate::support::{
    TestHub,
    user::{answer, request},
};

#[tokio::test]
async fn bodies_that_are_not_what_they_should_be_get_a_clear_answer() {
    let hub = TestHub::alone().await;
    let [ann, bob] = hub.users(["ann", "bob"]).await;
    let path = format!("/api/messages/send/{}", bob.id);
    let send = || ann.request(Method::POST, &path).header("content-type", "application/json");
    for body in ["{", "{\"text\":", "not json", "{\"text\":\"\\ud800\"}", ""] {
        let refused = answer(send().body(body)).await;
        assert_eq!((refused.status.as_u16(), &refused.body["code"]), (400, &json!("request.malformed")), "{body:?}");
        assert!(refused.body["message"].as_str().is_some_and(|message| !message.is_empty()));
    }
    let too_large = answer(send().body(format!("{{\"text\":\"{}\"}}", "x".repeat(5 << 20)))).await;
    assert_eq!((too_large.status.as_u16(), &too_large.body["code"]), (413, &json!("request.too_large")));
    let nested = answer(send().body("[".repeat(100_000))).await;
    assert_eq!(nested.status, 400);
    ann.sends(&bob, "still fine").await;
    hub.stops().await;
}

#[tokio::test]
async fn unknown_routes_and_methods_are_json_too() {
    let hub = TestHub::alone().await;
    let unknown = answer(request(Method::GET, hub.node(0).url("/api/nothing/here"))).await;
    assert_eq!((unknown.status.as_u16(), &unknown.body["code"]), (404, &json!("request.not_found")));
    let method = answer(request(Method::DELETE, hub.node(0).url("/api/auth/login"))).await;
    assert_eq!((method.status.as_u16(), &method.body["code"]), (405, &json!("request.method_not_allowed")));
    hub.stops().await;
}

#[tokio::test]
async fn frontends_of_configured_origins_and_no_others_may_call_with_credentials() {
    let hub = TestHub::alone_with(&[("CLIENT_URL", "https://chat.example.org,http://localhost:5173")]).await;
    let url = hub.node(0).url("/api/auth/check");
    for (origin, allowed) in
        [("https://chat.example.org", true), ("http://localhost:5173", true), ("https://evil.example", false)]
    {
        let preflight = request(Method::OPTIONS, url.clone())
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type");
        let preflight = preflight.send().await.unwrap();
        let plain = request(Method::GET, url.clone()).header("origin", origin).send().await.unwrap();
        for response in [preflight, plain] {
            let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(header("access-control-allow-origin").as_deref(), allowed.then_some(origin));
            assert_eq!(header("access-control-allow-credentials").as_deref(), allowed.then_some("true"));
        }
    }
    let plain = request(Method::GET, url).header("origin", "http://localhost:5173").send().await.unwrap();
    let exposed = plain.headers()["access-control-expose-headers"].to_str().unwrap().to_lowercase();
    assert!(exposed.contains("link") && exposed.contains("retry-after"), "{exposed}");
    hub.stops().await;
}

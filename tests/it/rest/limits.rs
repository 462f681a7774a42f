//! Limits of log-ins, sign-ups and forwarded addresses.

use reqwest::Method;
use serde_json::json;

use crate::support::{
    Answer, TestHub, TestUser,
    user::{answer, request},
};

const FEW: [(&str, &str); 2] = [("HUBBUB__LIMITS__FAILED_LOG_IN__BURST", "3"), ("HUBBUB__LIMITS__FAILED_LOG_IN__EVERY", "10m")];

async fn log_in(hub: &TestHub, node: usize, email: &str, password: &str, from: &str) -> Answer {
    let body = json!({ "email": email, "password": password });
    answer(request(Method::POST, hub.node(node).url("/api/auth/login")).header("x-forwarded-for", from).json(&body)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_log_ins_are_limited_by_account_and_address_over_all_nodes() {
    let mut settings = FEW.to_vec();
    settings.push(("HUBBUB__HTTP__TRUSTED_PROXIES", "127.0.0.0/8"));
    let hub = TestHub::cluster_with(2, &settings).await;
    let [ann, bob] = hub.users(["ann", "bob"]).await;

    for n in 0..3 {
        assert_eq!(log_in(&hub, n % 2, &ann.email, "wrong password", "192.0.2.1").await.status, 400);
    }
    for node in 0..2 {
        let refused = log_in(&hub, node, &ann.email, TestUser::PASSWORD, "192.0.2.1").await;
        refused.is_error(429, "Rate limit exceeded. Please try again later.", "rate_limited");
        assert!(refused.header("retry-after").is_some());
    }

    let neighbour = log_in(&hub, 0, &bob.email, TestUser::PASSWORD, "192.0.2.1").await;
    assert_eq!(neighbour.status, 200, "people behind one address don't share a bucket");
    let owner = log_in(&hub, 1, &ann.email, TestUser::PASSWORD, "198.51.100.7").await;
    assert_eq!(owner.status, 200, "nobody can lock somebody else out");
    hub.stops().await;
}

#[tokio::test]
async fn a_forwarded_address_counts_only_from_a_configured_proxy() {
    let hub = TestHub::alone_with(&FEW).await;
    let [ann] = hub.users(["ann"]).await;
    for n in 0..3 {
        assert_eq!(log_in(&hub, 0, &ann.email, "wrong password", &format!("192.0.2.{n}")).await.status, 400);
    }
    let refused = log_in(&hub, 0, &ann.email, "wrong password", "192.0.2.77").await;
    assert_eq!(refused.status, 429, "another forwarded address is no other address");
    hub.stops().await;
}

#[tokio::test]
async fn right_log_ins_are_not_limited() {
    let hub = TestHub::alone_with(&FEW).await;
    let [ann] = hub.users(["ann"]).await;
    for _ in 0..6 {
        assert_eq!(log_in(&hub, 0, &ann.email, TestUser::PASSWORD, "192.0.2.1").await.status, 200);
    }
    hub.stops().await;
}

async fn sign_up(hub: &TestHub, name: &str) -> Answer {
    let body = json!({ "fullName": name, "email": format!("{name}@example.org"), "password": "secret1" });
    answer(request(Method::POST, hub.node(0).url("/api/auth/signup")).json(&body)).await
}

#[tokio::test]
async fn sign_ups_are_limited_by_account_and_address() {
    let hub = TestHub::alone_with(&[("HUBBUB__LIMITS__SIGN_UP__BURST", "2"), ("HUBBUB__LIMITS__SIGN_UP__EVERY", "10m")]).await;
    assert_eq!(sign_up(&hub, "ann").await.status, 201);
    assert_eq!(sign_up(&hub, "ann").await.status, 400);
    sign_up(&hub, "ann").await.is_error(429, "Rate limit exceeded. Please try again later.", "rate_limited");
    assert_eq!(sign_up(&hub, "bob").await.status, 201, "people behind one address don't share a bucket");
    hub.stops().await;
}

#[tokio::test]
async fn accounts_made_from_one_address_are_limited_where_that_is_wanted() {
    let settings =
        [("HUBBUB__LIMITS__SIGN_UPS_FROM_ADDRESS__BURST", "2"), ("HUBBUB__LIMITS__SIGN_UPS_FROM_ADDRESS__EVERY", "10m")];
    let hub = TestHub::alone_with(&settings).await;
    assert_eq!(sign_up(&hub, "ann").await.status, 201);
    assert_eq!(sign_up(&hub, "bob").await.status, 201);
    sign_up(&hub, "carol").await.is_error(429, "Rate limit exceeded. Please try again later.", "rate_limited");
    hub.stops().await;
}

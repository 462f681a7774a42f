//! Signing up, logging in, logging out, who am I.

use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

use crate::support::{
    Answer, TestHub, TestUser, on_both_databases,
    user::{answer, request},
};

async fn post(hub: &TestHub, path: &str, body: Value) -> Answer {
    answer(request(Method::POST, hub.node(0).url(path)).json(&body)).await
}

on_both_databases! {
    async fn signing_up_answers_the_account_and_a_session_cookie(hub: &TestHub) {
        let body = json!({ "fullName": " Ann Lee ", "email": "Ann@Example.org", "password": "secret1" });
        let signed_up = post(hub, "/api/auth/signup", body).await;
        let cookie = signed_up.header("set-cookie").unwrap().to_owned();
        for attribute in ["jwt=", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=604800"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        assert!(!cookie.contains("Secure"), "plain HTTP on a loopback address: {cookie}");
        let token = signed_up.token();
        let account = signed_up.is(201);
        let expected = json!({ "_id": account["_id"], "fullName": "Ann Lee", "email": "ann@example.org", "profilePic": "" });
        assert_eq!(account, expected);

        let bearer = request(Method::GET, hub.node(0).url("/api/auth/check")).bearer_auth(token);
        let checked = answer(bearer).await.is(200);
        let mut fields: Vec<&String> = checked.as_object().unwrap().keys().collect();
        fields.sort();
        assert_eq!(fields, ["_id", "createdAt", "email", "fullName", "profilePic", "updatedAt"]);
        let created = checked["createdAt"].as_str().unwrap();
        assert!(created.len() == 24 && created.ends_with('Z'), "ISO-8601 with milliseconds: {created}");
    }

    async fn what_is_wrong_with_a_sign_up_is_said_in_the_contracts_words(hub: &TestHub) {
        let [ann] = hub.users(["ann"]).await;
        let taken = ann.email.to_uppercase();
        let cases = [
            (json!({}), "All fields are required", "auth.fields_required"),
            (json!({ "fullName": "", "email": "a@b.c", "password": "secret1" }), "All fields are required", "auth.fields_required"),
            (json!({ "fullName": "A", "email": null, "password": "secret1" }), "All fields are required", "auth.fields_required"),
            (json!({ "fullName": "A", "email": "a@b.c", "password": "12345" }), "Password must be at least 6 characters", "auth.password_too_short"),
            (json!({ "fullName": "A", "email": "a@b", "password": "123456" }), "Invalid email format", "auth.email_invalid"),
            (json!({ "fullName": "A", "email": taken, "password": "123456" }), "Email already exists", "auth.email_taken"),
        ];
        for (body, message, code) in cases {
            post(hub, "/api/auth/signup", body).await.is_error(400, message, code);
        }
    }

    async fn logging_in_compares_addresses_without_case_and_says_no_more_than_it_must(hub: &TestHub) {
        let [ann] = hub.users(["ann"]).await;
        let right = json!({ "email": ann.email.to_uppercase(), "password": TestUser::PASSWORD });
        let logged_in = post(hub, "/api/auth/login", right).await.is(200);
        assert_eq!(logged_in, json!({ "_id": ann.id, "fullName": "ann", "email": ann.email, "profilePic": "" }));
        let wrong = post(hub, "/api/auth/login", json!({ "email": ann.email, "password": "wrong password" })).await;
        wrong.is_error(400, "Invalid credentials", "auth.invalid_credentials");
        let unknown = post(hub, "/api/auth/login", json!({ "email": "no@body.test", "password": "secret1" })).await;
        assert_eq!(unknown.body, wrong.body, "an unknown address and a wrong password look alike");
        for body in [json!({}), json!({ "email": ann.email }), json!({ "email": "", "password": "x" })] {
            post(hub, "/api/auth/login", body).await.is_error(400, "Email and password are required", "auth.credentials_required");
        }
    }

    async fn logging_out_revokes_the_session_and_works_without_one(hub: &TestHub) {
        let [ann] = hub.users(["ann"]).await;
        let phone = ann.logs_in(hub.node(0)).await;
        let out = ann.posts("/api/auth/logout", json!({})).await;
        assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"), "{:?}", out.headers);
        assert_eq!(out.is(200), json!({ "message": "Logged out successfully" }));
        ann.gets("/api/auth/check").await.is_error(401, "Unauthorized - Invalid token", "auth.invalid_token");
        phone.gets("/api/auth/check").await.is(200);
        let nobody = answer(request(Method::POST, hub.node(0).url("/api/auth/logout"))).await;
        assert_eq!(nobody.is(200), json!({ "message": "Logged out successfully" }));
    }

    async fn without_a_good_token_every_protected_route_answers_401(hub: &TestHub) {
        let [ann] = hub.users(["ann"]).await;
        let routes = [
            (Method::GET, "/api/auth/check".to_owned()),
            (Method::PUT, "/api/auth/update-profile".to_owned()),
            (Method::GET, "/api/messages/contacts".to_owned()),
            (Method::GET, "/api/messages/chats".to_owned()),
            (Method::GET, format!("/api/messages/{}", ann.id)),
            (Method::POST, format!("/api/messages/send/{}", ann.id)),
            (Method::POST, format!("/api/messages/{}/read", ann.id)),
            (Method::GET, format!("/api/users/{}/presence", ann.id)),
            (Method::GET, "/api/users/presence".to_owned()),
        ];
        for (method, path) in routes {
            let url = hub.node(0).url(&path);
            let none = answer(request(method.clone(), url.clone())).await;
            none.is_error(401, "Unauthorized - No token provided", "auth.no_token");
            let forged = answer(request(method, url).header("cookie", "jwt=a.b.c")).await;
            forged.is_error(401, "Unauthorized - Invalid token", "auth.invalid_token");
        }
    }

    async fn a_token_is_refused_after_it_expired(hub: &TestHub) {
        let [ann] = hub.users(["ann"]).await;
        hub.clock().advance(Duration::from_secs(7 * 24 * 3600 - 60));
        ann.gets("/api/auth/check").await.is(200);
        hub.clock().advance(Duration::from_secs(120));
        ann.gets("/api/auth/check").await.is_error(401, "Unauthorized - Invalid token", "auth.invalid_token");
    }
}

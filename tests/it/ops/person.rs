//! Somebody who talks to a hub in another process, which may be gone at any moment.

use reqwest::{Client, Method, RequestBuilder, header};
use serde_json::{Value, json};
use std::net::SocketAddr;
use uuid::Uuid;

use crate::support::{TestSocket, user::answer};

#[derive(Clone)]
pub(super) struct Person {
    pub(super) id: String,
    /// The value of the `jwt` cookie.
    token: String,
    hub: SocketAddr,
    client: Client,
}

impl Person {
    pub(super) async fn signs_up(hub: SocketAddr, name: &str) -> Self {
        hubbub::tls::install();
        let client = Client::builder().no_proxy().build().unwrap();
        let body =
            json!({ "fullName": name, "email": format!("{}@example.org", Uuid::new_v4().simple()), "password": "secret1" });
        let answer = answer(client.post(format!("http://{hub}/api/auth/signup")).json(&body)).await;
        let token = answer.token();
        let id = answer.is(201)["_id"].as_str().unwrap().to_owned();
        Self { id, token, hub, client }
    }

    /// The same session, at a hub that started after the first one.
    pub(super) fn at(&self, hub: SocketAddr) -> Self {
        Self { hub, ..self.clone() }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.hub)).header(header::COOKIE, format!("jwt={}", self.token))
    }

    pub(super) async fn gets(&self, path: &str) -> Value {
        answer(self.request(Method::GET, path)).await.is(200)
    }

    /// A socket, connected.
    pub(super) async fn connects(&self) -> TestSocket {
        let mut socket = TestSocket::tries_to_open_at(self.hub, Some(&self.token), None).await.unwrap();
        socket.connects(Value::Null).await.unwrap();
        socket
    }

    /// Sends a text; `None` if the hub went away before it answered.
    pub(super) async fn tries_to_send(&self, to: &Self, text: &str, client_id: Uuid) -> Option<Value> {
        let body = json!({ "text": text, "image": null, "clientId": client_id });
        let response = self.request(Method::POST, &format!("/api/messages/send/{}", to.id)).json(&body).send().await.ok()?;
        let status = response.status();
        let body: Value = response.json().await.ok()?;
        assert_eq!(status, 201, "{body}");
        Some(body)
    }

    /// The texts of the conversation, oldest first.
    pub(super) async fn texts_with(&self, other: &Self) -> Vec<String> {
        let messages = self.gets(&format!("/api/messages/{}", other.id)).await;
        messages.as_array().unwrap().iter().map(|message| message["text"].as_str().unwrap().to_owned()).collect()
    }
}

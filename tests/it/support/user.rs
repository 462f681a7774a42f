//! People under test: a browser's worth of REST.

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, header};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{TestSocket, hub::TestNode};

/// Somebody with an account and a session.
#[derive(Clone)]
pub(crate) struct TestUser {
    pub(crate) id: String,
    pub(crate) email: String,
    /// The value of the `jwt` cookie.
    pub(crate) token: String,
    base: String,
    /// Shared by all requests of one person: building one costs more than most requests.
    client: Client,
}

/// What a REST request came to.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// Checks status, `message` and `code` of an error answer.
    pub(crate) fn is_error(&self, status: u16, message: &str, code: &str) {
        let got = (self.status.as_u16(), self.body["message"].as_str(), self.body["code"].as_str());
        assert_eq!(got, (status, Some(message), Some(code)), "{}", self.body);
    }

    /// Checks the status and answers the body.
    pub(crate) fn is(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The token in `Set-Cookie`.
    pub(crate) fn token(&self) -> String {
        let cookie = self.header("set-cookie").expect("a cookie");
        let value = cookie.strip_prefix("jwt=").expect("the jwt cookie");
        value.split(';').next().unwrap().to_owned()
    }
}

/// Sends a request and reads the answer; an empty body reads as null.
pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.unwrap();
    let body =
        if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}")) };
    Answer { status, headers, body }
}

/// A request by nobody in particular.
pub(crate) fn request(method: Method, url: String) -> RequestBuilder {
    client().request(method, url)
}

/// Fetches a page that need not be JSON.
pub(crate) async fn get(url: &str) -> Response {
    client().get(url).send().await.unwrap()
}

/// A client of its own for each request: connections can't be shared between the runtimes of two tests.
fn client() -> Client {
    hubbub::tls::install();
    Client::builder().no_proxy().build().unwrap()
}

impl TestUser {
    pub(crate) const PASSWORD: &str = "secret1";

    /// Makes an account of that name, with an address of its own.
    pub(crate) async fn signs_up(node: &TestNode, name: &str) -> Self {
        let email = format!("{}@{}.test", name.to_lowercase().replace(' ', "."), Uuid::new_v4().simple());
        let body = json!({ "fullName": name, "email": email, "password": Self::PASSWORD });
        let client = client();
        let answer = answer(client.post(node.url("/api/auth/signup")).json(&body)).await;
        let token = answer.token();
        let id = answer.is(201)["_id"].as_str().unwrap().to_owned();
        Self { id, email, token, base: node.url(""), client }
    }

    /// The same person with a second session, on another device.
    pub(crate) async fn logs_in(&self, node: &TestNode) -> Self {
        let body = json!({ "email": self.email, "password": Self::PASSWORD });
        let answer = answer(self.client.post(node.url("/api/auth/login")).json(&body)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        Self { token: answer.token(), base: node.url(""), ..self.clone() }
    }

    /// The same session, speaking to another node.
    pub(crate) fn at(&self, node: &TestNode) -> Self {
        Self { base: node.url(""), ..self.clone() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base)).header(header::COOKIE, format!("jwt={}", self.token))
    }

    pub(crate) async fn gets(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    pub(crate) async fn posts(&self, path: &str, body: Value) -> Answer {
        answer(self.request(Method::POST, path).json(&body)).await
    }

    pub(crate) async fn puts(&self, path: &str, body: Value) -> Answer {
        answer(self.request(Method::PUT, path).json(&body)).await
    }

    /// POSTs a message as existing frontends do, and answers it.
    pub(crate) async fn sends(&self, to: &TestUser, text: &str) -> Value {
        self.tries_to_send(&to.id, json!({ "text": text, "image": null })).await.is(201)
    }

    pub(crate) async fn tries_to_send(&self, to: &str, body: Value) -> Answer {
        self.posts(&format!("/api/messages/send/{to}"), body).await
    }

    pub(crate) async fn history_with(&self, other: &TestUser) -> Vec<Value> {
        let body = self.gets(&format!("/api/messages/{}", other.id)).await.is(200);
        body.as_array().expect("an array").clone()
    }

    pub(crate) async fn logs_out(&self) {
        self.posts("/api/auth/logout", json!({})).await.is(200);
    }

    /// Opens a WebSocket with the session's cookie and waits until it is connected.
    pub(crate) async fn connects_to(&self, node: &TestNode) -> TestSocket {
        let mut socket = TestSocket::opens(node, Some(&self.token)).await;
        socket.connects(Value::Null).await.unwrap_or_else(|refusal| panic!("refused: {refusal}"));
        socket
    }

    /// As [`TestUser::connects_to`], as a client that takes changes of who is online.
    pub(crate) async fn takes_changes_at(&self, node: &TestNode) -> TestSocket {
        self.comes_back_to(node, json!({ "presence": "diff" })).await
    }

    /// Comes back after `position`, as clients of ours do.
    pub(crate) async fn resumes_at(&self, node: &TestNode, position: &str) -> TestSocket {
        self.comes_back_to(node, json!({ "since": position })).await
    }

    /// Comes back with what a stock client remembers, or anything else.
    pub(crate) async fn comes_back_to(&self, node: &TestNode, auth: Value) -> TestSocket {
        let mut socket = TestSocket::opens(node, Some(&self.token)).await;
        socket.connects(auth).await.unwrap_or_else(|refusal| panic!("refused: {refusal}"));
        socket
    }
}

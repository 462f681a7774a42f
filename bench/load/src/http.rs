//! As much of HTTP/1.1 as a client needs that asks one thing after another on a connection that stays open.

use std::{
    net::{SocketAddr, ToSocketAddrs},
    str::FromStr,
};

use anyhow::{Context, Result, bail};

/// Where a server listens, as `http://host:port`.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) host: String,
}

impl FromStr for Server {
    type Err = anyhow::Error;

    fn from_str(url: &str) -> Result<Self> {
        let host = url.strip_prefix("http://").with_context(|| format!("{url}: only http:// is spoken"))?.trim_end_matches('/');
        let address = host.to_socket_addrs().with_context(|| format!("{url}: needs a host and a port"))?.next();
        Ok(Self { address: address.with_context(|| format!("{url}: no address"))?, host: host.to_owned() })
    }
}

/// An answer that has come completely.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    head: &'a str,
    pub(crate) body: &'a [u8],
    /// How many bytes all of it took.
    pub(crate) length: usize,
}

impl Answer<'_> {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(self.head, name)
    }

    /// Where the next page is: the path of `Link: <…>; rel="next"`.
    pub(crate) fn next_page(&self) -> Option<&str> {
        let links = self.header("link")?.split(',');
        let next = links.filter(|link| link.contains("rel=\"next\"")).find_map(|link| link.split_once('<')?.1.split_once('>'));
        let (target, _) = next?;
        let after_scheme = target.find("://").map_or(0, |at| at + 3);
        target[after_scheme..].find('/').map(|at| &target[after_scheme + at..])
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.split("\r\n").skip(1);
    lines.filter_map(|line| line.split_once(':')).find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// Where the head ends: behind its empty line.
pub(crate) fn head_end(data: &[u8]) -> Option<usize> {
    data.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

pub(crate) fn status(head: &str) -> Result<u16> {
    let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|digits| digits.parse().ok());
    status.with_context(|| format!("no HTTP/1.1: {}", head.lines().next().unwrap_or_default()))
}

/// The answer at the beginning of what came, if all of it is there.
pub(crate) fn answer(data: &[u8]) -> Result<Option<Answer<'_>>> {
    let Some(end) = head_end(data) else { return Ok(None) };
    let head = std::str::from_utf8(&data[..end])?;
    let status = status(head)?;
    let Some(length) = header(head, "content-length") else { bail!("status {status} without Content-Length") };
    let length = end + length.parse::<usize>().context("Content-Length")?;
    Ok(data.get(end..length).map(|body| Answer { status, head, body, length }))
}

/// Puts a request in place of what `into` held. A `token` is the session cookie; with a body it is a POST.
pub(crate) fn request(into: &mut Vec<u8>, server: &Server, path: &str, token: Option<&str>, body: Option<&str>) {
    let method = if body.is_some() { "POST" } else { "GET" };
    into.clear();
    for part in [method, " ", path, " HTTP/1.1\r\nHost: ", &server.host, "\r\n"] {
        into.extend_from_slice(part.as_bytes());
    }
    if let Some(token) = token {
        for part in ["Cookie: jwt=", token, "\r\n"] {
            into.extend_from_slice(part.as_bytes());
        }
    }
    if let Some(body) = body {
        for part in ["Content-Type: application/json\r\nContent-Length: ", &body.len().to_string(), "\r\n\r\n", body] {
            into.extend_from_slice(part.as_bytes());
        }
    } else {
        into.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 4";

    #[test]
    fn an_answer_is_read_once_all_of_it_is_there() {
        for length in 0..ANSWER.len() - 10 {
            assert!(answer(&ANSWER[..length]).expect("no fault").is_none(), "{length}");
        }
        let answer = answer(ANSWER).expect("no fault").expect("complete");
        assert_eq!((answer.status, answer.body, answer.length), (201, &b"{}"[..], ANSWER.len() - 10));
        assert_eq!(answer.header("Content-Length"), Some("2"));
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        assert!(answer(b"SSH-2.0\r\n\r\n").is_err());
        assert!(answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
    }

    #[test]
    fn the_next_page_is_found_in_its_link() {
        let next = |link: &str| {
            let text = format!("HTTP/1.1 200 OK\r\nLink: {link}\r\nContent-Length: 0\r\n\r\n");
            answer(text.as_bytes()).expect("no fault").and_then(|answer| answer.next_page().map(str::to_owned))
        };
        assert_eq!(next(r#"</api/messages/1?before=5>; rel="next""#).as_deref(), Some("/api/messages/1?before=5"));
        assert_eq!(next(r#"<http://a:1/x?y>; rel="prev", <http://a:1/x?z>; rel="next""#).as_deref(), Some("/x?z"));
        assert_eq!(next(r#"</x>; rel="prev""#), None);
    }

    #[test]
    fn requests_are_complete() {
        let server: Server = "http://127.0.0.1:3000/".parse().expect("an address");
        let mut text = b"old".to_vec();
        request(&mut text, &server, "/a", Some("t"), Some("{}"));
        let expected = "POST /a HTTP/1.1\r\nHost: 127.0.0.1:3000\r\nCookie: jwt=t\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(String::from_utf8_lossy(&text), expected);
        request(&mut text, &server, "/b", None, None);
        assert_eq!(String::from_utf8_lossy(&text), "GET /b HTTP/1.1\r\nHost: 127.0.0.1:3000\r\n\r\n");
        assert!("https://127.0.0.1:3000".parse::<Server>().is_err());
    }
}

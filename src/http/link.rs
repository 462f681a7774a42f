//! The `Link` header that leads to the next page (RFC 8288).

use axum::http::HeaderValue;
use std::fmt::{Display, Write};

use crate::model::{Error, Result};

/// A relative URL under construction: an absolute path and the query that repeats what the request asked for.
#[derive(Debug, Clone)]
pub(super) struct Next {
    url: String,
    separator: char,
}

impl Next {
    pub(super) fn to(path: &str) -> Self {
        Self { url: path.to_owned(), separator: '?' }
    }

    /// Adds a parameter, percent-encoded, if there is a value.
    pub(super) fn with(mut self, name: &str, value: Option<impl Display>) -> Self {
        let Some(value) = value else { return self };
        self.url.push(self.separator);
        self.url.push_str(name);
        self.url.push('=');
        for byte in value.to_string().bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                self.url.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(self.url, "%{byte:02X}");
            }
        }
        self.separator = '&';
        self
    }

    /// The header's value.
    ///
    /// # Errors
    /// [`Error::Internal`] if it can't stand in a header, which would be a defect.
    pub(super) fn header(self) -> Result<HeaderValue> {
        HeaderValue::try_from(format!("<{}>; rel=\"next\"", self.url)).map_err(|cause| Error::internal("http", cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_names_the_next_page_and_repeats_the_query() {
        let next =
            Next::to("/api/messages/contacts").with("limit", Some(2)).with("cursor", Some("12_ab")).with("q", None::<&str>);
        assert_eq!(next.header().expect("a header"), "</api/messages/contacts?limit=2&cursor=12_ab>; rel=\"next\"");
    }

    #[test]
    fn values_are_percent_encoded() {
        let next = Next::to("/x").with("q", Some("a b&c=d\">é\n"));
        assert_eq!(next.header().expect("a header"), "</x?q=a%20b%26c%3Dd%22%3E%C3%A9%0A>; rel=\"next\"");
    }
}

//! The files of the built client: what each answers, compressed beforehand, with names that change with their content.

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rust_embed::{Embed, EmbeddedFile};
use sha2::{Digest, Sha256};
use std::{borrow::Cow, collections::HashMap};

use super::{Page, page_headers, policy};
use crate::model::Error;

const UNBUILT: &str = include_str!("../../../web/unbuilt.html");
/// Scripts and styles are files; pictures are the hub's, or made in the page.
const ALLOWED: &str = "script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; manifest-src 'self'";
const INDEX: &str = "index.html";
/// Below it the names hold a hash of the content.
const HASHED: &str = "assets/";
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK: HeaderValue = HeaderValue::from_static("no-cache");

/// What `npm run build` made of `web/`, or nothing.
#[derive(Embed)]
#[folder = "web/dist"]
#[include = "app/*"]
struct Built;

/// See the module.
#[derive(Debug)]
pub(in crate::http) struct Site {
    files: HashMap<String, File>,
    policy: HeaderValue,
    /// Stands in while there are none.
    unbuilt: Page,
}

#[derive(Debug)]
struct File {
    kind: HeaderValue,
    etag: HeaderValue,
    plain: Bytes,
    gzip: Option<Bytes>,
    brotli: Option<Bytes>,
}

impl Site {
    /// The client that is compiled in.
    pub(in crate::http) fn built() -> Self {
        let file = |path: Cow<'static, str>| Some((path.strip_prefix("app/")?.to_owned(), bytes(Built::get(&path)?)));
        Self::of(Built::iter().filter_map(file).collect())
    }

    /// Of these files by their paths. `.gz` and `.br` at the end of one name another one, compressed.
    pub(in crate::http) fn of(mut files: HashMap<String, Bytes>) -> Self {
        let names: Vec<String> = files.keys().filter(|name| !name.ends_with(".gz") && !name.ends_with(".br")).cloned().collect();
        let mut site = HashMap::new();
        for name in names {
            let Some(plain) = files.remove(&name) else { continue };
            let (gzip, brotli) = (files.remove(&format!("{name}.gz")), files.remove(&format!("{name}.br")));
            let hash = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&plain));
            let etag = HeaderValue::try_from(format!("\"{hash}\"")).unwrap_or(HeaderValue::from_static("\"\""));
            site.insert(name.clone(), File { kind: HeaderValue::from_static(kind(&name)), etag, plain, gzip, brotli });
        }
        Self { files: site, policy: policy(ALLOWED), unbuilt: Page::new(UNBUILT.to_owned()) }
    }

    /// A file, or the page: the client knows what the path means.
    pub(super) fn answer(&self, path: &str, asked: &HeaderMap) -> Response {
        let Some(index) = self.files.get(INDEX) else { return self.unbuilt.answer() };
        match self.files.get(path).filter(|_| path != INDEX) {
            Some(file) => {
                let cache = if path.starts_with(HASHED) { FOREVER } else { ASK };
                ([(header::CACHE_CONTROL, cache)], file.answer(asked)).into_response()
            }
            // A page of before an upgrade asks for what is there no more; another page would be taken for a broken script.
            None if path.starts_with(HASHED) => Error::NotFound.into_response(),
            None => (page_headers(self.policy.clone()), index.answer(asked)).into_response(),
        }
    }
}

impl File {
    fn answer(&self, asked: &HeaderMap) -> Response {
        let known = asked.get_all(header::IF_NONE_MATCH).iter().any(|known| known == self.etag || known == "*");
        let headers = [(header::ETAG, self.etag.clone()), (header::VARY, HeaderValue::from_static("accept-encoding"))];
        if known {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        let kind = [(header::CONTENT_TYPE, self.kind.clone())];
        let encoded =
            |name, bytes: &Bytes| ([(header::CONTENT_ENCODING, HeaderValue::from_static(name))], bytes.clone()).into_response();
        let body = match (&self.brotli, &self.gzip) {
            (Some(bytes), _) if accepts(asked, "br") => encoded("br", bytes),
            (_, Some(bytes)) if accepts(asked, "gzip") => encoded("gzip", bytes),
            _ => self.plain.clone().into_response(),
        };
        (headers, kind, body).into_response()
    }
}

fn bytes(file: EmbeddedFile) -> Bytes {
    match file.data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    }
}

/// Whether the caller takes this encoding: it is named, and not with the weight 0.
fn accepts(asked: &HeaderMap, encoding: &str) -> bool {
    let lists = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let refused = parts.any(|part| {
            part.strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok()).is_some_and(|weight| weight <= 0.0)
        });
        named && !refused
    })
}

/// A closed list: it is known what a client consists of.
fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, end)| end) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webmanifest" => "application/manifest+json",
        "json" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::web::fallback;
    use axum::{body::Body, extract::Request};
    use http_body_util::BodyExt;

    const FILES: [(&str, &str); 5] = [
        ("index.html", "<title>page</title>"),
        ("index.html.br", "page in br"),
        ("assets/app-1a2b.js", "script"),
        ("assets/app-1a2b.js.gz", "script in gz"),
        ("favicon.svg", "<svg/>"),
    ];

    fn site() -> Site {
        Site::of(FILES.iter().map(|(name, text)| ((*name).to_owned(), Bytes::from_static(text.as_bytes()))).collect())
    }

    fn ask(site: Site, path: &str, headers: &[(&str, &str)]) -> Response {
        let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
        fallback(&site, &request.body(Body::empty()).expect("a request"))
    }

    async fn text(response: Response) -> String {
        let bytes = response.into_body().collect().await.expect("a body").to_bytes();
        String::from_utf8(bytes.to_vec()).expect("text")
    }

    #[tokio::test]
    async fn the_page_answers_every_path_of_the_client_and_allows_only_what_the_hub_serves() {
        for path in ["/", "/index.html", "/c/some-id", "/people", "/any/thing.html"] {
            let response = ask(site(), path, &[]);
            let policy = response.headers()["content-security-policy"].to_str().expect("text").to_owned();
            assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
            assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{policy}");
            assert_eq!(response.headers()["cache-control"], "no-cache");
            assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
            assert_eq!(text(response).await, "<title>page</title>", "{path}");
        }
    }

    #[tokio::test]
    async fn files_with_hashed_names_are_kept_for_ever_and_others_are_asked_for_again() {
        let script = ask(site(), "/assets/app-1a2b.js", &[]);
        assert_eq!(script.headers()["cache-control"], "public, max-age=31536000, immutable");
        assert_eq!(script.headers()["content-type"], "text/javascript; charset=utf-8");
        assert_eq!(text(script).await, "script");

        let icon = ask(site(), "/favicon.svg", &[]);
        assert_eq!(
            (&icon.headers()["cache-control"], &icon.headers()["content-type"]),
            (&ASK, &HeaderValue::from_static("image/svg+xml"))
        );
        let etag = icon.headers()["etag"].to_str().expect("text").to_owned();
        let again = ask(site(), "/favicon.svg", &[("if-none-match", &etag)]);
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn a_script_of_a_former_client_is_not_found() {
        assert_eq!(ask(site(), "/assets/app-0000.js", &[]).status(), StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn a_file_comes_compressed_as_the_caller_takes_it() {
        let cases = [
            ("/", "gzip, deflate, br", Some("br"), "page in br"),
            ("/", "gzip", None, "<title>page</title>"),
            ("/", "br;q=0", None, "<title>page</title>"),
            ("/assets/app-1a2b.js", "br, gzip;q=0.5", Some("gzip"), "script in gz"),
            ("/assets/app-1a2b.js", "", None, "script"),
        ];
        for (path, accepted, encoding, body) in cases {
            let response = ask(site(), path, &[("accept-encoding", accepted)]);
            let headers = response.headers();
            assert_eq!(headers.get("content-encoding").map(|value| value.to_str().expect("text")), encoding, "{path} {accepted}");
            assert_eq!(headers["vary"], "accept-encoding");
            assert_eq!(text(response).await, body);
        }
    }

    #[tokio::test]
    async fn without_a_client_a_page_says_how_it_is_built() {
        let response = ask(Site::of(HashMap::new()), "/", &[]);
        let policy = response.headers()["content-security-policy"].to_str().expect("text").to_owned();
        assert!(policy.contains("style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
        assert!(text(response).await.contains("make run"));
    }
}

//! `/media`: the images that messages and profiles point at. Public, like any image on the web whose URL one knows;
//! the names can't be guessed.

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    http::{Edge, error::ErrorBody, openapi::Failures},
    model::{Error, Result, upload::MediaName},
};

/// The bytes of an image.
#[derive(utoipa::ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "exists for the description only")]
pub(in crate::http) struct Image(Vec<u8>);

/// An image
///
/// What a name stands for never changes, so it may be cached for ever.
#[utoipa::path(
    get, path = "/media/{name}", tag = "media",
    params(("name" = String, Path, description = "As in the `image` of a message or the `profilePic` of a person.")),
    responses(
        (status = 200, description = "The image.", content_type = "image/*", body = inline(Image)),
        (status = 304, description = "The caller has it already (`If-None-Match`)."),
        (status = 404, description = "No such image.", body = ErrorBody),
        Failures,
    ),
)]
pub(in crate::http) async fn image(
    State(edge): State<Edge>,
    name: std::result::Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response> {
    let Path(name) = name.map_err(|_| Error::NotFound)?;
    let (name, _) = MediaName::parse(&name)?;
    let etag = HeaderValue::try_from(format!("\"{}\"", name.as_str())).map_err(|cause| Error::internal("http", cause))?;
    let mut response = if has_already(&headers, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let (kind, bytes) = edge.services.media.open(name.as_str()).await?;
        ([(header::CONTENT_TYPE, kind.mime())], bytes).into_response()
    };
    response.headers_mut().extend([
        (header::ETAG, etag),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("inline")),
        // Opened by itself, an image must not be able to do anything.
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox")),
        // Frontends on other origins show it in <img>.
        (header::HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("cross-origin")),
    ]);
    Ok(response)
}

/// Whether `If-None-Match` names this image, weakly or not, or any.
fn has_already(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let lines = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_that_the_caller_has_is_recognised() {
        let etag = HeaderValue::from_static("\"a.png\"");
        let has = |value: &'static str| {
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(value))]);
            has_already(&headers, &etag)
        };
        assert!(has("\"a.png\"") && has("W/\"a.png\"") && has("\"x\", \"a.png\"") && has("*"));
        assert!(!has("\"b.png\"") && !has("a.png") && !has(""));
        assert!(!has_already(&HeaderMap::new(), &etag));
    }
}

//! `data:image/…;base64,…`: the one form in which clients send images. Never a path or a URL: those would make the hub fetch
//! what the sender may not see.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use crate::model::{Error, Result, upload::ImageKind};

/// The body limits of the edges are usually far below; this one holds whatever they are set to.
const MAX_BYTES: usize = 64 << 20;

/// Browsers pad, some other encoders don't.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// What the URL claims to be, and its base64 part.
///
/// # Errors
/// [`Error::ImageInvalid`] unless it is a base64 data URL of one of our formats; [`Error::TooLarge`].
pub(super) fn parse(url: &str) -> Result<(ImageKind, &str)> {
    if url.len() > MAX_BYTES {
        return Err(Error::TooLarge { limit: MAX_BYTES });
    }
    let not_a_data_url = Error::ImageInvalid("expected a data URL, data:image/…;base64,…");
    let Some((head, data)) = url.split_once(',') else { return Err(not_a_data_url) };
    let head = head.trim_start().to_ascii_lowercase();
    let Some(head) = head.strip_prefix("data:") else { return Err(not_a_data_url) };
    let Some(media_type) = head.strip_suffix(";base64") else {
        return Err(Error::ImageInvalid("expected a data URL in base64"));
    };
    let kind = match media_type.split(';').next().unwrap_or_default().trim() {
        "image/jpeg" | "image/jpg" | "image/pjpeg" => ImageKind::Jpeg,
        "image/png" | "image/apng" => ImageKind::Png,
        "image/gif" => ImageKind::Gif,
        "image/webp" => ImageKind::Webp,
        _ => return Err(Error::ImageInvalid("only JPEG, PNG, GIF and WebP are taken")),
    };
    Ok((kind, data))
}

/// # Errors
/// [`Error::ImageInvalid`] for what is no base64, or empty.
pub(super) fn decode(data: &str) -> Result<Vec<u8>> {
    match BASE64.decode(data.trim_end()) {
        Ok(bytes) if bytes.is_empty() => Err(Error::ImageInvalid("it is empty")),
        Ok(bytes) => Ok(bytes),
        Err(_) => Err(Error::ImageInvalid("its base64 is malformed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_of_our_formats_are_understood_in_their_usual_spellings() {
        for (url, kind) in [
            ("data:image/jpeg;base64,AA==", ImageKind::Jpeg),
            ("data:image/jpg;base64,AA==", ImageKind::Jpeg),
            ("DATA:Image/PNG;Base64,AA==", ImageKind::Png),
            ("data:image/webp;name=a.webp;base64,AA==", ImageKind::Webp),
            ("data:image/gif;base64,AA", ImageKind::Gif),
        ] {
            let (claim, data) = parse(url).unwrap();
            assert_eq!((claim, decode(data)), (kind, Ok(vec![0])), "{url}");
        }
    }

    #[test]
    fn whatever_is_no_data_url_of_an_image_is_refused() {
        for url in [
            "",
            "/etc/passwd",
            "https://example.org/cat.png",
            "https://example.org/a,b.png",
            "file:///etc/passwd",
            "data:image/svg+xml;base64,PHN2Zy8+",
            "data:text/html;base64,AA==",
            "data:image/png,rawdata",
            "data:;base64,AA==",
            "image/png;base64,AA==",
        ] {
            assert!(matches!(parse(url), Err(Error::ImageInvalid(_))), "{url:?}");
        }
        for data in ["", "%%%", "AA==AA", "../../x"] {
            assert!(matches!(decode(data), Err(Error::ImageInvalid(_))), "{data:?}");
        }
    }
}

//! From bytes that somebody sent to bytes that we show to others: the one door. Pure: no I/O, no clock.

use bytes::Bytes;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, Limits, codecs};
use std::io::Cursor;

use super::{
    animation, gif, jpeg, orient, png,
    reader::{MALFORMED, TRUNCATED},
    webp,
};
use crate::model::{Error, Result, upload::ImageKind};

/// Accepts an image that really is what it claims to be, and answers it without metadata: no place, no camera, no names, no
/// thumbnail, nothing appended. The pixels stay as they are, except where EXIF said that they must be turned.
///
/// # Errors
/// [`Error::ImageInvalid`], in words for the sender.
pub(super) fn inspect(bytes: Vec<u8>, claim: ImageKind, max_pixels: u64) -> Result<(ImageKind, Bytes)> {
    let kind = sniff(&bytes)?;
    if kind != claim {
        return Err(Error::ImageInvalid("its content is of another type than its data URL says"));
    }
    let cleaned = match kind {
        ImageKind::Jpeg => still(codecs::jpeg::JpegDecoder::new(Cursor::new(&bytes)), kind, &bytes, max_pixels)?,
        ImageKind::Png => {
            let decoder = codecs::png::PngDecoder::with_limits(Cursor::new(&bytes), allowance(max_pixels)).map_err(refuse)?;
            if decoder.is_apng().map_err(refuse)? {
                animation::check_size(decoder.dimensions(), max_pixels)?;
                // The picture for those who can't animate may be one that is not among the frames.
                decode(codecs::png::PngDecoder::with_limits(Cursor::new(&bytes), allowance(max_pixels)), max_pixels)?;
                animation::check_frames(decoder.dimensions(), decoder.apng().map_err(refuse)?, max_pixels)?;
                None
            } else {
                still(Ok(decoder), kind, &bytes, max_pixels)?
            }
        }
        ImageKind::Gif => {
            let mut decoder = codecs::gif::GifDecoder::new(Cursor::new(&bytes)).map_err(refuse)?;
            animation::check_size(decoder.dimensions(), max_pixels)?;
            decoder.set_limits(allowance(max_pixels)).map_err(refuse)?;
            animation::check_frames(decoder.dimensions(), decoder, max_pixels)?;
            None
        }
        ImageKind::Webp => {
            let decoder = codecs::webp::WebPDecoder::new(Cursor::new(&bytes)).map_err(refuse)?;
            if decoder.has_animation() {
                animation::check_size(decoder.dimensions(), max_pixels)?;
                animation::check_frames(decoder.dimensions(), decoder, max_pixels)?;
                None
            } else {
                still(Ok(decoder), kind, &bytes, max_pixels)?
            }
        }
    };
    let cleaned = match cleaned {
        Some(turned) => turned,
        None => strip(kind, &bytes)?,
    };
    Ok((kind, Bytes::from(cleaned)))
}

/// Removes what is not needed to show the image, losslessly.
fn strip(kind: ImageKind, bytes: &[u8]) -> Result<Vec<u8>> {
    match kind {
        ImageKind::Jpeg => jpeg::strip(bytes),
        ImageKind::Png => png::strip(bytes),
        ImageKind::Gif => gif::strip(bytes),
        ImageKind::Webp => webp::strip(bytes),
    }
}

fn sniff(bytes: &[u8]) -> Result<ImageKind> {
    match image::guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => Ok(ImageKind::Jpeg),
        Ok(ImageFormat::Png) => Ok(ImageKind::Png),
        Ok(ImageFormat::Gif) => Ok(ImageKind::Gif),
        Ok(ImageFormat::WebP) => Ok(ImageKind::Webp),
        _ => Err(Error::ImageInvalid("only JPEG, PNG, GIF and WebP are taken")),
    }
}

/// Decodes an image of one frame; answers it anew if it has to be turned.
fn still<D: ImageDecoder>(
    decoder: image::ImageResult<D>,
    kind: ImageKind,
    bytes: &[u8],
    max_pixels: u64,
) -> Result<Option<Vec<u8>>> {
    let mut decoder = decoder.map_err(refuse)?;
    // Damaged EXIF is no reason to refuse a good picture: it is dropped anyway.
    let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
    let profile = decoder.icc_profile().ok().flatten();
    let picture = decode(Ok(decoder), max_pixels)?;
    // Decoders forgive a missing end; the structure does not. Checked also for what is written anew below.
    if orientation == image::metadata::Orientation::NoTransforms {
        return Ok(None);
    }
    strip(kind, bytes)?;
    orient::turned(picture, orientation, profile, kind).map(Some)
}

fn decode<D: ImageDecoder>(decoder: image::ImageResult<D>, max_pixels: u64) -> Result<DynamicImage> {
    let mut decoder = decoder.map_err(refuse)?;
    // Before a single pixel is decoded: a few hundred bytes can claim billions of pixels.
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > max_pixels {
        return Err(TOO_MANY_PIXELS);
    }
    let mut limits = allowance(max_pixels);
    limits.reserve(decoder.total_bytes()).map_err(refuse)?;
    decoder.set_limits(limits).map_err(refuse)?;
    DynamicImage::from_decoder(decoder).map_err(refuse)
}

pub(super) const TOO_MANY_PIXELS: Error = Error::ImageInvalid("it has too many pixels");

/// What decoding may allocate: four bytes a pixel of the largest image, twice (a canvas and a frame), and some to work with.
fn allowance(max_pixels: u64) -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(max_pixels.saturating_mul(8).saturating_add(16 << 20));
    limits
}

/// In words for the sender: the decoder's own may quote the content.
pub(super) fn refuse(error: ImageError) -> Error {
    match error {
        ImageError::Limits(_) => TOO_MANY_PIXELS,
        ImageError::IoError(cause) if cause.kind() == std::io::ErrorKind::UnexpectedEof => TRUNCATED,
        ImageError::Unsupported(_) => Error::ImageInvalid("it uses a variant of its format that is not supported"),
        _ => MALFORMED,
    }
}

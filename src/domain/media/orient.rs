//! Phones store pictures as the sensor saw them and write into the EXIF how to turn them. Since we drop the EXIF, we turn the
//! pixels.

use image::{DynamicImage, ExtendedColorType, ImageEncoder, codecs, metadata::Orientation};

use crate::model::{Error, Result, upload::ImageKind};

/// Visually indistinguishable, and about as large as what phones write.
const JPEG_QUALITY: u8 = 90;

/// The picture the right way up, in the same format, with its color profile.
///
/// # Errors
/// [`Error::ImageInvalid`] if it can't be written in that format.
pub(super) fn turned(mut picture: DynamicImage, how: Orientation, profile: Option<Vec<u8>>, kind: ImageKind) -> Result<Vec<u8>> {
    picture.apply_orientation(how);
    let mut bytes = Vec::new();
    match kind {
        ImageKind::Jpeg => write(codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY), &picture, profile)?,
        ImageKind::Png => write(codecs::png::PngEncoder::new(&mut bytes), &picture, profile)?,
        ImageKind::Webp => write(codecs::webp::WebPEncoder::new_lossless(&mut bytes), &picture, profile)?,
        ImageKind::Gif => return Err(Error::ImageInvalid("a GIF has no orientation")),
    }
    Ok(bytes)
}

fn write(mut encoder: impl ImageEncoder, picture: &DynamicImage, profile: Option<Vec<u8>>) -> Result<()> {
    if let Some(profile) = profile.filter(|profile| fits(profile, picture.color().into())) {
        // An encoder that can't keep it writes the picture without.
        let _kept = encoder.set_icc_profile(profile);
    }
    picture.write_with_encoder(encoder).map_err(|_| Error::ImageInvalid("it can't be turned the right way up"))
}

/// Whether a profile is made for these colors. Of a CMYK picture the decoder gives RGB, for which its profile is wrong.
fn fits(profile: &[u8], color: ExtendedColorType) -> bool {
    let space = profile.get(16..20);
    match color {
        ExtendedColorType::L8 | ExtendedColorType::La8 | ExtendedColorType::L16 | ExtendedColorType::La16 => {
            space == Some(b"GRAY")
        }
        _ => space == Some(b"RGB "),
    }
}

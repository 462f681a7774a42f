//! Images of many frames: each is decoded, and all together are bounded, since a hundred bytes a frame can cost the whole
//! canvas each time.

use image::AnimationDecoder;

use super::inspect::{TOO_MANY_PIXELS, refuse};
use crate::model::{Error, Result};

/// Canvases that add up to this many times `media.max_pixels` may be decoded.
const FRAMES_FACTOR: u64 = 4;

/// Decoding an animation needs several canvases at once, so each may be smaller by this than a single image.
const CANVAS_DIVISOR: u64 = 4;

/// # Errors
/// [`Error::ImageInvalid`] for a canvas that is too large; to be asked before decoding.
pub(super) fn check_size((width, height): (u32, u32), max_pixels: u64) -> Result<()> {
    let pixels = u64::from(width) * u64::from(height);
    match pixels {
        0 => Err(Error::ImageInvalid("it is empty")),
        _ if pixels > max_pixels / CANVAS_DIVISOR => Err(TOO_MANY_PIXELS),
        _ => Ok(()),
    }
}

/// Decodes all frames.
///
/// # Errors
/// [`Error::ImageInvalid`] at the first one that can't be decoded, if there is none, or if there are too many.
pub(super) fn check_frames<'a>((width, height): (u32, u32), decoder: impl AnimationDecoder<'a>, max_pixels: u64) -> Result<()> {
    let canvas = u64::from(width) * u64::from(height);
    let mut decoded = 0;
    for frame in decoder.into_frames() {
        frame.map_err(refuse)?;
        decoded += canvas;
        if decoded > max_pixels.saturating_mul(FRAMES_FACTOR) {
            return Err(Error::ImageInvalid("it has too many frames for their size"));
        }
    }
    if decoded == 0 { Err(Error::ImageInvalid("it has no frames")) } else { Ok(()) }
}

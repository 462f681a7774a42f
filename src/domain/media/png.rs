//! The structure of a PNG file: a signature and chunks.

use super::reader::{MALFORMED, Reader};
use crate::model::Result;

const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// What is needed to show the picture as it was meant: pixels, transparency, colors, animation. Everything else (texts, EXIF,
/// time, private chunks) is not.
const KEPT: [&[u8; 4]; 18] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"cICP", b"mDCV", b"cLLI", b"bKGD",
    b"pHYs", b"acTL", b"fcTL", b"fdAT",
];

/// Drops every chunk that is not needed to show the picture, and whatever is appended after the end.
///
/// # Errors
/// [`crate::model::Error::ImageInvalid`] if the file is cut off or damaged.
pub(super) fn strip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut from = Reader::new(bytes);
    let mut to = Vec::with_capacity(bytes.len());
    if from.array()? != SIGNATURE {
        return Err(MALFORMED);
    }
    to.extend(SIGNATURE);
    loop {
        let length: [u8; 4] = from.array()?;
        let name: [u8; 4] = from.array()?;
        let content = from.take(usize::try_from(u32::from_be_bytes(length)).map_err(|_| MALFORMED)?)?;
        let checksum: [u8; 4] = from.array()?;
        if KEPT.contains(&&name) {
            to.extend(length);
            to.extend(name);
            to.extend_from_slice(content);
            to.extend(checksum);
        }
        if &name == b"IEND" {
            return Ok(to);
        }
    }
}

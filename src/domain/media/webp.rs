//! The structure of a WebP file: a RIFF container of chunks; frames of an animation hold chunks of their own.

use super::reader::{MALFORMED, Reader};
use crate::model::Result;

/// Bits of the first byte of `VP8X` that announce EXIF and XMP.
const METADATA_FLAGS: u8 = 0b0000_1100;

/// What stands before the chunks of an animation's frame: place, size, duration, blending.
const FRAME_HEAD: usize = 16;

/// Drops EXIF, XMP and every chunk that is not needed to show the picture, and whatever is appended after the end.
///
/// # Errors
/// [`crate::model::Error::ImageInvalid`] if the file is cut off or damaged.
pub(super) fn strip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut from = Reader::new(bytes);
    let (riff, size, webp): ([u8; 4], [u8; 4], [u8; 4]) = (from.array()?, from.array()?, from.array()?);
    if &riff != b"RIFF" || &webp != b"WEBP" {
        return Err(MALFORMED);
    }
    let size = usize::try_from(u32::from_le_bytes(size)).map_err(|_| MALFORMED)?;
    let chunks = Reader::new(from.take(size.checked_sub(4).ok_or(MALFORMED)?)?);
    let mut body = b"WEBP".to_vec();
    copy(chunks, &[b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"], &mut body)?;
    let mut to = b"RIFF".to_vec();
    to.extend(u32::try_from(body.len()).map_err(|_| MALFORMED)?.to_le_bytes());
    to.append(&mut body);
    Ok(to)
}

fn copy(mut from: Reader<'_>, kept: &[&[u8; 4]], to: &mut Vec<u8>) -> Result<()> {
    while !from.is_empty() {
        let (name, length): ([u8; 4], [u8; 4]) = (from.array()?, from.array()?);
        let length = usize::try_from(u32::from_le_bytes(length)).map_err(|_| MALFORMED)?;
        let content = from.take(length)?;
        // Chunks have even lengths; some writers forget the last padding byte.
        if length % 2 == 1 && !from.is_empty() {
            from.byte()?;
        }
        if !kept.contains(&&name) {
            continue;
        }
        let content = match &name {
            b"VP8X" => {
                let (flags, rest) = content.split_first().ok_or(MALFORMED)?;
                [&[flags & !METADATA_FLAGS], rest].concat()
            }
            b"ANMF" => {
                let (head, chunks) = content.split_at_checked(FRAME_HEAD).ok_or(MALFORMED)?;
                let mut frame = head.to_vec();
                // Frames don't nest: in there, another one would be dropped.
                copy(Reader::new(chunks), &[b"VP8 ", b"VP8L", b"ALPH"], &mut frame)?;
                frame
            }
            _ => content.to_vec(),
        };
        to.extend(name);
        to.extend(u32::try_from(content.len()).map_err(|_| MALFORMED)?.to_le_bytes());
        to.extend_from_slice(&content);
        if content.len() % 2 == 1 {
            to.push(0);
        }
    }
    Ok(())
}

//! The structure of a GIF file: a screen, and blocks of sub-blocks.

use super::reader::{MALFORMED, Reader};
use crate::model::Result;

const EXTENSION: u8 = 0x21;
const IMAGE: u8 = 0x2C;
const TRAILER: u8 = 0x3B;
const GRAPHIC_CONTROL: u8 = 0xF9;
const APPLICATION: u8 = 0xFF;

/// Extensions of applications that change how the image is shown: how often it repeats, and its color profile.
const KEPT: [&[u8; 11]; 3] = [b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012"];

/// Drops comments, texts, XMP and other applications' data, and whatever is appended after the end.
///
/// # Errors
/// [`crate::model::Error::ImageInvalid`] if the file is cut off or damaged.
pub(super) fn strip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut from = Reader::new(bytes);
    let mut to = Vec::with_capacity(bytes.len());
    let head = from.take(13)?;
    to.extend_from_slice(head);
    if let [.., flags, _background, _aspect] = head {
        to.extend_from_slice(from.take(palette(*flags))?);
    }
    // Delay and transparency of the block that follows; belongs to a picture, or goes with what is dropped.
    let mut control: &[u8] = &[];
    loop {
        // Many writers forget the trailer; decoders take the end of the file for it.
        if from.is_empty() {
            to.push(TRAILER);
            return Ok(to);
        }
        let block = from.rest();
        match from.byte()? {
            TRAILER => {
                to.push(TRAILER);
                return Ok(to);
            }
            IMAGE => {
                to.extend_from_slice(control);
                control = &[];
                if let [.., flags] = from.take(9)? {
                    from.take(palette(*flags))?;
                }
                from.byte()?;
                skip_sub_blocks(&mut from)?;
                to.extend_from_slice(since(block, &from));
            }
            EXTENSION => {
                let label = from.byte()?;
                let mut first = from;
                let name = first.byte().and_then(|length| first.take(usize::from(length)));
                skip_sub_blocks(&mut from)?;
                match label {
                    GRAPHIC_CONTROL => control = since(block, &from),
                    APPLICATION if KEPT.iter().any(|kept| name.as_ref().is_ok_and(|name| *name == kept.as_slice())) => {
                        to.extend_from_slice(since(block, &from));
                    }
                    APPLICATION | 0xFE => {}
                    // Plain text or unknown: its graphic control goes with it.
                    _ => control = &[],
                }
            }
            // Stray zeros between blocks are common and harmless.
            0x00 => {}
            _ => return Err(MALFORMED),
        }
    }
}

/// Bytes of the palette that these flags announce.
fn palette(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 0x07) + 1) }
}

fn skip_sub_blocks(from: &mut Reader<'_>) -> Result<()> {
    loop {
        match from.byte()? {
            0 => return Ok(()),
            length => from.take(usize::from(length)).map(drop)?,
        }
    }
}

/// What was read since `block` began.
fn since<'a>(block: &'a [u8], from: &Reader<'_>) -> &'a [u8] {
    block.get(..block.len() - from.rest().len()).unwrap_or_default()
}

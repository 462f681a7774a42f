//! The structure of a JPEG file (ITU-T T.81, annex B): segments behind markers, and entropy-coded scans.

use super::reader::{MALFORMED, Reader};
use crate::model::Result;

const SOI: u8 = 0xD8;
const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;
const COM: u8 = 0xFE;
const APP0: u8 = 0xE0;
const APP2: u8 = 0xE2;
const APP14: u8 = 0xEE;
const APP15: u8 = 0xEF;

/// Drops every application segment and comment but those that change how the pixels look (JFIF without its thumbnail, the
/// color profile, Adobe's color transform), and whatever is appended after the end: phones put whole further pictures
/// there, with the place where they were taken.
///
/// # Errors
/// [`crate::model::Error::ImageInvalid`] if the file is cut off or damaged.
pub(super) fn strip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut from = Reader::new(bytes);
    let mut to = Vec::with_capacity(bytes.len());
    if from.array()? != [0xFF, SOI] {
        return Err(MALFORMED);
    }
    to.extend([0xFF, SOI]);
    loop {
        let marker = next_marker(&mut from)?;
        match marker {
            EOI => {
                to.extend([0xFF, EOI]);
                return Ok(to);
            }
            // Stand-alone markers have no place between segments; leave them out.
            0x01 | 0xD0..=SOI => {}
            _ => {
                let length = from.array().map(u16::from_be_bytes)?;
                let content = from.take(usize::from(length).checked_sub(2).ok_or(MALFORMED)?)?;
                if let Some(kept) = keep(marker, content) {
                    to.extend([0xFF, marker]);
                    to.extend(length_of(&kept));
                    to.extend_from_slice(&kept);
                }
                if marker == SOS {
                    copy_scan(&mut from, &mut to)?;
                }
            }
        }
    }
}

fn length_of(content: &[u8]) -> [u8; 2] {
    // Never longer than it was when its length was read from two bytes.
    u16::try_from(content.len() + 2).unwrap_or(u16::MAX).to_be_bytes()
}

/// The next marker; bytes in front of it that belong to nothing are skipped, as decoders do.
fn next_marker(from: &mut Reader<'_>) -> Result<u8> {
    loop {
        while from.byte()? != 0xFF {}
        let mut byte = 0xFF;
        // Any number of fill bytes may stand before a marker.
        while byte == 0xFF {
            byte = from.byte()?;
        }
        // A stuffed zero outside of a scan is no marker.
        if byte != 0 {
            return Ok(byte);
        }
    }
}

fn keep(marker: u8, content: &[u8]) -> Option<Vec<u8>> {
    match marker {
        APP0 if content.starts_with(b"JFIF\0") && content.len() >= 14 => {
            // Version and pixel density, and a thumbnail of 0 × 0.
            Some(content.iter().take(12).copied().chain([0, 0]).collect())
        }
        APP2 if content.starts_with(b"ICC_PROFILE\0") => Some(content.to_vec()),
        APP14 if content.starts_with(b"Adobe") => Some(content.to_vec()),
        APP0..=APP15 | COM => None,
        _ => Some(content.to_vec()),
    }
}

/// Copies entropy-coded data up to the next marker that ends it.
fn copy_scan(from: &mut Reader<'_>, to: &mut Vec<u8>) -> Result<()> {
    let rest = from.rest();
    for (end, pair) in rest.windows(2).enumerate() {
        match pair {
            // Stuffed zeros and restart markers are part of the scan; so is a fill byte, of which the next pair says more.
            [0xFF, 0x00 | 0xD0..=0xD7 | 0xFF] => {}
            [0xFF, _] => {
                to.extend_from_slice(from.take(end)?);
                return Ok(());
            }
            _ => {}
        }
    }
    Err(super::reader::TRUNCATED)
}

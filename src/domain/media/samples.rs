//! Small images for tests, made on the spot.

use image::{
    Delay, DynamicImage, Frame, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage,
    codecs::gif::{GifEncoder, Repeat},
};
use std::io::Cursor;

use crate::model::upload::ImageKind;

pub(super) const RED: [u8; 3] = [255, 0, 0];
pub(super) const BLUE: [u8; 3] = [0, 0, 255];

/// 32 × 16: the left half red, the right half blue.
fn picture() -> DynamicImage {
    RgbImage::from_fn(32, 16, |x, _| Rgb(if x < 16 { RED } else { BLUE })).into()
}

pub(super) fn of(kind: ImageKind) -> Vec<u8> {
    let format = match kind {
        ImageKind::Jpeg => ImageFormat::Jpeg,
        ImageKind::Png => ImageFormat::Png,
        ImageKind::Gif => ImageFormat::Gif,
        ImageKind::Webp => ImageFormat::WebP,
    };
    let mut bytes = Cursor::new(Vec::new());
    picture().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A GIF of `frames` frames that repeats for ever.
pub(super) fn animated_gif(width: u32, height: u32, frames: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    encoder.set_repeat(Repeat::Infinite).unwrap();
    for shade in 0..frames {
        let frame = RgbaImage::from_pixel(width, height, Rgba([shade, 0, 0, 255]));
        encoder.encode_frame(Frame::from_parts(frame, 0, 0, Delay::from_numer_denom_ms(100, 1))).unwrap();
    }
    drop(encoder);
    bytes
}

/// A TIFF directory with an orientation and a secret in it.
pub(super) fn exif(orientation: u8) -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0\x01\0".to_vec();
    tiff.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0]);
    tiff.extend([0; 4]);
    tiff.extend(SECRET);
    tiff
}

/// What must not be found in a cleaned image.
pub(super) const SECRET: &[u8] = b"48.8584N 2.2945E";

pub(super) fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    let mut segment = vec![0xFF, marker];
    segment.extend(u16::try_from(content.len() + 2).unwrap().to_be_bytes());
    segment.extend(content);
    segment
}

/// Puts bytes into a JPEG right after its start.
pub(super) fn jpeg_with(segments: &[Vec<u8>]) -> Vec<u8> {
    let plain = of(ImageKind::Jpeg);
    [&plain[..2], &segments.concat(), &plain[2..]].concat()
}

/// A PNG chunk with its checksum.
pub(super) fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let body = [name.as_slice(), content].concat();
    let mut chunk = u32::try_from(content.len()).unwrap().to_be_bytes().to_vec();
    chunk.extend(&body);
    chunk.extend(crc32(&body).to_be_bytes());
    chunk
}

/// Puts chunks into a PNG behind its header.
pub(super) fn png_with(chunks: &[Vec<u8>]) -> Vec<u8> {
    let plain = of(ImageKind::Png);
    [&plain[..33], &chunks.concat(), &plain[33..]].concat()
}

/// A PNG that claims to be as large as you like, in 57 bytes.
pub(super) fn pixel_flood(width: u32, height: u32) -> Vec<u8> {
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([8, 6, 0, 0, 0]);
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &header), chunk(b"IDAT", &[]), chunk(b"IEND", &[])].concat()
}

/// An extended WebP with EXIF, XMP and a chunk that nobody knows.
pub(super) fn webp_with_metadata(orientation: u8) -> Vec<u8> {
    let plain = of(ImageKind::Webp);
    let riff = |name: &[u8; 4], content: &[u8]| {
        let mut chunk = name.to_vec();
        chunk.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
        chunk.extend(content);
        chunk.extend(vec![0; content.len() % 2]);
        chunk
    };
    let mut body = b"WEBP".to_vec();
    body.extend(riff(b"VP8X", &[0b0000_1100, 0, 0, 0, 31, 0, 0, 15, 0, 0]));
    body.extend(&plain[12..]);
    body.extend(riff(b"EXIF", &exif(orientation)));
    body.extend(riff(b"XMP ", SECRET));
    body.extend(riff(b"JUNK", SECRET));
    riff(b"RIFF", &body)
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

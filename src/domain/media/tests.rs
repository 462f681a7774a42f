//! What goes in through [`super::inspect`], and what comes out of it.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use image::{DynamicImage, GenericImageView};

use super::{
    Cleaner,
    inspect::inspect,
    read,
    samples::{BLUE, RED, SECRET, animated_gif, chunk, exif, jpeg_with, of, pixel_flood, png_with, segment, webp_with_metadata},
};
use crate::{
    blobs::Blobs,
    config::Config,
    metrics::Metrics,
    model::{Error, Result, UploadId, upload::ImageKind, upload::MediaName},
};

const MAX_PIXELS: u64 = 1_000_000;

fn cleaned(kind: ImageKind, bytes: Vec<u8>) -> Result<Vec<u8>> {
    inspect(bytes, kind, MAX_PIXELS).map(|(_, bytes)| bytes.to_vec())
}

fn refused(kind: ImageKind, bytes: Vec<u8>) -> &'static str {
    match cleaned(kind, bytes) {
        Err(Error::ImageInvalid(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn decoded(bytes: &[u8]) -> DynamicImage {
    image::load_from_memory(bytes).unwrap()
}

/// Whether a pixel is about this color: JPEG is never exact.
fn looks(picture: &DynamicImage, at: (u32, u32), color: [u8; 3]) -> bool {
    let pixel = picture.get_pixel(at.0, at.1).0;
    pixel.iter().zip(color).all(|(is, should)| is.abs_diff(should) < 40)
}

#[test]
fn an_image_of_each_kind_comes_out_with_the_same_pixels() {
    for kind in ImageKind::ALL {
        let bytes = of(kind);
        let (sniffed, out) = inspect(bytes.clone(), kind, MAX_PIXELS).unwrap();
        assert_eq!(sniffed, kind);
        assert_eq!(decoded(&out), decoded(&bytes), "{kind:?}");
        assert_eq!(cleaned(kind, out.to_vec()), Ok(out.to_vec()), "{kind:?}: nothing is left to clean");
    }
}

#[test]
fn an_image_that_is_another_than_its_url_says_is_refused() {
    assert!(refused(ImageKind::Png, of(ImageKind::Jpeg)).contains("another type"));
    assert!(refused(ImageKind::Jpeg, of(ImageKind::Webp)).contains("another type"));
}

#[test]
fn what_is_no_image_is_refused() {
    for bytes in [
        &b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..],
        b"<html>",
        b"",
        b"GIF89a",
        b"\xFF\xD8\xFF",
        b"RIFF\0\0\0\0WEBP",
        b"BM",
    ] {
        for kind in ImageKind::ALL {
            let _why = refused(kind, bytes.to_vec());
        }
    }
}

#[test]
fn an_image_that_is_cut_off_anywhere_is_refused() {
    for kind in ImageKind::ALL {
        let whole = of(kind);
        // The last bytes of a GIF are its trailer, which may be missing.
        let end = whole.len() - if kind == ImageKind::Gif { 2 } else { 1 };
        for length in (0..end).step_by(7).chain([end]) {
            assert!(cleaned(kind, whole[..length].to_vec()).is_err(), "{kind:?} of {length} bytes of {}", whole.len());
        }
    }
}

#[test]
fn damaged_images_are_refused_or_cleaned_but_never_panic() {
    for kind in ImageKind::ALL {
        let whole = of(kind);
        for at in 0..whole.len() {
            for flip in [0x01, 0x80, 0xFF] {
                let mut damaged = whole.clone();
                damaged[at] ^= flip;
                let _either = cleaned(kind, damaged);
            }
        }
    }
}

#[test]
fn a_flood_of_pixels_is_refused_by_its_header() {
    assert!(refused(ImageKind::Png, pixel_flood(60_000, 60_000)).contains("too many pixels"));
    assert!(refused(ImageKind::Png, pixel_flood(1_001, 1_000)).contains("too many pixels"));
    let mut gif = of(ImageKind::Gif);
    gif[6..10].copy_from_slice(&[0xFF; 4]);
    assert!(refused(ImageKind::Gif, gif).contains("too many pixels"));
}

#[test]
fn a_gif_keeps_its_frames_and_repeats_but_not_its_comments() {
    let plain = animated_gif(8, 8, 3);
    let comment = [&[0x21, 0xFE, 16][..], SECRET, &[0]].concat();
    let xmp = [&[0x21, 0xFF, 11][..], b"XMP DataXMP", &[16], SECRET, &[0]].concat();
    let head = 13 + if plain[10] & 0x80 == 0 { 0 } else { 3 << ((plain[10] & 7) + 1) };
    let bytes = [&plain[..head], &comment, &xmp, &plain[head..], SECRET].concat();
    let out = cleaned(ImageKind::Gif, bytes).unwrap();
    assert_eq!(out, plain);
    assert!(holds(&out, b"NETSCAPE2.0"));
}

#[test]
fn an_endless_animation_is_refused() {
    // 200 × 200 × 120 pixels are more than four times the most of a single image.
    assert!(refused(ImageKind::Gif, animated_gif(200, 200, 120)).contains("too many frames"));
    assert!(refused(ImageKind::Gif, animated_gif(600, 600, 1)).contains("too many pixels"));
}

#[test]
fn a_jpeg_loses_its_metadata_its_thumbnail_and_what_is_appended_but_no_pixel() {
    let exif = [b"Exif\0\0", exif(1).as_slice()].concat();
    let profile = [b"ICC_PROFILE\0\x01\x01", [7; 64].as_slice()].concat();
    let mut bytes = jpeg_with(&[
        segment(0xE1, &exif),
        segment(0xE1, &[b"http://ns.adobe.com/xap/1.0/\0", SECRET].concat()),
        segment(0xE2, &profile),
        segment(0xE2, &[b"MPF\0", SECRET].concat()),
        segment(0xED, SECRET),
        segment(0xFE, SECRET),
    ]);
    bytes.extend_from_slice(&jpeg_with(&[segment(0xE1, &exif)]));
    let out = cleaned(ImageKind::Jpeg, bytes.clone()).unwrap();
    assert!(!holds(&out, SECRET) && !holds(&out, b"Exif"));
    assert!(holds(&out, &[7; 64]), "the color profile stays");
    assert_eq!(decoded(&out), decoded(&bytes));
    assert!(out.ends_with(&[0xFF, 0xD9]));
}

#[test]
fn a_phone_picture_is_turned_upright_and_loses_its_exif() {
    // Rotated by 90 degrees clockwise, what was on the left is on top.
    let exif = [b"Exif\0\0", exif(6).as_slice()].concat();
    let out = cleaned(ImageKind::Jpeg, jpeg_with(&[segment(0xE1, &exif)])).unwrap();
    let picture = decoded(&out);
    assert_eq!(picture.dimensions(), (16, 32));
    assert!(looks(&picture, (8, 4), RED) && looks(&picture, (8, 28), BLUE));
    assert!(!holds(&out, SECRET) && !holds(&out, b"Exif"));
}

#[test]
fn a_png_loses_its_texts_and_exif_and_is_turned_upright() {
    let texts = [chunk(b"tEXt", &[b"Comment\0", SECRET].concat()), chunk(b"prVt", SECRET)];
    let out = cleaned(ImageKind::Png, [png_with(&texts), SECRET.to_vec()].concat()).unwrap();
    assert_eq!(out, of(ImageKind::Png));
    let out = cleaned(ImageKind::Png, png_with(&[chunk(b"eXIf", &exif(3))])).unwrap();
    assert!(looks(&decoded(&out), (2, 2), BLUE) && !holds(&out, SECRET));
}

#[test]
fn a_webp_loses_its_metadata_and_is_turned_upright() {
    let out = cleaned(ImageKind::Webp, webp_with_metadata(1)).unwrap();
    assert!(!holds(&out, SECRET) && !holds(&out, b"EXIF") && !holds(&out, b"JUNK"));
    assert_eq!(decoded(&out), decoded(&of(ImageKind::Webp)));
    let out = cleaned(ImageKind::Webp, webp_with_metadata(6)).unwrap();
    assert_eq!(decoded(&out).dimensions(), (16, 32));
    assert!(!holds(&out, SECRET));
}

#[tokio::test]
async fn a_data_url_is_cleaned_off_the_main_threads_and_refusals_are_counted() {
    let cleaner = Cleaner::new(&Config::load(None, []).unwrap().media, &Metrics::new().unwrap());
    let url = format!("data:image/jpg;base64,{}", STANDARD.encode(of(ImageKind::Jpeg)));
    assert!(matches!(cleaner.clean(&url).await, Ok((ImageKind::Jpeg, _))));
    for url in ["https://example.org/cat.png", "/etc/passwd", "data:image/png;base64,AAAA", "data:image/svg+xml;base64,AAAA"] {
        assert!(matches!(cleaner.clean(url).await, Err(Error::ImageInvalid(_))), "{url}");
    }
    assert_eq!(cleaner.refused.get(), 4);
}

#[tokio::test]
async fn only_names_that_were_given_out_open_something() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::load(None, []).unwrap().media;
    config.url = format!("file://{}", folder.path().display());
    let blobs = Blobs::open(&config).unwrap();
    let name = MediaName::new(UploadId::new(), ImageKind::Png);
    assert_eq!(read(&blobs, name.as_str()).await, Err(Error::NotFound));
    blobs.put(&name, Bytes::from_static(b"pixels")).await.unwrap();
    assert_eq!(read(&blobs, name.as_str()).await, Ok((ImageKind::Png, Bytes::from_static(b"pixels"))));
    for wrong in ["", "..", "../../etc/passwd", "%2e%2e/x.png", "cat.png"] {
        assert_eq!(read(&blobs, wrong).await, Err(Error::NotFound), "{wrong:?}");
    }
}

//! Images: checked, cleaned, stored, served.

use bytes::Bytes;
use prometheus::IntCounter;

mod animation;
mod data_url;
mod gif;
mod inspect;
mod jpeg;
mod orient;
mod png;
mod reader;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
mod webp;

use super::blocking::Pool;
use crate::{
    blobs::Blobs,
    config,
    metrics::Metrics,
    model::{
        Clock, Error, Result, UploadId, UserId,
        upload::{ImageKind, MediaName},
    },
    store::Store,
};

/// Takes images in and gives them out; cheap to clone.
#[derive(Clone, Debug)]
pub struct Media {
    store: Store,
    blobs: Blobs,
    clock: Clock,
    cleaner: Cleaner,
}

impl Media {
    pub fn new(store: Store, blobs: Blobs, config: &config::Media, clock: Clock, metrics: &Metrics) -> Self {
        Self { store, blobs, clock, cleaner: Cleaner::new(config, metrics) }
    }

    /// Takes a data URL: sniffs the real type, reads the dimensions before decoding, decodes, drops EXIF and the like,
    /// stores it and records the owner.
    ///
    /// # Errors
    /// [`Error::ImageInvalid`]; [`Error::TooLarge`]; [`Error::Unavailable`] when too many are being decoded, or the blob store
    /// or the database is away.
    pub async fn accept(&self, owner: UserId, data_url: &str) -> Result<MediaName> {
        let (kind, bytes) = self.cleaner.clean(data_url).await?;
        let id = UploadId::new();
        let (name, size) = (MediaName::new(id, kind), bytes.len());
        // The blob first: a row without a blob would be a broken image, a blob without a row is only some bytes too many.
        self.blobs.put(&name, bytes).await?;
        self.store.record_upload(id, owner, kind, size, self.clock.now()).await?;
        self.cleaner.accepted.inc();
        Ok(name)
    }

    /// A stored image by the name in its URL.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a name that hubbub never gave, [`Error::Unavailable`].
    pub async fn open(&self, name: &str) -> Result<(ImageKind, Bytes)> {
        read(&self.blobs, name).await
    }
}

async fn read(blobs: &Blobs, name: &str) -> Result<(ImageKind, Bytes)> {
    let (name, kind) = MediaName::parse(name)?;
    let bytes = blobs.get(&name).await?.ok_or(Error::NotFound)?;
    Ok((kind, bytes))
}

/// Runs [`inspect::inspect`] where it can't stall anybody else.
#[derive(Clone, Debug)]
struct Cleaner {
    pool: Pool,
    max_pixels: u64,
    accepted: IntCounter,
    refused: IntCounter,
}

impl Cleaner {
    fn new(config: &config::Media, metrics: &Metrics) -> Self {
        Self {
            pool: Pool::new("images", config.concurrency, config.queue),
            max_pixels: config.max_pixels,
            accepted: metrics.images.with_label_values(&["accepted"]),
            refused: metrics.images.with_label_values(&["refused"]),
        }
    }

    async fn clean(&self, data_url: &str) -> Result<(ImageKind, Bytes)> {
        let cleaned = self.decode_and_inspect(data_url).await;
        if matches!(cleaned, Err(Error::ImageInvalid(_) | Error::TooLarge { .. })) {
            self.refused.inc();
        }
        cleaned
    }

    async fn decode_and_inspect(&self, data_url: &str) -> Result<(ImageKind, Bytes)> {
        let (claim, encoded) = data_url::parse(data_url)?;
        let (encoded, max_pixels) = (encoded.to_owned(), self.max_pixels);
        let work = move || inspect::inspect(data_url::decode(&encoded)?, claim, max_pixels);
        self.pool.run(work).await?
    }
}

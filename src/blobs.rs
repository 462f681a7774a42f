//! Images: a folder or a bucket in S3, on object_store. Objects are written once under a name of their own and never changed.

use bytes::Bytes;
use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig, aws::AmazonS3Builder, local::LocalFileSystem,
    path::Path,
};
use std::{future::Future, sync::Arc, time::Duration};

use crate::{
    config,
    model::{Error, Result, upload::MediaName},
    tls,
};

const PART: &str = "blobs";
const CONNECT: Duration = Duration::from_secs(3);
const REQUEST: Duration = Duration::from_secs(10);
/// Longest wait for a read or a write, retries included.
const DEADLINE: Duration = Duration::from_secs(15);

/// A cheap handle on the blob store.
#[derive(Clone, Debug)]
pub struct Blobs {
    // The outside world begins here; object_store's own trait is the seam.
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl Blobs {
    /// Opens `file://folder` (made if it is missing) or `s3://bucket/prefix`. Doesn't ask S3 whether the bucket is there: it may
    /// be away when a node starts.
    ///
    /// # Errors
    /// [`Error::Internal`] if the folder can't be made, or the settings are of no use.
    pub fn open(config: &config::Media) -> Result<Self> {
        if let Some(folder) = config.url.strip_prefix("file://") {
            return Self::folder(folder);
        }
        match config.url.strip_prefix("s3://") {
            Some(place) => Self::bucket(place, config),
            None => Err(Error::internal(PART, "media.url is neither file://folder nor s3://bucket/prefix")),
        }
    }

    fn folder(folder: &str) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(|cause| Error::internal(PART, format_args!("{folder}: {cause}")))?;
        // A message is committed after its image is stored, so the image must survive a power cut, too.
        let store = LocalFileSystem::new_with_prefix(folder).map_err(|cause| Error::internal(PART, cause))?.with_fsync(true);
        Ok(Self { store: Arc::new(store), prefix: Path::default() })
    }

    fn bucket(place: &str, config: &config::Media) -> Result<Self> {
        tls::install();
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let plain_http = config.s3_endpoint.starts_with("http://");
        let client = ClientOptions::new().with_connect_timeout(CONNECT).with_timeout(REQUEST).with_allow_http(plain_http);
        let retry = RetryConfig { backoff: BackoffConfig::default(), max_retries: 2, retry_timeout: REQUEST };
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_client_options(client).with_retry(retry);
        if !config.s3_endpoint.is_empty() {
            builder = builder.with_endpoint(config.s3_endpoint.trim_end_matches('/'));
        }
        if !config.s3_region.is_empty() {
            builder = builder.with_region(&config.s3_region);
        }
        let store = builder.build().map_err(|cause| Error::internal(PART, cause))?;
        let prefix = Path::parse(prefix.trim_matches('/')).map_err(|cause| Error::internal(PART, cause))?;
        Ok(Self { store: Arc::new(store), prefix })
    }

    /// Stores an image, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; it may be stored nevertheless.
    pub async fn put(&self, name: &MediaName, bytes: Bytes) -> Result<()> {
        let place = self.place(name);
        bounded(self.store.put(&place, bytes.into())).await?.map(drop).map_err(|cause| Error::unavailable(PART, cause))
    }

    /// An image, or `None` if there is none of that name.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn get(&self, name: &MediaName) -> Result<Option<Bytes>> {
        let place = self.place(name);
        let read = async { self.store.get(&place).await?.bytes().await };
        match bounded(read).await? {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(cause) => Err(Error::unavailable(PART, cause)),
        }
    }

    fn place(&self, name: &MediaName) -> Path {
        self.prefix.clone().join(name.as_str())
    }
}

/// A disk can hang as well as a network: neither keeps a request for longer than this.
async fn bounded<T>(work: impl Future<Output = T>) -> Result<T> {
    tokio::time::timeout(DEADLINE, work).await.map_err(|_| Error::unavailable(PART, "no answer in time"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{UploadId, error::Kind, upload::ImageKind};

    fn media(url: &str) -> config::Media {
        let mut media = config::Config::load(None, []).unwrap().media;
        media.url = url.to_owned();
        media
    }

    fn name() -> MediaName {
        MediaName::new(UploadId::new(), ImageKind::Png)
    }

    #[tokio::test]
    async fn an_image_reads_back_from_a_folder_that_did_not_exist() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("data/media");
        let blobs = Blobs::open(&media(&format!("file://{}", below.display()))).unwrap();
        let (there, missing) = (name(), name());
        blobs.put(&there, Bytes::from_static(b"pixels")).await.unwrap();
        assert_eq!(blobs.get(&there).await, Ok(Some(Bytes::from_static(b"pixels"))));
        assert_eq!(blobs.get(&missing).await, Ok(None));
        assert_eq!(std::fs::read_dir(&below).unwrap().count(), 1, "nothing but the image is left behind");
    }

    #[tokio::test]
    async fn a_bucket_that_is_away_is_unavailable_and_not_missing() {
        let mut media = media("s3://bucket/some/prefix/");
        // Nobody listens on the discard port.
        media.s3_endpoint = "http://127.0.0.1:9".to_owned();
        let mut blobs = Blobs::open(&media).unwrap();
        assert_eq!(blobs.place(&name()).parts().count(), 3);
        blobs.store = Arc::new(
            AmazonS3Builder::new()
                .with_bucket_name("bucket")
                .with_endpoint(&media.s3_endpoint)
                .with_allow_http(true)
                .with_access_key_id("key")
                .with_secret_access_key("secret")
                .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
                .build()
                .unwrap(),
        );
        assert_eq!(blobs.get(&name()).await.unwrap_err().kind(), Kind::Unavailable);
    }

    #[test]
    fn a_place_of_another_kind_is_refused() {
        assert_eq!(Blobs::open(&media("ftp://images")).unwrap_err().kind(), Kind::Internal);
    }
}

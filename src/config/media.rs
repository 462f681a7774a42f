//! `[media]`: images.

use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
pub struct Media {
    /// `file://folder` or `s3://bucket/prefix` (credentials: the usual `AWS_*`). Empty: `data/media`.
    pub url: String,
    /// Whether a `file://` folder is the same on all nodes (required with Redis).
    pub shared: bool,
    /// S3 endpoint, for others than AWS.
    pub s3_endpoint: String,
    pub s3_region: String,
    /// Images decoded at the same time, and how many may wait.
    pub concurrency: usize,
    pub queue: usize,
    /// Most pixels (width × height) of an image.
    pub max_pixels: u64,
}

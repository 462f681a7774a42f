//! Images: which kinds we take, and how one is named.

use super::{Error, Result, UploadId};

/// The image formats that browsers show and that we can check by decoding. SVG is none of them: it runs scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageKind {
    Jpeg,
    Png,
    Gif,
    Webp,
}

impl ImageKind {
    pub const ALL: [Self; 4] = [Self::Jpeg, Self::Png, Self::Gif, Self::Webp];

    pub fn mime(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
        }
    }

    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::Webp => "webp",
        }
    }

    pub fn from_extension(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.extension() == text)
    }
}

/// What a stored image is called in the blob store and below `/media/`: `{id}.{extension}`. The only names that are
/// ever looked up, so that no path can be smuggled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaName(String);

impl MediaName {
    pub fn new(id: UploadId, kind: ImageKind) -> Self {
        Self(format!("{}.{}", id.0.simple(), kind.extension()))
    }

    /// Accepts exactly what [`MediaName::new`] makes.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn parse(text: &str) -> Result<(Self, ImageKind)> {
        let read = || {
            let (id, extension) = text.split_once('.')?;
            let kind = ImageKind::from_extension(extension)?;
            let id = uuid::Uuid::try_parse(id).ok()?;
            let name = Self::new(UploadId(id), kind);
            (name.0 == text).then_some((name, kind))
        };
        read().ok_or(Error::NotFound)
    }

    /// A name that was stored earlier.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same-origin URL that `<img src>` can load.
    pub fn url(&self) -> String {
        format!("/media/{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_name_reads_back_and_nothing_else_does() {
        let name = MediaName::new(UploadId::new(), ImageKind::Png);
        assert_eq!(MediaName::parse(name.as_str()), Ok((name.clone(), ImageKind::Png)));
        for text in ["", "../etc/passwd", "x.png", "..", &name.as_str().to_uppercase(), &name.as_str().replace("png", "svg")] {
            assert_eq!(MediaName::parse(text), Err(Error::NotFound), "{text:?}");
        }
    }
}

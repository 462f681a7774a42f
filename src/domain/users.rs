//! Profiles and contacts.

use super::media::Media;
use crate::{
    model::{
        Clock, Error, Result, UserId,
        page::{Cursor, Limit, Page},
        user::{PublicUser, User, parse_full_name},
    },
    store::{ProfileChange, Store},
};

#[derive(Clone, Debug)]
pub struct Users {
    store: Store,
    media: Media,
    clock: Clock,
}

/// What somebody wants to change of their profile. `None` and empty both leave it.
#[derive(Debug, Clone, Default)]
pub struct ProfileUpdate {
    pub full_name: Option<String>,
    /// A data URL.
    pub profile_pic: Option<String>,
}

impl Users {
    pub fn new(store: Store, media: Media, clock: Clock) -> Self {
        Self { store, media, clock }
    }

    /// # Errors
    /// [`Error::AccountDeleted`], [`Error::Unavailable`].
    pub async fn me(&self, me: UserId) -> Result<User> {
        self.store.user(me).await?.ok_or(Error::AccountDeleted)
    }

    /// # Errors
    /// [`Error::ProfileUpdateEmpty`], [`Error::NameInvalid`], [`Error::ImageInvalid`], [`Error::AccountDeleted`],
    /// [`Error::Unavailable`].
    pub async fn update_profile(&self, me: UserId, update: ProfileUpdate) -> Result<User> {
        let full_name = update.full_name.filter(|name| !name.is_empty());
        let picture = update.profile_pic.filter(|url| !url.is_empty());
        if full_name.is_none() && picture.is_none() {
            return Err(Error::ProfileUpdateEmpty);
        }
        let full_name = full_name.as_deref().map(parse_full_name).transpose()?;
        let profile_pic = match picture {
            Some(data_url) => Some(self.media.accept(me, &data_url).await?),
            None => None,
        };
        let change = ProfileChange { full_name, profile_pic };
        self.store.update_profile(me, change, self.clock.now()).await?.ok_or(Error::AccountDeleted)
    }

    /// Everybody but `me`, oldest account first; `q` finds a part of the name.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a `q` of more than 100 characters, [`Error::Unavailable`].
    pub async fn contacts(&self, me: UserId, q: Option<&str>, after: Option<Cursor>, limit: Limit) -> Result<Page<PublicUser>> {
        let q = q.map(str::trim).filter(|q| !q.is_empty());
        if q.is_some_and(|q| q.chars().count() > 100 || q.contains('\0')) {
            return Err(Error::Malformed("q must be at most 100 characters, without NUL.".to_owned()));
        }
        let Page { rows, next } = self.store.contacts(me, q, after, limit).await?;
        Ok(Page { rows: rows.into_iter().map(PublicUser::from).collect(), next })
    }
}

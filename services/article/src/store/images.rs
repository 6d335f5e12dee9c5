//! The images that articles were given.

use kit::{Tx, id::ArticleId};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};

use super::{
    articles::{self, visible_to},
    entities::{article, image},
};
use crate::{
    domain::{
        article::{Article, Content},
        image::Picture,
        list::Visibility,
    },
    error::Error,
};

/// A picture and its bytes.
#[derive(Debug)]
pub struct Upload {
    pub picture: Picture,
    /// SHA-256 of the data, in hexadecimal.
    pub digest: String,
    pub data: Vec<u8>,
}

/// Where REST has an article's image; each version of it has a URL of its own.
fn url(id: ArticleId, digest: &str) -> String {
    format!("{}?version={}", path(id), version(digest))
}

fn version(digest: &str) -> &str {
    digest.get(..16).unwrap_or(digest)
}

fn path(id: ArticleId) -> String {
    format!("/v1/articles/{id}/image")
}

/// Whether this is how an image's URL names its version.
pub fn is_version(image: &Image, text: &str) -> bool {
    text == version(&image.digest)
}

/// Gives an article an image, if it is in the version that `etag` names; an empty etag is any.
pub async fn set(tx: &Tx, id: ArticleId, etag: &str, upload: &Upload) -> Result<Article, Error> {
    let url = url(id, &upload.digest);
    let article = articles::update(tx, id, etag, |content| {
        let other = content.image_url != url;
        content.image_url.clone_from(&url);
        Ok(other)
    })
    .await?;
    // `update` holds the article's row: of two uploads at once the later one finds the other's image, and replaces it.
    let there = image::Entity::find_by_id(id).select_only().column(image::Column::Digest);
    let there: Option<String> = there.into_tuple().one(&**tx).await?;
    if there.as_ref() == Some(&upload.digest) {
        return Ok(article);
    }
    remove(tx, id).await?;
    let row = image::ActiveModel {
        article_id: Set(id),
        digest: Set(upload.digest.clone()),
        media_type: Set(upload.picture.kind.media_type().to_owned()),
        width: Set(upload.picture.width as i32),
        height: Set(upload.picture.height as i32),
        data: Set(upload.data.clone()),
        create_time: Set(tx.now()),
    };
    image::Entity::insert(row).exec_without_returning(&**tx).await?;
    Ok(article)
}

/// An article's image as it is served.
pub struct Image {
    /// Whether everybody may see it.
    pub public: bool,
    pub digest: String,
    pub media_type: String,
    pub data: Vec<u8>,
}

/// An article's image; `None` also where the caller may not see the article.
pub async fn find(
    db: &impl ConnectionTrait,
    visibility: Visibility,
    id: ArticleId,
) -> Result<Option<Image>, DbErr> {
    let query = image::Entity::find_by_id(id)
        .inner_join(article::Entity)
        .filter(visible_to(visibility))
        .select_only()
        .column(article::Column::Active)
        .columns([image::Column::Digest, image::Column::MediaType, image::Column::Data]);
    let found: Option<(bool, String, String, Vec<u8>)> = query.into_tuple().one(db).await?;
    Ok(found.map(|(public, digest, media_type, data)| Image { public, digest, media_type, data }))
}

/// Lets an uploaded image go that the article does not point at any more.
pub async fn follow(tx: &Tx, id: ArticleId, before: &Content, after: &Content) -> Result<(), DbErr> {
    let ours = path(id);
    if before.image_url.starts_with(&ours) && !after.image_url.starts_with(&ours) {
        remove(tx, id).await?;
    }
    Ok(())
}

/// Removes an article's image, if it has one.
pub async fn remove(tx: &Tx, id: ArticleId) -> Result<(), DbErr> {
    image::Entity::delete_many().filter(image::Column::ArticleId.eq(id)).exec(&**tx).await.map(|_| ())
}

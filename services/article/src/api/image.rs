//! Images up and down.

use aws_lc_rs::digest;
use contracts::{
    article::{Article, GetImageRequest, UploadImageRequest},
    google::api::HttpBody,
};
use kit::{Call, Db, Fault, Writer};
use tonic::{Request, Response, Status, metadata::MetadataValue};

use super::{content, read};
use crate::{
    domain::{image, list::Visibility},
    error::Error,
    store::images::{self, Upload},
};

/// UploadImage, of at most so many bytes.
pub async fn upload_image(
    db: &Writer<Error>,
    most: usize,
    request: Request<UploadImageRequest>,
) -> Result<Response<Article>, Status> {
    let call = Call::of(&request)?;
    let request = request.into_inner();
    let id = read::article_id(&request.article_id, "article_id")?;
    let data = request.image.unwrap_or_default().data;
    let picture = image::read(&data, most).map_err(Error::from)?;
    // Everybody sees it: not also where it was taken.
    let data = image::strip(picture.kind, &data).ok_or(image::BadImage::Broken).map_err(Error::from)?;
    let digest = hex::encode(digest::digest(&digest::SHA256, &data));
    let input = (Upload { picture, digest, data }, request.etag);
    let written = db.write(&call, input, move |tx, input| async move {
        let (upload, etag) = &*input;
        Ok(content::render(images::set(&tx, id, etag, upload).await?))
    });
    Ok(written.await?.into())
}

/// GetImage, with what HTTP caches go by.
pub async fn get_image(db: &Db, request: Request<GetImageRequest>) -> Result<Response<HttpBody>, Status> {
    let visibility = Visibility::of(Call::of(&request)?.caller());
    let request = request.into_inner();
    let id = read::article_id(&request.article_id, "article_id")?;
    let found = images::find(db.read(), visibility, id).await.map_err(Error::from)?;
    let image = found.ok_or(Error::NoImage)?;
    let cache = match (image.public, images::is_version(&image, &request.version)) {
        (false, _) => "private, no-cache",
        (true, true) => "public, max-age=86400, immutable",
        (true, false) => "public, no-cache",
    };
    let etag = MetadataValue::try_from(format!("\"{}\"", image.digest)).map_err(Fault::internal)?;
    // Those that were taken before uploads were stripped.
    let data = image::Kind::of(&image.data).and_then(|kind| image::strip(kind, &image.data));
    let data = data.unwrap_or(image.data);
    let body = HttpBody { content_type: image.media_type, data, extensions: Vec::new() };
    let mut response = Response::new(body);
    response.metadata_mut().insert("etag", etag);
    response.metadata_mut().insert("cache-control", MetadataValue::from_static(cache));
    Ok(response)
}

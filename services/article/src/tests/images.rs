//! Images up and down.

use contracts::{
    article::{
        Article, DeleteArticleRequest, GetImageRequest, UploadImageRequest,
        article_service_server::ArticleService,
    },
    google::api::HttpBody,
};
use kit::{Caller, Fault};
use tonic::{Code, Response};

use super::support::*;

const PNG: &[u8] = include_bytes!("../domain/image/plain.png");
const WEBP: &[u8] = include_bytes!("../domain/image/lossy.webp");

async fn upload(shop: &Shop, article: &Article, data: &[u8], etag: &str) -> Result<Article, Fault> {
    let image = HttpBody { content_type: "text/plain".into(), data: data.to_vec(), extensions: Vec::new() };
    let (article_id, etag) = (article.id.clone(), etag.to_owned());
    let request = UploadImageRequest { article_id, image: Some(image), etag };
    outcome(shop.articles.upload_image(from(staff(), request)).await)
}

/// The answer to somebody who asks for a version.
async fn get(
    shop: &Shop,
    caller: Caller,
    article: &Article,
    version: &str,
) -> Result<Response<HttpBody>, Fault> {
    let request = GetImageRequest { article_id: article.id.clone(), version: version.into() };
    shop.articles.get_image(from(caller, request)).await.map_err(|status| Fault::of(&status))
}

fn header<'a>(answer: &'a Response<HttpBody>, name: &str) -> &'a str {
    answer.metadata().get(name).unwrap().to_str().unwrap()
}

#[tokio::test]
async fn an_uploaded_image_is_what_the_article_points_at() {
    let shop = Shop::open().await;
    let made = shop.stocked("a", 0).await;
    assert_eq!(get(&shop, Caller::Anonymous, &made, "").await.unwrap_err().code, Code::NotFound);
    let first = upload(&shop, &made, PNG, "").await.unwrap();
    assert_eq!(first.etag, "2");
    let (path, version) = first.image_url.split_once("?version=").unwrap();
    assert_eq!(path, format!("/v1/articles/{}/image", made.id));
    let answer = get(&shop, Caller::Anonymous, &made, version).await.unwrap();
    assert_eq!(header(&answer, "cache-control"), "public, max-age=86400, immutable");
    assert!(header(&answer, "etag").len() > 20);
    assert_eq!((answer.get_ref().content_type.as_str(), &*answer.get_ref().data), ("image/png", PNG));

    assert_eq!(upload(&shop, &made, PNG, "").await.unwrap(), first, "the same changes nothing");
    let second = upload(&shop, &made, WEBP, "2").await.unwrap();
    assert_ne!(second.image_url, first.image_url);
    let answer = get(&shop, Caller::Anonymous, &made, version).await.unwrap();
    assert_eq!(header(&answer, "cache-control"), "public, no-cache", "not for the old URL");
    assert_eq!(answer.get_ref().content_type, "image/webp");
    for odd in ["", "é", "ÄÖÜÄÖÜÄÖÜÄÖÜÄÖÜ"] {
        assert_eq!(
            header(&get(&shop, shopper(), &made, odd).await.unwrap(), "cache-control"),
            "public, no-cache"
        );
    }
    assert_eq!(upload(&shop, &made, PNG, "2").await.unwrap_err().reason.as_str(), "ETAG_MISMATCH");
    assert_eq!(get(&shop, Caller::Anonymous, &made, "").await.unwrap().get_ref().data, WEBP);
}

#[tokio::test]
async fn what_is_no_image_changes_nothing() {
    let shop = Shop::open().await;
    let made = shop.stocked("a", 0).await;
    upload(&shop, &made, PNG, "").await.unwrap();
    let large = [PNG, &[0; IMAGE_LIMIT]].concat();
    for data in [&b""[..], b"hello", &PNG[..PNG.len() - 1], &large] {
        let fault = upload(&shop, &made, data, "").await.unwrap_err();
        assert_eq!((fault.code, fault.fields[0].0.as_str()), (Code::InvalidArgument, "image"), "{fault:?}");
    }
    assert_eq!(get(&shop, staff(), &made, "").await.unwrap().get_ref().data, PNG);
    let nowhere = Article { id: "art_01h455vb4pex5vsknk084sn02q".into(), ..made };
    assert_eq!(upload(&shop, &nowhere, PNG, "").await.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn the_image_of_an_inactive_article_is_for_staff_alone() {
    let shop = Shop::open().await;
    let made = shop.create(Article { active: false, ..article("a", "a") }).await.unwrap();
    upload(&shop, &made, PNG, "").await.unwrap();
    for caller in [Caller::Anonymous, shopper()] {
        let fault = get(&shop, caller, &made, "").await.unwrap_err();
        assert_eq!((fault.code, fault.reason.as_str()), (Code::NotFound, "NOT_FOUND"));
    }
    let answer = get(&shop, staff(), &made, "").await.unwrap();
    assert_eq!(header(&answer, "cache-control"), "private, no-cache");
}

#[tokio::test]
async fn an_image_goes_with_what_points_at_it() {
    let shop = Shop::open().await;
    let made = shop.stocked("a", 0).await;
    let pointing = upload(&shop, &made, PNG, "").await.unwrap();
    shop.update(Article { name: "b".into(), ..pointing.clone() }, &["name"]).await.unwrap();
    assert!(get(&shop, shopper(), &made, "").await.is_ok(), "another change leaves it");
    let elsewhere = Article { image_url: String::new(), etag: String::new(), ..made.clone() };
    shop.update(elsewhere, &["image_url"]).await.unwrap();
    assert_eq!(get(&shop, staff(), &made, "").await.unwrap_err().code, Code::NotFound);

    upload(&shop, &made, PNG, "").await.unwrap();
    let request = DeleteArticleRequest { id: made.id.clone(), etag: String::new() };
    outcome(shop.articles.delete_article(from(staff(), request)).await).unwrap();
    for caller in [staff(), order_service()] {
        assert_eq!(get(&shop, caller, &made, "").await.unwrap_err().code, Code::NotFound);
    }
    assert_eq!(upload(&shop, &made, PNG, "").await.unwrap_err().code, Code::NotFound);
}

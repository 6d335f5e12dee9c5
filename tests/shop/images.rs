//! The images of articles, up and down.

use contracts::article::{
    Article, CreateArticleRequest, DeleteArticleRequest, UpdateArticleRequest, UploadImageRequest,
};
use http::Method;

use crate::support::{Client, Code, Edge, Refused, Reply, Setup, eur};

on_both_edges!(
    an_uploaded_image_is_shown_to_everybody,
    what_is_no_image_is_refused_and_changes_nothing,
    an_image_is_hidden_and_removed_with_its_article,
);
tests!(
    where_a_picture_was_taken_is_nobodys_business,
    browsers_keep_images_and_ask_again_by_their_etag,
    a_whole_image_that_is_too_large_is_refused
);

/// A PNG of one colour, of this size: its parts, but for checksums.
fn png(width: u32, height: u32, padding: usize) -> Vec<u8> {
    let mut data = b"\x89PNG\r\n\x1a\n".to_vec();
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    for (kind, content) in [(b"IHDR", header), (b"IDAT", vec![7; padding]), (b"IEND", Vec::new())] {
        data.extend((content.len() as u32).to_be_bytes());
        data.extend(kind);
        data.extend(content);
        data.extend([0; 4]);
    }
    data
}

async fn article(staff: &Client, code: &str, active: bool) -> Article {
    let name = format!("Article {code}");
    let article = Article { code: code.into(), name, price: Some(eur(100)), active, ..Default::default() };
    staff.create_article(CreateArticleRequest { article: Some(article) }).await.unwrap().body
}

/// Covers: article.image.
async fn an_uploaded_image_is_shown_to_everybody(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, anybody) = (mesh.admin().await, mesh.client());
    let made = article(&staff, "A", true).await;
    anybody.image(&made.id, "").await.missing();
    anybody
        .set_image(&made.id, "image/png", &png(2, 2, 9))
        .await
        .refused(Code::Unauthenticated, "UNAUTHENTICATED");
    mesh.shopper().await.set_image(&made.id, "image/png", &png(2, 2, 9)).await.denied();

    let (first, second) = (png(2, 2, 9), png(3, 3, 2_000_000));
    let given = staff.set_image(&made.id, "image/jpeg", &first).await.unwrap().body;
    assert_ne!(given.etag, made.etag);
    assert_eq!(anybody.article(&made.id).await.unwrap().body, given);
    let image = anybody.image(&made.id, "").await.unwrap().body;
    assert_eq!((image.content_type.as_str(), image.data), ("image/png", first), "its type is what is in it");
    // What the article points at is where REST has it.
    let shown = mesh.client().http().get(&given.image_url).await;
    assert_eq!((shown.expect(200), shown.header("content-type")), (&serde_json::Value::Null, "image/png"));

    let again = staff.set_image(&made.id, "image/png", &second).await.unwrap().body;
    assert_ne!(again.image_url, given.image_url);
    assert_eq!(anybody.image(&made.id, "").await.unwrap().data, second);
    let once_more = staff.with_key("k").set_image(&made.id, "image/png", &second).await.unwrap();
    assert_eq!(once_more.body, again, "the same changes nothing");
}

/// Covers: article.image.
async fn what_is_no_image_is_refused_and_changes_nothing(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let made = article(&staff, "A", true).await;
    let good = png(2, 2, 9);
    let kept = staff.set_image(&made.id, "image/png", &good).await.unwrap().body;
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
    for bad in [&b""[..], b"hello", svg, b"<html>", &good[..good.len() - 1], &png(0, 2, 9), &png(9_000, 9, 9)]
    {
        staff.set_image(&made.id, "image/png", bad).await.names("image");
    }
    staff.set_image("art_01h455vb4pex5vsknk084sn02q", "image/png", &good).await.missing();
    staff.set_image("art_1", "image/png", &good).await.names("article_id");
    staff.image("art_1", "").await.names("article_id");
    assert_eq!(staff.article(&made.id).await.unwrap().body, kept);
    assert_eq!(staff.image(&made.id, "").await.unwrap().data, good);
}

async fn an_image_is_hidden_and_removed_with_its_article(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, anybody) = (mesh.admin().await, mesh.client());
    let hidden = article(&staff, "HIDDEN", false).await;
    staff.set_image(&hidden.id, "image/png", &png(2, 2, 9)).await.unwrap();
    anybody.image(&hidden.id, "").await.missing();
    assert!(staff.image(&hidden.id, "").await.is_ok());
    let change = |article: Article| UpdateArticleRequest { article: Some(article), update_mask: None };
    let shown = Article { id: hidden.id.clone(), active: true, ..Default::default() };
    staff.update_article(change(shown)).await.unwrap();
    assert!(anybody.image(&hidden.id, "").await.is_ok());
    let elsewhere = Article {
        id: hidden.id.clone(),
        image_url: "https://img.example/1.png".into(),
        ..Default::default()
    };
    staff.update_article(change(elsewhere)).await.unwrap();
    anybody.image(&hidden.id, "").await.missing();
    staff.set_image(&hidden.id, "image/png", &png(2, 2, 9)).await.unwrap();
    let (id, etag) = (hidden.id.clone(), String::new());
    staff.delete_article(DeleteArticleRequest { id, etag }).await.unwrap();
    staff.image(&hidden.id, "").await.missing();
}

/// Covers: article.image.
async fn browsers_keep_images_and_ask_again_by_their_etag(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let made = article(&staff, "A", true).await;
    let given = staff.set_image(&made.id, "image/png", &png(2, 2, 9)).await.unwrap().body;
    let browser = mesh.client().http();
    let shown = browser.get(&given.image_url).await;
    assert_eq!(shown.header("cache-control"), "public, max-age=86400, immutable");
    assert_eq!(shown.header("x-content-type-options"), "nosniff");
    let path = format!("/v1/articles/{}/image", made.id);
    let plain = browser.get(&path).await;
    assert_eq!(
        (plain.header("cache-control"), plain.header("etag")),
        ("public, no-cache", shown.header("etag"))
    );
    let again = browser.with("if-none-match", shown.header("etag")).get(&path).await;
    assert_eq!((again.status.as_u16(), again.bytes.len()), (304, 0));
    assert_eq!(again.header("etag"), shown.header("etag"));

    let stale = staff.http().with("if-match", "\"1\"");
    let request = stale.request(Method::POST, &path).header("content-type", "image/png");
    Reply::read(request.body(png(5, 5, 9))).await.refused(412, "ABORTED", "ETAG_MISMATCH");
    assert_eq!(browser.with("if-none-match", shown.header("etag")).get(&path).await.status, 304);
}

async fn a_whole_image_that_is_too_large_is_refused(setup: Setup) {
    let mesh = setup.env("FEIRA_IMAGE_LIMIT", "3000000").start().await;
    let staff = mesh.admin().await;
    let made = article(&staff, "A", true).await;
    for edge in [Edge::Rest, Edge::Grpc] {
        staff.over(edge).set_image(&made.id, "image/png", &png(2, 2, 3_000_000)).await.names("image");
    }
    let huge = png(2, 2, 10_000_000);
    let path = format!("/v1/articles/{}/image", made.id);
    let request = staff.http().request(Method::POST, &path).header("content-type", "image/png");
    Reply::read(request.body(huge.clone())).await.refused(413, "RESOURCE_EXHAUSTED", "REQUEST_TOO_LARGE");
    let image = contracts::google::api::HttpBody { data: huge, ..Default::default() };
    let request = UploadImageRequest { article_id: made.id.clone(), image: Some(image), etag: String::new() };
    let mut client = contracts::article::article_service_client::ArticleServiceClient::new(
        staff.channel("feira.article.v1"),
    );
    let status = client.upload_image(staff.sign(request)).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert!(status.message().contains("is larger than 4194304"), "{status:?}");
    assert_eq!(staff.article(&made.id).await.unwrap().body, made);
    staff.image(&made.id, "").await.missing();
}

/// Pictures as cameras and editors write them: position, names, remarks, a preview, a trailer.
///
/// Covers: article.image.
async fn where_a_picture_was_taken_is_nobodys_business(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, anybody) = (mesh.admin().await, mesh.client());
    let made = article(&staff, "A", true).await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/services/article/src/domain/image");
    for kind in ["jpg", "png", "webp", "gif"] {
        let taken = std::fs::read(format!("{folder}/located.{kind}")).unwrap();
        let holds = |data: &[u8], text: &str| data.windows(text.len()).any(|part| part == text.as_bytes());
        assert!(holds(&taken, "Secret"), "{kind}");
        let given = staff.set_image(&made.id, "image/jpeg", &taken).await.unwrap().body;
        let shown = anybody.image(&made.id, "").await.unwrap().body.data;
        for told in ["Secret", "GPS", "xmpmeta", "8BIM"] {
            assert!(!holds(&shown, told), "{kind}: {told}");
        }
        assert!(shown.len() < taken.len(), "{kind}");
        if kind != "gif" {
            // Turned by a quarter, and nothing else.
            let exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06";
            assert!(shown.windows(exif.len()).any(|part| part == exif), "{kind}");
        }
        let again = staff.set_image(&made.id, "image/jpeg", &taken).await.unwrap().body;
        assert_eq!(again, given, "{kind}: the same changes nothing");
    }
}

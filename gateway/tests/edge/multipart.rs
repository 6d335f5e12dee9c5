//! Files of forms (`multipart/form-data`) for what takes raw bytes.

use axum::body::Body;
use gateway::Options;
use serde_json::json;

use crate::support::{Answer, Answered, Shop, echo, request, shop_with};

const KIND: (&str, &str) = ("content-type", "multipart/form-data; boundary=xyz");
const FILE: &str = "--xyz\r\ncontent-disposition: form-data; name=\"f\"; filename=\"a.png\"\r\n\
                    content-type: image/png\r\n\r\n\u{1}bytes\r\n";
const NOTE: &str = "--xyz\r\ncontent-disposition: form-data; name=\"note.currencyCode\"\r\n\r\nEUR + 1\r\n";

fn shop() -> Shop {
    shop_with(Options::default(), |call| match call.method.as_str() {
        "Upload" => Answer::Messages(Vec::new()),
        _ => echo(call),
    })
}

async fn put(shop: &Shop, path: &str, form: &str) -> Answered {
    shop.send(request("PUT", path, &[KIND], Body::from(format!("{form}--xyz--\r\n")))).await
}

#[tokio::test]
async fn the_file_of_a_form_is_the_body_and_its_texts_are_fields() {
    let shop = shop();
    put(&shop, "/v1/books/b/cover", FILE).await;
    let cover = json!({"contentType": "image/png", "data": "AWJ5dGVz"});
    assert_eq!(shop.last().json(), json!({"id": "b", "cover": cover}));
    put(&shop, "/v1/books/b/cover", &format!("{NOTE}{FILE}")).await;
    assert_eq!(
        shop.last().json(),
        json!({"id": "b", "cover": cover, "note": {"currencyCode": "EUR + 1"}}),
        "as by the query"
    );
}

#[tokio::test]
async fn a_form_that_is_none_changes_nothing() {
    let shop = shop();
    for form in ["", NOTE, &format!("{FILE}{FILE}"), "--xyz\r\n\r\n\r\n"] {
        assert_eq!(put(&shop, "/v1/books/b/cover", form).await.error().0, 400, "{form}");
    }
    let unknown = FILE.replace("; filename=\"a.png\"", "").replace("name=\"f\"", "name=\"none\"");
    let answer = put(&shop, "/v1/books/b/cover", &format!("{unknown}{FILE}")).await;
    assert_eq!(answer.bad_field(), "none");
    let twice = format!("{NOTE}{FILE}");
    assert_eq!(put(&shop, "/v1/books/b/cover?note.units=1", &twice).await.error().0, 400);
    let large = FILE.replace("bytes", &"x".repeat(4 << 20));
    assert_eq!(put(&shop, "/v1/books/b/cover", &large).await.error().0, 413);
    assert_eq!(shop.count(), 0);
}

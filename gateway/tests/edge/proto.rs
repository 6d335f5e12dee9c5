//! Bodies and answers as protobuf, by `Content-Type` and `Accept`.

use axum::body::Body;
use gateway::Options;
use prost::Message as _;
use prost_reflect::{DynamicMessage, ReflectMessage as _};
use serde_json::json;
use tonic::Status;

use crate::support::{Answer, Answered, Shop, message, request, shop, shop_with};

const IS: (&str, &str) = ("content-type", "application/x-protobuf");
const WANTS: (&str, &str) = ("accept", "application/x-protobuf");

fn read(answer: &Answered, name: &str) -> DynamicMessage {
    assert_eq!(answer.header("content-type"), "application/x-protobuf");
    let desc = crate::support::POOL.get_message_by_name(&format!("library.v1.{name}")).unwrap();
    DynamicMessage::decode(desc, answer.bytes.clone()).unwrap()
}

async fn send(
    shop: &Shop,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &DynamicMessage,
) -> Answered {
    shop.send(request(method, path, headers, Body::from(body.encode_to_vec()))).await
}

#[tokio::test]
async fn a_body_and_an_answer_are_protobuf_for_who_says_so() {
    let shop = shop();
    let book = message("BookName", json!({"copies": 3}));
    // The path is added, whatever the body's form.
    let answer = send(&shop, "POST", "/v1/shelves/s/books/b:checkOut", &[IS, WANTS], &book).await;
    assert_eq!(
        read(&answer, "BookName"),
        message("BookName", json!({"name": "shelves/s/books/b", "copies": 3}))
    );
    assert!(answer.headers.get_all("vary").iter().any(|vary| vary == "accept"));
    let answer = send(&shop, "POST", "/v1/shelves/s/books/b:checkOut", &[IS], &book).await;
    assert_eq!(answer.json()["copies"], 3, "each by itself");
    let answer = shop.json_with("POST", "/v1/shelves/s/books/b:checkOut", &[WANTS], "{\"copies\":3}").await;
    assert_eq!(read(&answer, "BookName").get_field_by_name("copies").unwrap().as_i32(), Some(3));

    // A body of one field is that field's message, and what answers by one field is that field.
    let update = message("Book", json!({"title": "T"}));
    let path = "/v1/books/b?updateMask=title";
    send(&shop, "PATCH", path, &[IS], &update).await;
    assert_eq!(shop.last().json(), json!({"book": {"id": "b", "title": "T"}, "updateMask": "title"}));
    let contradicting = message("Book", json!({"id": "other"}));
    let answer = send(&shop, "PATCH", path, &[IS], &contradicting).await;
    assert_eq!(answer.bad_field(), "book.id", "as in JSON");
    // Of what stands there twice the last counts.
    let twice = [&contradicting, &message("Book", json!({"id": "b"}))].map(|book| book.encode_to_vec());
    let answer = shop.send(request("PATCH", path, &[IS], Body::from(twice.concat()))).await;
    assert_eq!((answer.status.as_u16(), &shop.last().json()["book"]), (200, &json!({"id": "b"})));
}

#[tokio::test]
async fn what_is_no_message_changes_nothing() {
    let shop = shop();
    let put = |bytes: Vec<u8>| {
        shop.send(request("POST", "/v1/shelves/s/books/b:checkOut", &[IS], Body::from(bytes)))
    };
    // Cut off; no key; no UTF-8; a number for a text, and a text for a number.
    for wrong in [vec![0x0a, 9, b'x'], vec![0xff], vec![0x0a, 1, 0xff], vec![0x10, 1], vec![0x1a, 1, b'x']] {
        let answer = put(wrong.clone()).await;
        assert_eq!(answer.error().0, 400, "{wrong:?}");
    }
    // Two bytes each, of which a message is made each.
    let search = |count: usize| {
        let many = [0x7a, 0].repeat(count);
        shop.send(request("POST", "/v1/search/1", &[IS], Body::from(many)))
    };
    assert_eq!(search(20_001).await.error().0, 400);
    assert_eq!(shop.count(), 0);
    assert_eq!(search(1_000).await.status, 200);
    let two = [IS, ("content-type", "application/json")];
    let answer = shop.send(request("POST", "/v1/search/1", &two, Body::from("{}"))).await;
    assert_eq!(answer.error().0, 415);
}

#[tokio::test]
async fn an_error_is_protobuf_for_who_takes_nothing_else() {
    let shop = shop_with(Options::default(), |_| Answer::Status(Status::not_found("gone")));
    let ask = |accept: &'static str, path: &'static str| {
        shop.send(request("GET", path, &[("accept", accept)], Body::empty()))
    };
    for (path, code) in [("/v1/books/b", 5), ("/v1/books/b?none=1", 3), ("/v1/nothing", 5)] {
        let answer = ask("application/x-protobuf", path).await;
        assert_eq!(answer.header("content-type"), "application/x-protobuf");
        let status = tonic_types::pb::Status::decode(answer.bytes.clone()).unwrap();
        assert_eq!(status.code, code, "{path}: {status:?}");
        assert!(!status.details.is_empty());
        assert!(answer.status.is_client_error());
    }
    assert_eq!(ask("application/x-protobuf, application/json;q=0.1", "/v1/books/b").await.error().0, 404);
}

#[tokio::test]
async fn each_form_has_a_tag_of_its_own() {
    let book = json!({"id": "b", "etag": "7", "title": "T"});
    let shop = shop_with(Options::default(), move |_| Answer::Messages(vec![message("Book", book.clone())]));
    let get = async |headers: &[(&str, &str)]| {
        shop.send(request("GET", "/v1/copies/b", headers, Body::empty())).await
    };
    let (json, proto) = (get(&[]).await, get(&[WANTS]).await);
    let (of_json, of_proto) = (json.header("etag"), proto.header("etag"));
    assert!(of_json != of_proto && of_proto.starts_with("\"7"), "{of_json} {of_proto}");
    assert_eq!(read(&proto, "Book").descriptor().name(), "Book");
    assert_eq!(get(&[WANTS, ("if-none-match", of_proto)]).await.status, 304);
    assert_eq!(get(&[WANTS, ("if-none-match", of_json)]).await.status, 200);
}

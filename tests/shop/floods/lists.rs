//! Lists that are longer than any may be: refused at the first item too many, in the words of the contract's own check.

use std::time::{Duration, Instant};

use http::HeaderMap;
use prost::encoding::encode_varint;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::support::{Edge, Mesh, Setup, Shopper, at_once, rest::Reply};

tests!(a_list_ends_where_its_rule_says_over_rest, a_list_ends_where_its_rule_says_over_grpc);

const MIB: u64 = 1 << 20;
const TOO_MANY: &str = "must have at most 100 items";

/// Covers: mesh.limits, order.place.
async fn a_list_ends_where_its_rule_says_over_rest(setup: Setup) {
    let mesh = setup.over(Edge::Rest).start().await;
    let ada = mesh.shopper().await;
    let order = |lines: usize| format!("{{\"lines\":[{}{{}}]}}", "{},".repeat(lines - 1));
    let refused = |reply: &Reply| {
        let error = reply.expect(400)["error"].clone();
        assert_eq!(error["message"], format!("lines: {TOO_MANY}"));
        assert_eq!(error["details"][0]["reason"], "VALIDATION");
        let fields = &error["details"][1]["fieldViolations"];
        assert_eq!(*fields, serde_json::json!([{"field": "lines", "description": TOO_MANY, "reason": ""}]));
    };
    refused(&ada.http().post_text("/v1/orders", order(101)).await);
    // A hundred are looked at, one by one.
    let reply = ada.http().post_text("/v1/orders", order(100)).await;
    assert_ne!(reply.expect(400)["error"]["message"], format!("lines: {TOO_MANY}"));
    // As many as fit into the largest body that the method takes, by many at once.
    let before = mesh.main().most_memory();
    let (largest, began) = (order(85_000), Instant::now());
    let replies = at_once(16, |_| {
        let (http, body) = (ada.http(), largest.clone());
        async move { http.post_text("/v1/orders", body).await }
    });
    replies.await.iter().for_each(refused);
    let grown = mesh.main().most_memory().saturating_sub(before);
    assert!(grown < 32 * MIB, "{} MiB", grown / MIB);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    // In an update with a mask of its own, what the mask leaves out keeps to no rule.
    let address = ada.http().get("/v1/users/me/addresses").await.expect(200)["addresses"][0].clone();
    let path = format!("/v1/users/me/addresses/{}", address["id"].as_str().unwrap());
    let body = serde_json::json!({"city": "Braga", "lines": vec!["x"; 6]});
    let updated = ada.http().patch(&format!("{path}?updateMask=city"), body.clone()).await;
    assert_eq!(updated.expect(200)["city"], "Braga");
    let refused = ada.http().patch(&path, body).await;
    assert_eq!(refused.expect(400)["error"]["message"], "address.lines: must have at most 5 items");
}

/// Sends a request as these bytes, and answers what it is refused by.
async fn call(mesh: &Mesh, ada: &Shopper, message: Vec<u8>) -> tonic::Status {
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let url = format!("{}/feira.order.v1.OrderService/CreateOrder", mesh.grpc_url("feira-0"));
    let frame = [&[0][..], &(message.len() as u32).to_be_bytes(), &message].concat();
    let request = client
        .post(url)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", format!("Bearer {}", ada.tokens.access_token.as_str()))
        .body(frame);
    let answer: HeaderMap = request.send().await.unwrap().headers().clone();
    tonic::Status::from_header_map(&answer).expect("refused before there is an answer")
}

/// Covers: mesh.limits, order.place.
async fn a_list_ends_where_its_rule_says_over_grpc(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let before = mesh.main().most_memory();
    // Lines of two bytes each, and then what is no message at all: it is not looked at.
    let lines = [0x0a, 0].repeat(120_000);
    for message in [[0x0a, 0].repeat(101), lines.clone(), [lines, vec![0xff; 9]].concat()] {
        let status = call(&mesh, &ada, message).await;
        // A short one is decoded, and refused for all that is wrong with it.
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert!(status.message().starts_with(&format!("lines: {TOO_MANY}")), "{status:?}");
        let details = status.get_error_details();
        let field = &details.bad_request().unwrap().field_violations[0];
        assert_eq!((field.field.as_str(), field.description.as_str()), ("lines", TOO_MANY));
    }
    // An address that comes in ten thousand parts.
    let mut part = vec![0x1a];
    encode_varint(40, &mut part);
    part.extend([0x22, 0].repeat(20));
    let status = call(&mesh, &ada, part.repeat(5_000)).await;
    assert_eq!(status.message(), "address.lines: must have at most 5 items", "{status:?}");
    let grown = mesh.main().most_memory().saturating_sub(before);
    assert!(grown < 16 * MIB, "{} MiB", grown / MIB);
}

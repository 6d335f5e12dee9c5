//! gRPC as clients of every language are: to the letter of its protocol over HTTP/2.

use std::io::Write;

use contracts::{
    article::{
        Article, CreateArticleRequest, ListArticlesRequest, ListArticlesResponse,
        article_service_client::ArticleServiceClient,
    },
    order::{CreateOrderRequest, GetOpenOrderRequest, OrderLine},
};
use futures::StreamExt;
use http::{HeaderMap, Method};
use prost::Message;
use tonic::{Code, Status, codec::CompressionEncoding};

use crate::support::{
    Edge, Refusal, Refused, Setup, at_once, eur,
    mesh::channel,
    shop::{new_order, unique},
};

tests!(
    what_is_no_grpc_is_405_or_415,
    a_method_of_one_message_takes_one_and_none_that_is_too_large,
    messages_are_compressed_both_ways,
    the_details_of_an_error_fit_into_headers_over_grpc_and_are_whole_over_rest,
    a_page_that_would_be_too_large_is_cut_and_goes_on,
);

const LIST: &str = "/feira.article.v1.ArticleService/ListArticles";

fn frame(flag: u8, message: &[u8]) -> Vec<u8> {
    [&[flag][..], &(message.len() as u32).to_be_bytes(), message].concat()
}

/// Speaks HTTP/2 without knowing gRPC.
struct Raw {
    client: reqwest::Client,
    url: String,
}

impl Raw {
    fn new(url: String) -> Self {
        // Room for the details of one who asks for all of them.
        let client = reqwest::Client::builder().http2_prior_knowledge().http2_max_header_list_size(64 << 10);
        Self { client: client.build().unwrap(), url }
    }

    /// The status and headers of the answer; a refused call's trailers are among these.
    async fn send(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> (u16, HeaderMap) {
        let mut request = self.client.post(format!("{}{path}", self.url)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.headers().clone())
    }

    /// What a call is refused by.
    async fn refused(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> (Refusal, HeaderMap) {
        let headers = [&[("content-type", "application/grpc"), ("te", "trailers")], headers].concat();
        let (http, answer) = self.send(path, &headers, body).await;
        assert_eq!(http, 200, "{answer:?}");
        let status = Status::from_header_map(&answer).expect("a status in the headers");
        (Refusal::of_status(&status), answer)
    }
}

/// Covers: mesh.edge.
async fn what_is_no_grpc_is_405_or_415(setup: Setup) {
    let mesh = setup.start().await;
    let raw = Raw::new(mesh.grpc_url("feira-0"));
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::OPTIONS] {
        let answer = raw.client.request(method.clone(), format!("{}{LIST}", raw.url)).send().await.unwrap();
        let told = (method != Method::HEAD).then_some("gRPC calls are POST requests\n".len() as u64);
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["allow"]),
            (405, &"POST".parse().unwrap()),
            "{method}"
        );
        // Content after the headers of HEAD's answer would be an error of its stream.
        assert_eq!(answer.bytes().await.unwrap().len() as u64, told.unwrap_or_default(), "{method}");
    }
    let wrong =
        ["application/json", "text/plain", "application/grpc-web+proto", "application/grpc+json", "grpc"];
    for kind in wrong {
        assert_eq!(raw.send(LIST, &[("content-type", kind)], frame(0, &[])).await.0, 415, "{kind}");
    }
    assert_eq!(raw.send(LIST, &[], frame(0, &[])).await.0, 415);
    for kind in ["application/grpc", "application/grpc+proto", "application/grpc;x=y"] {
        let (status, headers) = raw.send(LIST, &[("content-type", kind)], frame(0, &[])).await;
        assert_eq!((status, &headers["content-type"]), (200, &"application/grpc".parse().unwrap()), "{kind}");
    }
    let (refusal, _) = raw.refused("/feira.article.v1.ArticleService/Fly", &[], frame(0, &[])).await;
    assert_eq!((refusal.code, refusal.reason.as_str()), (Code::Unimplemented, "UNIMPLEMENTED"));
}

/// Covers: mesh.edge.
async fn a_method_of_one_message_takes_one_and_none_that_is_too_large(setup: Setup) {
    let mesh = setup.start().await;
    let raw = Raw::new(mesh.grpc_url("feira-0"));
    let whole = frame(0, &[]);
    let truncated = vec![0, 0, 0, 0, 9, 1, 2];
    for (what, body) in [
        ("two messages", [whole.clone(), whole.clone()].concat()),
        ("no message", Vec::new()),
        ("a part of a head", vec![0, 0]),
        ("a part of a message", truncated),
        ("an unknown flag", frame(9, &[])),
    ] {
        let (refusal, _) = raw.refused(LIST, &[], body).await;
        assert_eq!((refusal.code, refusal.reason.as_str()), (Code::InvalidArgument, "VALIDATION"), "{what}");
    }
    // A second message undoes the first: nothing is changed by a call that is refused.
    let staff = mesh.admin().await;
    let token = format!("Bearer {}", staff.tokens.access_token);
    let code = format!("TWO-{}", unique());
    let article = Article { code: code.clone(), name: "Two".into(), ..Default::default() };
    let create = frame(0, &CreateArticleRequest { article: Some(article) }.encode_to_vec());
    let path = "/feira.article.v1.ArticleService/CreateArticle";
    let twice = [create.clone(), create].concat();
    let (refusal, _) = raw.refused(path, &[("authorization", &token)], twice).await;
    assert_eq!(refusal.code, Code::InvalidArgument);
    assert!(staff.list_articles(ListArticlesRequest::default()).await.unwrap().articles.is_empty());

    let (refusal, _) = raw.refused(LIST, &[], frame(0, &vec![0; (4 << 20) + 1])).await;
    assert_eq!((refusal.code, refusal.reason.as_str()), (Code::ResourceExhausted, "REQUEST_TOO_LARGE"));
    // What is small only as long as it is compressed.
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&vec![0; 64 << 20]).unwrap();
    let bomb = frame(1, &bomb.finish().unwrap());
    let (refusal, _) = raw.refused(LIST, &[("grpc-encoding", "gzip")], bomb).await;
    assert_eq!((refusal.code, refusal.reason.as_str()), (Code::ResourceExhausted, "REQUEST_TOO_LARGE"));
    let (refusal, headers) = raw.refused(LIST, &[("grpc-encoding", "br")], frame(1, &[1])).await;
    assert_eq!((refusal.code, refusal.reason.as_str()), (Code::Unimplemented, "UNIMPLEMENTED"));
    let accepted = headers["grpc-accept-encoding"].to_str().unwrap();
    assert!(accepted.contains("gzip") && accepted.contains("zstd"), "{accepted}");
}

/// Covers: mesh.edge.
async fn messages_are_compressed_both_ways(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    staff.stocked(eur(100), 1).await;
    for (encoding, name) in [(CompressionEncoding::Gzip, "gzip"), (CompressionEncoding::Zstd, "zstd")] {
        let mut client = ArticleServiceClient::new(channel(&mesh.grpc_url("feira-0")))
            .send_compressed(encoding)
            .accept_compressed(encoding);
        let answer = client.list_articles(ListArticlesRequest::default()).await.expect(name);
        assert_eq!(answer.metadata().get("grpc-encoding").unwrap(), name);
        assert_eq!(answer.into_inner().articles.len(), 1);
    }
    let mut plain = ArticleServiceClient::new(channel(&mesh.grpc_url("feira-0")));
    let answer = plain.list_articles(ListArticlesRequest::default()).await.unwrap();
    assert!(answer.metadata().get("grpc-encoding").is_none(), "whoever does not ask gets it plain");
}

/// Covers: mesh.edge, order.place.
async fn the_details_of_an_error_fit_into_headers_over_grpc_and_are_whole_over_rest(setup: Setup) {
    for setup in [setup.clone(), setup.split()] {
        let process = if setup.split { "order" } else { "feira-0" };
        let mesh = setup.start().await;
        let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
        let articles = at_once(100, |_| {
            let staff = staff.clone();
            async move { staff.stocked(eur(100), 0).await }
        })
        .await;
        let lines = articles.iter().map(|it| OrderLine { article_id: it.id.clone(), quantity: 1 }).collect();
        let order = CreateOrderRequest { lines, ..new_order("", 1, "sim_approve") };

        let rest = ada.over(Edge::Rest).create_order(order.clone()).await;
        let rest = rest.refused(Code::FailedPrecondition, "OUT_OF_STOCK");
        assert_eq!(rest.infos.len(), 100, "every article is told");

        let raw = Raw::new(mesh.grpc_url(process));
        let token = format!("Bearer {}", ada.tokens.access_token);
        let path = "/feira.order.v1.OrderService/CreateOrder";
        let sent = frame(0, &order.encode_to_vec());
        let (cut, headers) = raw.refused(path, &[("authorization", &token)], sent.clone()).await;
        assert_eq!((cut.code, cut.reason.as_str()), (Code::FailedPrecondition, "OUT_OF_STOCK"));
        let length: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
        assert!(length < 6 << 10, "{length} bytes");
        let omitted: usize = cut.infos[0]["details_omitted"].parse().unwrap();
        assert_eq!(cut.infos.len() + omitted, 100, "those left out are counted");
        assert!(cut.infos.len() > 10);
        let asked = [("authorization", token.as_str()), ("x-feira-details", "all")];
        assert_eq!(raw.refused(path, &asked, sent).await.0.infos.len(), 100, "whoever asks gets all");

        // Bad fields the same.
        let bad = CreateOrderRequest { lines: vec![OrderLine::default(); 100], ..order };
        let rest = ada.over(Edge::Rest).create_order(bad.clone()).await;
        let rest = rest.refused(Code::InvalidArgument, "VALIDATION");
        assert_eq!(rest.fields.len(), 200);
        let sent = frame(0, &bad.encode_to_vec());
        let (cut, _) = raw.refused(path, &[("authorization", &token)], sent).await;
        let omitted: usize = cut.infos[0]["details_omitted"].parse().unwrap();
        assert_eq!(cut.fields.len() + omitted, 200);
        ada.get_open_order(GetOpenOrderRequest {}).await.missing();
    }
}

/// Covers: mesh.edge, article.list.
async fn a_page_that_would_be_too_large_is_cut_and_goes_on(setup: Setup) {
    const COUNT: usize = 240;
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let made = futures::stream::iter(0..COUNT).map(|_| async {
        let code = format!("BIG-{}", unique());
        // 5,000 characters, 20,000 bytes.
        let description = "\u{1F4DA}".repeat(5_000);
        let article = Article { code, name: "Big".into(), description, ..Default::default() };
        staff.create_article(CreateArticleRequest { article: Some(article) }).await.unwrap().body.id
    });
    let mut made = made.buffer_unordered(8).collect::<Vec<_>>().await;
    for edge in [Edge::Grpc, Edge::Rest] {
        let (mut seen, mut pages, mut page_token) = (Vec::new(), 0, String::new());
        loop {
            let request = ListArticlesRequest { page_size: 1_000, page_token, ..Default::default() };
            let page: ListArticlesResponse =
                staff.over(edge).list_articles(request).await.expect("a page").body;
            assert!(page.encoded_len() <= 7 << 19, "{}", page.encoded_len());
            pages += 1;
            seen.extend(page.articles.into_iter().map(|article| article.id));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        made.sort_unstable();
        seen.sort_unstable();
        assert_eq!((pages, &seen), (2, &made), "{edge:?}");
    }
}

//! From where a client comes: what the ports see, what trusted proxies say, and what strangers cannot say.

use http::HeaderMap;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
};

use crate::support::{Edge, Setup, eur, mesh::Mesh, shop::new_order, until};

tests!(
    the_address_of_a_client_reaches_every_service_that_its_call_reaches,
    a_stranger_cannot_say_where_a_call_comes_from,
    a_proxy_of_the_transport_layer_says_whose_a_connection_is,
);

/// The addresses with which a process logged calls of a method, by the id of their request.
fn logged(mesh: &Mesh, process: &str, path: &str, request_id: &str) -> Vec<String> {
    let lines = mesh.process(process).stderr();
    let lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let spans = lines.flat_map(|line| line["spans"].as_array().cloned().unwrap_or_default());
    let spans = spans.filter(|span| {
        span["request_id"] == request_id
            && (path.is_empty() || span["path"].as_str().is_some_and(|it| it.ends_with(path)))
    });
    let mut addresses =
        spans.map(|span| span["client.address"].as_str().unwrap_or("none").to_owned()).collect::<Vec<_>>();
    addresses.dedup();
    addresses
}

async fn logs(mesh: &Mesh, process: &str, path: &str, request_id: &str) -> Vec<String> {
    until("the call is in the log", || async {
        Some(logged(mesh, process, path, request_id)).filter(|found| !found.is_empty())
    })
    .await
}

fn loud(setup: Setup) -> Setup {
    setup.env("FEIRA_LOG", "debug").env("FEIRA_LOG_FORMAT", "json")
}

/// Covers: mesh.client.
async fn the_address_of_a_client_reaches_every_service_that_its_call_reaches(setup: Setup) {
    let setup = loud(setup).split().over(Edge::Rest).env("FEIRA_TRUSTED_PROXIES", "127.0.0.0/8");
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 5).await;
    let proxied = ada.http().with("x-forwarded-for", "1.2.3.4, 203.0.113.5, 127.0.0.9");
    let body =
        crate::support::transcode::request(&new_order(&article.id, 1, "sim_approve"), &["/v1/orders"], "*");
    let proxied = proxied.with("x-request-id", "placed-by-proxy");
    proxied.post("/v1/orders", body.json().clone()).await.expect(201);
    for (process, path) in [
        ("gateway", ""),
        ("order", "/CreateOrder"),
        ("article", "/BatchGetArticles"),
        ("article", "/ReserveStock"),
        ("payment", "/CreatePayment"),
    ] {
        let found = logs(&mesh, process, path, "placed-by-proxy").await;
        assert_eq!(found, ["203.0.113.5"], "{process} {path}");
    }
    // As seen by a gRPC client of that proxy's.
    let mut request = tonic::Request::new(contracts::article::GetArticleRequest {
        key: Some(contracts::article::get_article_request::Key::Id(article.id)),
    });
    let metadata = request.metadata_mut();
    metadata.insert("x-request-id", "asked-by-grpc".parse().unwrap());
    metadata.insert("x-forwarded-for", "2001:db8::5".parse().unwrap());
    let channel = crate::support::mesh::channel(&mesh.grpc_url("article"));
    let mut articles = contracts::article::article_service_client::ArticleServiceClient::new(channel);
    articles.get_article(request).await.unwrap();
    assert_eq!(logs(&mesh, "article", "/GetArticle", "asked-by-grpc").await, ["2001:db8::5"]);
}

/// Covers: mesh.client.
async fn a_stranger_cannot_say_where_a_call_comes_from(setup: Setup) {
    let mesh = loud(setup).split().start().await;
    let forged = [
        ("x-forwarded-for", "203.0.113.5"),
        ("forwarded", "for=203.0.113.5"),
        ("x-feira-client-address", "203.0.113.5"),
        ("x-feira-edge", "eyJhbGciOiJIUzI1NiJ9.e30.x"),
    ];
    let mut http = mesh.http().with("x-request-id", "forged-over-rest");
    for (name, value) in forged {
        http = http.with(name, value);
    }
    http.get("/v1/articles").await.expect(200);
    for (process, path) in [("gateway", ""), ("article", "/ListArticles")] {
        assert_eq!(logs(&mesh, process, path, "forged-over-rest").await, ["127.0.0.1"], "{process}");
    }
    let mut headers = HeaderMap::new();
    for (name, value) in forged.into_iter().chain([("x-request-id", "forged-over-grpc")]) {
        headers.insert(name, value.parse().unwrap());
    }
    let list = contracts::article::ListArticlesRequest::default();
    let request = tonic::Request::from_parts(
        tonic::metadata::MetadataMap::from_headers(headers),
        tonic::Extensions::default(),
        list,
    );
    let channel = crate::support::mesh::channel(&mesh.grpc_url("article"));
    let mut articles = contracts::article::article_service_client::ArticleServiceClient::new(channel);
    articles.list_articles(request).await.unwrap();
    assert_eq!(logs(&mesh, "article", "/ListArticles", "forged-over-grpc").await, ["127.0.0.1"]);
}

/// What a connection from an address of this machine is answered, to its end.
async fn sent_from(source: &str, rest: &str, text: String) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{source}:0").parse().unwrap()).unwrap();
    let mut stream = socket.connect(rest.parse().unwrap()).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // What was not read when it was closed may come as a reset.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

/// Covers: mesh.client.
async fn a_proxy_of_the_transport_layer_says_whose_a_connection_is(setup: Setup) {
    let trusted = loud(setup).split().env("FEIRA_TRUSTED_PROXIES", "127.0.0.9,127.0.0.8");
    let mesh = trusted.env("FEIRA_PROXY_PROTOCOL", "true").start().await;
    let rest = mesh.http().base().trim_start_matches("http://").to_owned();
    let request = |id: &str, more: &str| {
        format!(
            "GET /v1/articles HTTP/1.1\r\nhost: x\r\nx-request-id: {id}\r\n{more}connection: close\r\n\r\n"
        )
    };
    let header = "PROXY TCP4 203.0.113.5 127.0.0.1 40000 8080\r\n";
    let answer = sent_from("127.0.0.9", &rest, header.to_owned() + &request("by-header", "")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(logs(&mesh, "gateway", "", "by-header").await, ["203.0.113.5"]);
    assert_eq!(logs(&mesh, "article", "/ListArticles", "by-header").await, ["203.0.113.5"]);
    // The client behind the balancer is no proxy: what it says of others is not believed. One that is, is.
    let forged = request("forged-behind", "x-forwarded-for: 198.51.100.1\r\n");
    sent_from("127.0.0.9", &rest, header.to_owned() + &forged).await;
    assert_eq!(logs(&mesh, "gateway", "", "forged-behind").await, ["203.0.113.5"]);
    let behind = header.replace("203.0.113.5", "127.0.0.8")
        + &request("two-proxies", "x-forwarded-for: 198.51.100.1\r\n");
    sent_from("127.0.0.9", &rest, behind).await;
    assert_eq!(logs(&mesh, "gateway", "", "two-proxies").await, ["198.51.100.1"]);
    // A proxy that says nothing is nobody; a stranger's header is no request.
    assert_eq!(sent_from("127.0.0.9", &rest, request("silent", "")).await, "");
    let stranger = sent_from("127.0.0.7", &rest, header.to_owned() + &request("stranger", "")).await;
    assert!(!stranger.contains(" 200 "), "{stranger}");
    assert!(sent_from("127.0.0.7", &rest, request("direct", "")).await.starts_with("HTTP/1.1 200"));
}

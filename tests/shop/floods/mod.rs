//! Clients that mean harm: what they send, and do not send, costs a bounded amount, and others are served meanwhile.

mod frames;
mod lists;
mod load;
mod sign_ins;

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use contracts::order::{CreateOrderRequest, OrderLine};
use futures::StreamExt;
use http::Method;
use prost::Message;
use tonic::Code;

use crate::support::{Edge, Reply, Setup, eur, mesh::channel, until};

tests!(
    bodies_that_never_end_hold_a_bounded_amount_of_memory,
    heads_that_never_end_hold_a_bounded_amount_of_memory,
    messages_that_never_end_hold_a_bounded_amount_of_memory,
    a_body_larger_than_its_rules_allow_is_refused_before_it_is_decoded,
    who_may_not_call_is_refused_before_the_body_is_read,
    silent_connections_of_one_address_do_not_shut_out_the_next_client,
    the_open_streams_of_one_user_are_bounded,
    a_silent_connection_of_http2_is_let_go,
);

const MIB: u64 = 1 << 20;

/// A connection with a request whose body is not all there.
fn stalled(address: &str, path: &str, token: &str, bytes: usize) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(address).ok()?;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: image/png\r\n\
         content-length: {}\r\n\r\n",
        4 << 20
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.set_write_timeout(Some(Duration::from_secs(2))).ok()?;
    // It may be refused in the middle, which is what is wanted.
    let _ = stream.write_all(&vec![b'x'; bytes]);
    Some(stream)
}

/// Covers: mesh.limits.
async fn bodies_that_never_end_hold_a_bounded_amount_of_memory(setup: Setup) {
    let mesh = setup.over(Edge::Rest).env("FEIRA_REQUEST_MEMORY", "16").start().await;
    let staff = mesh.admin().await;
    let article = staff.stocked(eur(100), 5).await;
    let address = mesh.http().base().trim_start_matches("http://").to_owned();
    let before = mesh.main().most_memory();
    let path = format!("/v1/articles/{}/image", article.id);
    let token = staff.tokens.access_token.clone();
    let held = tokio::task::spawn_blocking(move || {
        let one = |_| stalled(&address, &path, &token, (4 << 20) - 1);
        (0..60).filter_map(one).collect::<Vec<_>>()
    })
    .await
    .unwrap();
    let grown = mesh.main().most_memory().saturating_sub(before);
    assert!(grown < 64 * MIB, "{} stalled bodies of 4 MiB cost {} MiB", held.len(), grown / MIB);
    // Others send as they did.
    let ada = mesh.shopper().await;
    ada.order(&article.id, 1, "sim_approve").await.unwrap();
    drop(held);
}

/// Covers: mesh.limits.
async fn heads_that_never_end_hold_a_bounded_amount_of_memory(setup: Setup) {
    let mesh = setup.over(Edge::Rest).env("FEIRA_REQUEST_MEMORY", "16").start().await;
    mesh.http().get("/v1/articles").await.expect(200);
    let before = mesh.main().most_memory();
    let address = mesh.http().base().trim_start_matches("http://").to_owned();
    let held = tokio::task::spawn_blocking(move || {
        let one = |_| {
            let mut stream = TcpStream::connect(&address).ok()?;
            stream.set_write_timeout(Some(Duration::from_secs(2))).ok()?;
            let head = format!("GET /v1/articles HTTP/1.1\r\nhost: x\r\nx: {}", "a".repeat(60_000));
            // It may be cut off in the middle, which is what is wanted.
            let _ = stream.write_all(head.as_bytes());
            Some(stream)
        };
        (0..900).filter_map(one).collect::<Vec<_>>()
    })
    .await
    .unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let grown = mesh.main().most_memory().saturating_sub(before);
    assert!(grown < 30 * MIB, "{} heads of 60 kB without an end cost {} MiB", held.len(), grown / MIB);
    mesh.http().get("/v1/articles").await.expect(200);
    drop(held);
    // One that is longer than there is a need for; what its address holds may take a moment to be free.
    until("a long head is refused", || async {
        let long =
            reqwest::Client::new().get(mesh.http().url("/v1/articles")).header("x-long", "a".repeat(200_000));
        let answer = long.send().await.ok()?;
        assert_eq!(answer.status(), 431);
        Some(())
    })
    .await;
}

/// Covers: mesh.limits.
async fn messages_that_never_end_hold_a_bounded_amount_of_memory(setup: Setup) {
    let mesh = setup.env("FEIRA_REQUEST_MEMORY", "16").start().await;
    let staff = mesh.admin().await;
    let article = staff.stocked(eur(100), 5).await;
    let before = mesh.main().most_memory();
    let client = reqwest::Client::builder().http2_prior_knowledge().http2_initial_stream_window_size(8 << 20);
    let client = client.build().unwrap();
    let url = format!("{}/feira.article.v1.ArticleService/UploadImage", mesh.grpc_url("feira-0"));
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..60 {
        // A message that says that it has 4 MiB, of which all but one come.
        let head = [&[0][..], &(4_u32 << 20).to_be_bytes()].concat();
        let pieces = std::iter::once(head).chain(std::iter::repeat_n(vec![b'x'; 1 << 20], 3));
        let body =
            futures::stream::iter(pieces.map(Ok::<_, std::io::Error>)).chain(futures::stream::pending());
        let call = client
            .post(&url)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("authorization", format!("Bearer {}", staff.tokens.access_token.as_str()))
            .body(reqwest::Body::wrap_stream(body));
        calls.spawn(async move { call.send().await.is_ok() });
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let grown = mesh.main().most_memory().saturating_sub(before);
    assert!(grown < 80 * MIB, "60 messages of 3 MiB that never end cost {} MiB", grown / MIB);
    let ada = mesh.shopper().await;
    ada.order(&article.id, 1, "sim_approve").await.unwrap();
    calls.abort_all();
}

/// Covers: mesh.limits.
async fn a_body_larger_than_its_rules_allow_is_refused_before_it_is_decoded(setup: Setup) {
    let mesh = setup.over(Edge::Rest).start().await;
    let ada = mesh.shopper().await;
    let before = mesh.main().most_memory();
    // By gRPC: two million lines of nothing.
    let huge = CreateOrderRequest { lines: vec![OrderLine::default(); 2_000_000], ..Default::default() };
    let mut body = vec![0];
    body.extend_from_slice(&(huge.encoded_len() as u32).to_be_bytes());
    huge.encode(&mut body).unwrap();
    drop(huge);
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let url = format!("{}/feira.order.v1.OrderService/CreateOrder", mesh.grpc_url("feira-0"));
    let answer = client
        .post(url)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", format!("Bearer {}", ada.tokens.access_token.as_str()))
        .body(body);
    let answer = answer.send().await.unwrap();
    let status = tonic::Status::from_header_map(answer.headers()).expect("refused before there is an answer");
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    // What is refused over HTTP/1.1 is still read for a while, and so counts for this client.
    let lines = format!("{{\"lines\":[{}\"\"]}}", "\"\",".repeat((4 << 20) / 3 - 20));
    let began = Instant::now();
    for path in ["/v1/orders", "/v1/auth:signIn", "/v1/users", "/v1/orders/open/lines"] {
        let reply = ada.http().post_text(path, lines.clone()).await;
        assert_eq!(
            reply.json["error"]["details"][0]["reason"],
            "REQUEST_TOO_LARGE",
            "{path}: {}",
            reply.text()
        );
        assert_eq!(reply.status, 413, "{path}");
    }
    let grown = mesh.main().most_memory().saturating_sub(before);
    assert!(grown < 48 * MIB, "{} MiB for what is refused by its length", grown / MIB);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    let grown = mesh.main().most_memory().saturating_sub(before);
    assert!(grown < 48 * MIB, "{} MiB", grown / MIB);
}

/// Covers: mesh.limits.
async fn who_may_not_call_is_refused_before_the_body_is_read(setup: Setup) {
    let mesh = setup.over(Edge::Rest).start().await;
    let address = mesh.http().base().trim_start_matches("http://").to_owned();
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        // Of ten bytes none comes.
        let head = "POST /v1/orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                    content-length: 10\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(4))).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    });
    assert_eq!(answer.await.unwrap(), "HTTP/1.1 401");
}

/// Covers: mesh.limits.
async fn silent_connections_of_one_address_do_not_shut_out_the_next_client(setup: Setup) {
    let setup = setup.over(Edge::Rest).env("FEIRA_CONNECTIONS_PER_ADDRESS", "50");
    let mesh = setup.start().await;
    let address = mesh.http().base().trim_start_matches("http://").to_owned();
    let port: u16 = address.rsplit_once(':').unwrap().1.parse().unwrap();
    let silent = tokio::task::spawn_blocking(move || {
        let mut all = (0..200)
            .map(|_| {
                let mut stream = TcpStream::connect(&address).unwrap();
                let _ =
                    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00");
                stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
                stream
            })
            .collect::<Vec<_>>();
        // What was refused has ended; what was let in has been greeted, and waits.
        let open = |stream: &mut TcpStream| matches!(stream.read(&mut [0; 9]), Ok(length) if length > 0);
        let open = all.iter_mut().map(open).filter(|open| *open).count();
        (all, open)
    });
    let (silent, open) = silent.await.unwrap();
    assert!(open <= 50 && open > 10, "{open} connections were let in");
    // A client at another address.
    let other = async {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 2], 0).into()).unwrap();
        let mut stream = socket.connect(([127, 0, 0, 1], port).into()).await.unwrap();
        stream.write_all(b"GET /v1/articles HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    };
    let other = tokio::time::timeout(Duration::from_secs(5), other).await;
    assert_eq!(other.expect("an answer"), "HTTP/1.1 200");
    drop(silent);
    until("the address has room again", || async {
        let reply = Reply::try_read(mesh.http().request(Method::GET, "/v1/articles")).await;
        reply.ok().filter(|reply| reply.status == 200).map(|_| ())
    })
    .await;
}

/// Covers: mesh.limits, order.history.
async fn the_open_streams_of_one_user_are_bounded(setup: Setup) {
    let mesh = setup.env("FEIRA_STREAMS_PER_USER", "3").start().await;
    let staff = mesh.admin().await;
    let article = staff.stocked(eur(100), 5).await;
    let ada = mesh.shopper().await;
    let order = ada.add(&article.id, 1).await.unwrap();
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut watch = ada.watch(&order.id, 0).await;
        watch.next().await.unwrap().unwrap();
        open.push(watch);
    }
    let mut refused = ada.watch(&order.id, 0).await;
    let refusal = refused.next().await.unwrap().unwrap_err();
    assert_eq!((refusal.code, refusal.reason.as_str()), (Code::FailedPrecondition, "LIMIT_EXCEEDED"));
    assert_eq!(refusal.infos[0]["limit"], "open_streams");
    // Another user has her own.
    staff.watch(&order.id, 0).await.next().await.unwrap().unwrap();
    open.pop();
    until("a stream that was closed makes room", || async {
        ada.watch(&order.id, 0).await.next().await.unwrap().ok().map(|_| ())
    })
    .await;
}

/// Covers: mesh.limits.
async fn a_silent_connection_of_http2_is_let_go(setup: Setup) {
    let mesh = setup.over(Edge::Rest).env("FEIRA_IDLE_TIMEOUT", "1s").start().await;
    let rest = mesh.http().base().trim_start_matches("http://").to_owned();
    let grpc = mesh.grpc_url("feira-0").trim_start_matches("http://").to_owned();
    for address in [rest, grpc] {
        let stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let (_client, connection) = h2::client::handshake(stream).await.unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(10), connection).await;
        assert!(ended.is_ok(), "{address} keeps who asks for nothing");
    }
    // Who calls now and then keeps the connection at the gRPC port.
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel(&mesh.grpc_url("feira-0")));
    for _ in 0..2 {
        health.check(tonic_health::pb::HealthCheckRequest::default()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1_500)).await;
    }
}

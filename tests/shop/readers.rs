//! Readers who do not read: they cost little, not for long, and nobody else.

use std::time::{Duration, Instant};

use bytes::Bytes;
use contracts::article::{Article, CreateArticleRequest, ListArticlesRequest};
use futures::StreamExt;
use http::Request;
use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{
    Mesh, Setup,
    mesh::channel,
    shop::{Shopper, unique},
    until,
};

tests!(
    a_reader_with_a_window_of_nothing_is_let_go_on_both_ports,
    unread_answers_over_http1_are_let_go,
    unread_answers_take_the_memory_that_there_is_for_them,
    an_idle_connection_is_kept_longer_than_load_balancers_keep_theirs,
);

/// Bytes of memory that unread answers may take beside what the program takes anyway: 1.3 times what they are given
/// (`--answer-memory`). Without a bound it was 340 MiB and more.
const LITTLE: u64 = (64 << 20) * 13 / 10;

/// Less than one answer takes.
const ANSWER: u64 = 2 << 20;

/// A shop whose whole list is about 3 MiB, which has answered it once.
async fn shop(setup: Setup, send_timeout: &'static str) -> (Mesh, Shopper, u64) {
    let mesh = setup.env("FEIRA_SEND_TIMEOUT", send_timeout).env("FEIRA_IDLE_TIMEOUT", "12s").start().await;
    let staff = mesh.admin().await;
    futures::stream::iter(0..200)
        .for_each_concurrent(8, |_| async {
            let (code, description) = (format!("BIG-{}", unique()), "\u{1F4DA}".repeat(3_900));
            let article = Article { code, name: "Big".into(), description, active: true, ..priced() };
            staff.create_article(CreateArticleRequest { article: Some(article) }).await.unwrap();
        })
        .await;
    list(&mesh).await;
    let before = mesh.main().most_memory();
    (mesh, staff, before)
}

fn priced() -> Article {
    Article { price: Some(crate::support::eur(100)), ..Default::default() }
}

async fn list(mesh: &Mesh) {
    let answer = mesh.http().get("/v1/articles?pageSize=1000").await;
    assert_eq!(answer.expect(200)["articles"].as_array().unwrap().len(), 200);
}

fn address(url: &str) -> String {
    url.trim_start_matches("http://").to_owned()
}

/// Opens so many calls on one connection and takes nothing of their answers; ends when the connection does.
async fn takes_nothing(address: String, request: impl Fn() -> (Request<()>, Bytes), count: usize) {
    let stream = TcpStream::connect(address).await.unwrap();
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(0);
    let (mut client, connection) = builder.handshake::<_, Bytes>(stream).await.unwrap();
    let ended = tokio::spawn(connection);
    let mut answers = Vec::new();
    for _ in 0..count {
        client = client.ready().await.unwrap();
        let (request, body) = request();
        let (answer, mut sending) = client.send_request(request, body.is_empty()).unwrap();
        if !body.is_empty() {
            sending.send_data(body, true).unwrap();
        }
        answers.push(tokio::spawn(answer));
    }
    let _ = ended.await.unwrap();
}

/// Covers: mesh.edge.
async fn a_reader_with_a_window_of_nothing_is_let_go_on_both_ports(setup: Setup) {
    let (mesh, staff, before) = shop(setup, "3s").await;
    let rest = || {
        let uri = "http://shop/v1/articles?pageSize=1000";
        (Request::get(uri).body(()).unwrap(), Bytes::new())
    };
    let message = ListArticlesRequest { page_size: 1_000, ..Default::default() }.encode_to_vec();
    let body = Bytes::from([&[0][..], &(message.len() as u32).to_be_bytes(), &message].concat());
    let grpc = || {
        let uri = "http://shop/feira.article.v1.ArticleService/ListArticles";
        let request = Request::post(uri).header("content-type", "application/grpc").header("te", "trailers");
        (request.body(()).unwrap(), body.clone())
    };
    let begun = Instant::now();
    let rest = takes_nothing(address(mesh.http().base()), rest, 80);
    let grpc = takes_nothing(address(&mesh.grpc_url("feira-0")), grpc, 80);
    let others = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let asked = Instant::now();
        list(&mesh).await;
        staff.list_articles(ListArticlesRequest::default()).await.unwrap();
        assert!(asked.elapsed() < Duration::from_secs(12), "others are answered: {:?}", asked.elapsed());
    };
    let all = async { tokio::join!(rest, grpc, others) };
    tokio::time::timeout(Duration::from_secs(40), all).await.expect("they are let go");
    assert!(begun.elapsed() > Duration::from_secs(2), "not at once");
    let taken = mesh.main().most_memory() - before;
    assert!(taken < LITTLE, "{} MiB", taken >> 20);
    // Whoever reads is served as before.
    list(&mesh).await;
    drop(channel(&mesh.grpc_url("feira-0")));
}

/// Covers: mesh.edge.
async fn unread_answers_over_http1_are_let_go(setup: Setup) {
    let (mesh, _, before) = shop(setup, "3s").await;
    let unread = leave_unread(&mesh, 60).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    // Whoever asks for little is answered all the while.
    assert_eq!(mesh.http().get("/v1/articles?pageSize=2").await.status.as_u16(), 200);
    until("what they held is free again", || async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let asked = Instant::now();
        list(&mesh).await;
        (asked.elapsed() < Duration::from_secs(1)).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let taken = mesh.main().most_memory() - before;
    assert!(taken < LITTLE, "{} MiB", taken >> 20);
    for mut stream in unread {
        let mut all = Vec::new();
        // Reset or closed before the end, or never answered with more than a refusal.
        let read = tokio::time::timeout(Duration::from_secs(15), stream.read_to_end(&mut all)).await;
        assert!(read.is_ok(), "it was let go");
    }
}

/// So many clients who ask for the whole list and do not read it; every second one takes it compressed.
async fn leave_unread(mesh: &Mesh, count: usize) -> Vec<TcpStream> {
    let mut unread = Vec::new();
    for number in 0..count {
        let mut stream = TcpStream::connect(address(mesh.http().base())).await.unwrap();
        let coding = ["identity", "gzip"][number % 2];
        let request = "GET /v1/articles?pageSize=1000 HTTP/1.1\r\nhost: x\r\naccept-encoding: ";
        stream.write_all(format!("{request}{coding}\r\n\r\n").as_bytes()).await.unwrap();
        unread.push(stream);
    }
    unread
}

/// Covers: mesh.edge.
async fn unread_answers_take_the_memory_that_there_is_for_them(setup: Setup) {
    let (mesh, _, before) = shop(setup, "60s").await;
    let unread = leave_unread(&mesh, 60).await;
    let deadline = Instant::now() + Duration::from_secs(90);
    let (mut most, mut since) = (0, Instant::now());
    // As much as there will be is there when some have been answered, and nothing to speak of came for a while.
    while most < ANSWER || since.elapsed() < Duration::from_secs(3) {
        assert!(Instant::now() < deadline, "they are answered, as far as there is room: {} MiB", most >> 20);
        tokio::time::sleep(Duration::from_millis(200)).await;
        let taken = mesh.main().most_memory() - before;
        assert!(taken < LITTLE, "{} MiB", taken >> 20);
        if taken > most + (1 << 20) {
            (most, since) = (taken, Instant::now());
        }
    }
    drop(unread);
}

/// Covers: mesh.edge.
async fn an_idle_connection_is_kept_longer_than_load_balancers_keep_theirs(setup: Setup) {
    let ended = crate::support::process::Start::of("serve --print-config").run(&std::env::temp_dir()).stdout;
    let line = ended.lines().find(|line| line.contains("idle-timeout")).unwrap();
    assert!(line.contains("90s") || line.contains("1m 30s"), "{line}");

    let mesh = setup.env("FEIRA_IDLE_TIMEOUT", "12s").start().await;
    let mut stream = TcpStream::connect(address(mesh.http().base())).await.unwrap();
    let request = b"GET /v1/articles HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut some = [0; 4096];
    stream.write_all(request).await.unwrap();
    assert!(stream.read(&mut some).await.unwrap() > 0);
    // Longer than the head of a request may take.
    tokio::time::sleep(Duration::from_millis(10_800)).await;
    stream.write_all(request).await.unwrap();
    assert!(stream.read(&mut some).await.unwrap() > 0, "it is kept");
    let idle = Instant::now();
    assert_eq!(stream.read(&mut some).await.unwrap_or(0), 0);
    assert!(idle.elapsed() > Duration::from_secs(10), "{:?}", idle.elapsed());
}

//! Floods of HTTP/2's own kinds, and of headers: requests that are given up at once, and heads that never end.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use crate::support::{Edge, Setup};

tests!(
    requests_that_are_given_up_at_once_end_their_connection,
    heads_that_never_end_are_cut_off,
    too_many_headers_are_refused,
);

const MIB: u64 = 1 << 20;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

/// Rapid reset (CVE-2023-44487).
///
/// Covers: mesh.limits.
async fn requests_that_are_given_up_at_once_end_their_connection(setup: Setup) {
    let mesh = setup.over(Edge::Rest).start().await;
    let url = mesh.http().url("/v1/articles");
    let address = mesh.http().base().trim_start_matches("http://").to_owned();
    mesh.http().get("/v1/articles").await.expect(200);
    let before = mesh.main().most_memory();
    let stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let ended = tokio::spawn(connection);
    let mut sent = 0_u32;
    let mut client = Some(client);
    while let Some(ready) = client.take() {
        let Ok(mut ready) = ready.ready().await else { break };
        let request = http::Request::get(&url).body(()).unwrap();
        let Ok((_answer, mut stream)) = ready.send_request(request, false) else { break };
        stream.send_reset(h2::Reason::CANCEL);
        sent += 1;
        client = (sent < 50_000).then_some(ready);
    }
    assert!(sent < 50_000, "as many as anybody likes");
    let ended = tokio::time::timeout(Duration::from_secs(10), ended).await.expect("an end").unwrap();
    assert!(ended.is_err(), "{ended:?}");
    mesh.http().get("/v1/articles").await.expect(200);
    let grown = mesh.main().most_memory().saturating_sub(before);
    assert!(grown < 32 * MIB, "{sent} requests cost {} MiB", grown / MIB);
}

/// Writes until the other end has enough of it; answers how many bytes that took.
fn pour(stream: &mut TcpStream, piece: &[u8], most: usize) -> usize {
    stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut sent = 0;
    while sent < most && stream.write_all(piece).is_ok() {
        sent += piece.len();
    }
    sent
}

/// Headers that go on in frame after frame (CVE-2024-27983 and its kin).
///
/// Covers: mesh.limits.
async fn heads_that_never_end_are_cut_off(setup: Setup) {
    let mesh = setup.over(Edge::Rest).start().await;
    mesh.http().get("/v1/articles").await.expect(200);
    let before = mesh.main().most_memory();
    let rest = mesh.http().base().trim_start_matches("http://").to_owned();
    let grpc = mesh.grpc_url("feira-0").trim_start_matches("http://").to_owned();
    let sent = tokio::task::spawn_blocking(move || {
        let mut sent = Vec::new();
        for address in [rest, grpc] {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(PREFACE).unwrap();
            // HEADERS of stream 1 without an end, of nothing; then CONTINUATION after CONTINUATION of headers that are
            // kept in no table: "x: " and 200 bytes.
            stream.write_all(b"\x00\x00\x00\x01\x00\x00\x00\x00\x01").unwrap();
            let header = [&b"\x00\x01x\x7f\x49"[..], &[b'a'; 200]].concat();
            let block = header.repeat(60);
            let length = &(block.len() as u32).to_be_bytes()[1..];
            let frame = [length, b"\x09\x00\x00\x00\x00\x01", &block].concat();
            sent.push(pour(&mut stream, &frame, 256 << 20));
        }
        sent
    });
    let began = Instant::now();
    let sent = sent.await.unwrap();
    assert!(sent.iter().all(|sent| *sent < 64 << 20), "{sent:?} bytes of headers were taken");
    let grown = mesh.main().most_memory().saturating_sub(before);
    assert!(grown < 16 * MIB, "{} MiB in {:?}", grown / MIB, began.elapsed());
    mesh.http().get("/v1/articles").await.expect(200);
}

/// Covers: mesh.limits.
async fn too_many_headers_are_refused(setup: Setup) {
    let mesh = setup.over(Edge::Rest).start().await;
    mesh.http().get("/v1/articles").await.expect(200);
    let before = mesh.main().most_memory();
    let rest = mesh.http().base().trim_start_matches("http://").to_owned();
    let answers = tokio::task::spawn_blocking(move || {
        let one = |_| {
            let mut stream = TcpStream::connect(&rest).unwrap();
            stream.write_all(b"GET /v1/articles HTTP/1.1\r\nhost: x\r\n").unwrap();
            let sent = pour(&mut stream, &b"x: 0123456789\r\n".repeat(64), 64 << 20);
            let mut answer = Vec::new();
            // With bytes unread the kernel may say "reset" before the answer is read.
            let _ = stream.read_to_end(&mut answer);
            (sent, answer.is_empty() || answer.starts_with(b"HTTP/1.1 431 "))
        };
        (0..20).map(one).collect::<Vec<_>>()
    });
    let answers = answers.await.unwrap();
    assert!(answers.iter().all(|(sent, refused)| *sent < 16 << 20 && *refused), "{answers:?}");
    let grown = mesh.main().most_memory().saturating_sub(before);
    assert!(grown < 16 * MIB, "{} MiB", grown / MIB);
}

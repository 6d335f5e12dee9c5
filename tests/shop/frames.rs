//! HTTP/2 as bytes: frames that contradict their headers, and headers that no client library would send.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use std::time::Duration;

use crate::support::Setup;

tests!(what_contradicts_itself_or_belongs_to_http1_is_refused_in_http2);

/// Types of frames (RFC 9113, 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags][..], &stream.to_be_bytes()[..], payload].concat()
}

/// Headers as they are, none of them in a table (RFC 7541, 6.2.2).
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let field = |(name, value): &(&str, &str)| {
        let lengths = [name.len() as u8, value.len() as u8];
        [&[0, lengths[0]][..], name.as_bytes(), &lengths[1..], value.as_bytes()].concat()
    };
    fields.iter().flat_map(field).collect()
}

/// The type of the frame that answers a request, or ends its stream or its connection.
async fn answered_by(url: &str, fields: &[(&str, &str)], body: &[u8]) -> u8 {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
    let sent = [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
        &frame(SETTINGS, 0, 0, &[])[..],
        // The last of its headers; the last of its body.
        &frame(HEADERS, 4, 1, &block(fields))[..],
        &frame(DATA, 1, 1, body)[..],
    ];
    stream.write_all(&sent.concat()).await.unwrap();
    loop {
        let mut head = [0; 9];
        let read = timeout(Duration::from_secs(20), stream.read_exact(&mut head)).await.expect("an answer");
        if read.is_err() {
            return GOAWAY;
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).await.unwrap();
        if matches!(head[3], HEADERS | RESET | GOAWAY) {
            return head[3];
        }
    }
}

/// Covers: mesh.edge.
async fn what_contradicts_itself_or_belongs_to_http1_is_refused_in_http2(setup: Setup) {
    let mesh = setup.start().await;
    let rest: Vec<(&str, &str)> = vec![
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", "/v1/auth:signIn"),
        ("content-type", "application/json"),
    ];
    let grpc: Vec<(&str, &str)> = vec![
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", "/feira.article.v1.ArticleService/ListArticles"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    let (rest_url, grpc_url) = (mesh.http().url(""), mesh.grpc_url("feira-0"));
    for (url, fields, body) in [(rest_url, rest, &b"{}"[..]), (grpc_url, grpc, &[0; 5][..])] {
        let length = body.len().to_string();
        let with = |more: &[(&'static str, &'static str)]| [&fields[..], more].concat();
        assert_eq!(answered_by(&url, &fields, body).await, HEADERS, "{url}");
        assert_eq!(
            answered_by(&url, &[&fields[..], &[("content-length", length.as_str())][..]].concat(), body)
                .await,
            HEADERS
        );
        for bad in [
            &[("content-length", "1")][..],
            &[("content-length", "500")],
            &[("content-length", "1"), ("content-length", "500")],
            &[("transfer-encoding", "chunked")],
            &[("connection", "close")],
            &[("x-a", "b\r\nx-c: d")],
            &[("x-a", "b\nc")],
            &[("x-a", "b\0c")],
            &[("x-a\r\nx-c", "d")],
            &[("X-A", "b")],
            &[(":path", "/elsewhere")],
        ] {
            let by = answered_by(&url, &with(bad), body).await;
            assert!(matches!(by, RESET | GOAWAY), "{url} {bad:?}: a frame of type {by}");
        }
    }
}

//! Streams of the shop over WebSockets: the rules and limits that they have over HTTP.

use std::time::Duration;

use futures::StreamExt as _;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};

use crate::support::{Mesh, Setup, raw};

tests!(a_socket_has_the_rules_and_limits_of_its_stream);

/// Opens one for a caller with this token; else the status of the answer.
async fn open(mesh: &Mesh, path: &str, token: &str) -> Result<WebSocketStream<TcpStream>, u16> {
    let mut stream = raw::connect(mesh).await;
    let head = format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: json, bearer, {token}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    match std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap() {
        101 => Ok(WebSocketStream::from_raw_socket(stream, Role::Client, None).await),
        status => Err(status),
    }
}

async fn next(socket: &mut WebSocketStream<TcpStream>) -> Message {
    timeout(Duration::from_secs(30), socket.next()).await.expect("a frame").unwrap().unwrap()
}

fn json(message: &Message) -> Value {
    serde_json::from_str(message.to_text().unwrap()).unwrap()
}

/// Covers: mesh.protocols, mesh.limits.
async fn a_socket_has_the_rules_and_limits_of_its_stream(setup: Setup) {
    const EVENTS: &str = "/v1/events:stream";
    let mut mesh = setup.env("FEIRA_STREAMS_PER_USER", "1").start().await;
    let (admin, shopper) = (mesh.admin().await, mesh.shopper().await);
    assert_eq!(open(&mesh, EVENTS, "nonsense").await.err(), Some(401));
    assert_eq!(open(&mesh, EVENTS, &shopper.tokens.access_token).await.err(), Some(403));
    let token = &admin.tokens.access_token;
    let mut socket = open(&mesh, EVENTS, token).await.unwrap();
    let first = json(&next(&mut socket).await);
    assert!(first["result"]["type"].is_string(), "{first}");
    // A user has so many streams, however they are opened.
    let mut second = open(&mesh, EVENTS, token).await.unwrap();
    let refused = json(&next(&mut second).await);
    assert_eq!(refused["error"]["details"][0]["reason"], "LIMIT_EXCEEDED", "{refused}");
    let Message::Close(Some(close)) = next(&mut second).await else { panic!("it is closed") };
    assert_eq!(u16::from(close.code), 4000 + refused["error"]["code"].as_u64().unwrap() as u16);
    // A process that is told to end tells its clients to come back.
    mesh.main().signal(rustix::process::Signal::TERM);
    let close = loop {
        if let Message::Close(Some(close)) = next(&mut socket).await {
            break close;
        }
    };
    assert!([1001, 4503].contains(&u16::from(close.code)), "{close}");
    drop((socket, second));
    mesh.process("feira-0").ended();
    mesh.restart("feira-0");
}

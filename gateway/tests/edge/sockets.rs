//! Streams over WebSockets.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _, stream};
use gateway::Options;
use http_body_util::BodyExt as _;
use prost::Message as _;
use serde_json::{Value as Json, json};
use tokio::{io::AsyncReadExt as _, net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message as Frame, protocol::Role},
};
use tonic::Status;
use tower::service_fn;

use crate::{
    ports::Port,
    streams::{event, streaming},
    support::{Answer, Shop, echo, message, request, shop_of, shop_with},
    uploads::importing,
    wire,
};

/// The headers of a handshake.
pub const UPGRADE: &str = "connection: keep-alive, Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                           sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A client's end of a WebSocket.
pub struct Socket(pub WebSocketStream<TcpStream>);

impl Socket {
    /// Opens one; else what was answered instead.
    async fn try_open(port: &Port, path: &str, headers: &str) -> Result<(Self, String), String> {
        let head = format!("GET {path} HTTP/1.1\r\nhost: shop.example\r\n{UPGRADE}{headers}\r\n");
        let mut stream = port.open(&head).await;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
        let answer = String::from_utf8(answer).unwrap();
        if !answer.starts_with("HTTP/1.1 101 ") {
            return Err(answer);
        }
        assert!(answer.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{answer}");
        Ok((Self(WebSocketStream::from_raw_socket(stream, Role::Client, None).await), answer))
    }

    pub async fn open(port: &Port, path: &str) -> Self {
        Self::try_open(port, path, "").await.unwrap().0
    }

    async fn say(&mut self, json: &str) {
        self.0.send(Frame::text(json)).await.unwrap();
    }

    async fn next(&mut self) -> Frame {
        timeout(Duration::from_secs(20), self.0.next()).await.expect("a frame").unwrap().unwrap()
    }

    pub async fn json(&mut self) -> Json {
        let frame = self.next().await;
        serde_json::from_str(frame.to_text().unwrap()).unwrap()
    }

    /// The code and the reason of the close, which is all that still comes.
    pub async fn close(&mut self) -> (u16, String) {
        match self.next().await {
            Frame::Close(Some(close)) => (close.code.into(), close.reason.to_string()),
            other => panic!("{other:?}"),
        }
    }
}

/// A service that answers with each message as it comes.
fn chatting() -> Shop {
    let echo = kit::Conn::new(service_fn(|request: http::Request<tonic::body::Body>| async {
        let end = http::HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]);
        let body = request.into_body().with_trailers(async { Some(Ok(end)) });
        let answer = http::Response::builder().header("content-type", "application/grpc");
        Ok(answer.body(tonic::body::Body::new(body)).unwrap())
    }));
    shop_of(Options::default(), echo, Default::default())
}

#[tokio::test]
async fn both_sides_talk_at_once() {
    let shop = chatting();
    let port = Port::of(&shop).await;
    for path in ["/v1/chat", "/library.v1.Library/Chat"] {
        let mut socket = Socket::open(&port, path).await;
        for id in ["a", "b"] {
            socket.say(&format!("{{\"id\":\"{id}\"}}")).await;
            assert_eq!(socket.json().await["result"]["id"], id, "before the client has ended");
        }
        socket.say("").await;
        assert_eq!(socket.close().await, (1000, "OK".to_owned()));
        assert!(socket.0.next().await.is_none());
    }
}

#[tokio::test]
async fn a_stream_of_answers_needs_no_word_of_the_client() {
    let shop = streaming(|| vec![Ok(event(4)), Err(Status::not_found("gone"))]);
    let port = Port::of(&shop).await;
    let mut socket = Socket::open(&port, "/v1/books/b:watch?after=3").await;
    assert_eq!(socket.json().await, json!({"result": {"sequence": "4", "note": "n"}}));
    let error = socket.json().await;
    assert_eq!((&error["error"]["code"], &error["error"]["status"]), (&json!(404), &json!("NOT_FOUND")));
    assert_eq!(error["error"]["details"][0]["reason"], "NOT_FOUND");
    assert_eq!(socket.close().await, (4404, "NOT_FOUND: gone".to_owned()));
    assert_eq!(shop.last().json(), json!({"id": "b", "after": "3"}));

    // By the path that gRPC gives it, the request is the first frame.
    let mut socket = Socket::open(&port, "/library.v1.Library/Watch").await;
    socket.say("{\"id\":\"c\"}").await;
    assert_eq!(socket.json().await["result"]["sequence"], "4");
    assert_eq!(shop.last().json(), json!({"id": "c"}));
    let long = streaming(|| vec![Err(Status::aborted("ö".repeat(100)))]);
    let mut socket = Socket::open(&Port::of(&long).await, "/v1/books/b:watch").await;
    socket.json().await;
    let (code, reason) = socket.close().await;
    assert!(code == 4409 && reason.starts_with("ABORTED: öö") && reason.len() <= 123, "{reason}");
}

#[tokio::test]
async fn an_upload_ends_by_an_empty_frame_and_by_nothing_else() {
    let shop = wire::shop_with(|call| {
        Answer::Messages(vec![message("Imported", json!({"count": call.messages.len()}))])
    })
    .await;
    let port = Port::of(&shop).await;
    let mut socket = Socket::open(&port, "/v1/books:import").await;
    socket.say("{\"id\":\"a\"}").await;
    socket.say("{\"result\":{\"id\":\"b\"}}").await;
    socket.say("").await;
    assert_eq!(socket.json().await, json!({"result": {"count": 2}}));
    assert_eq!(socket.close().await.0, 1000);
    assert!(!shop.last().broken);

    for leaves in [true, false] {
        let mut socket = Socket::open(&port, "/v1/books:import").await;
        let calls = shop.count();
        socket.say("{\"id\":\"a\"}").await;
        if leaves {
            socket.0.close(None).await.unwrap();
        } else {
            drop(socket);
        }
        let ended = async {
            while shop.count() == calls {
                tokio::time::sleep(Duration::from_millis(5)).await
            }
        };
        timeout(Duration::from_secs(20), ended).await.expect("the call ends");
        assert!(shop.last().broken, "half an upload is never taken for all of it");
    }
}

#[tokio::test]
async fn a_bad_message_is_named_and_ends_the_call() {
    let port = Port::of(&importing()).await;
    for (frames, says, code) in [
        (vec![Frame::text("{}"), Frame::text("{\"price\":{\"units\":\"x\"}}")], "message 2: ", 4400),
        (vec![Frame::text("[]")], "message 1: ", 4400),
        (vec![Frame::binary(vec![0x0a, 5, b'x'])], "message 1: ", 4400),
        (
            vec![Frame::text(format!("\"{}\"", "x".repeat(4 << 20)))],
            "the request's body is larger than",
            1009,
        ),
    ] {
        let mut socket = Socket::open(&port, "/v1/books:import").await;
        for frame in frames {
            socket.0.send(frame).await.unwrap();
        }
        let mut told = socket.json().await;
        let message = told["error"]["message"].take();
        assert!(message.as_str().unwrap().starts_with(says), "{message}");
        assert_eq!(socket.close().await.0, code, "{says}");
    }
}

#[tokio::test]
async fn protobuf_goes_in_binary_frames() {
    let port = Port::of(&chatting()).await;
    let book = message("Book", json!({"id": "a", "title": "A"})).encode_to_vec();
    let protocol = "sec-websocket-protocol: proto\r\n";
    for path in ["/v1/chat", "/library.v1.Library/Chat"] {
        let (mut socket, answer) = Socket::try_open(&port, path, protocol).await.unwrap();
        assert!(answer.contains("sec-websocket-protocol: proto\r\n"), "{answer}");
        socket.0.send(Frame::binary(book.clone())).await.unwrap();
        assert_eq!(socket.next().await, Frame::binary(book.clone()));
        socket.say("{\"id\":\"a\",\"title\":\"A\"}").await;
        assert_eq!(socket.next().await, Frame::binary(book.clone()), "either is taken");
        socket.0.send(Frame::binary(Bytes::new())).await.unwrap();
        assert_eq!(socket.next().await, Frame::binary(Bytes::new()), "an empty message is no end");
        socket.say("").await;
        assert_eq!(socket.close().await.0, 1000);
    }
    // Raw bytes are themselves.
    let covers = shop_with(Options::default(), |_| Answer::Messages(Vec::new()));
    assert!(Socket::try_open(&Port::of(&covers).await, "/v1/books/b/cover", "").await.is_err(), "no stream");
}

#[tokio::test]
async fn what_can_be_refused_by_its_head_is_refused_by_a_plain_answer() {
    let origins = vec!["https://app.example".parse().unwrap()];
    let options = Options { cors_origins: origins, ..Options::default() };
    let shop = shop_with(options, |call| match call.method.as_str() {
        "Watch" => Answer::Messages(vec![event(1)]),
        _ => echo(call),
    });
    let port = Port::of(&shop).await;
    for (path, headers, status) in [
        ("/v1/books/b:watch", "origin: https://evil.example\r\n", 403),
        ("/v1/books/b:watch?none=1", "", 400),
        ("/v1/books/b:watch?after=x", "", 400),
        ("/v1/books/b:watch", "sec-websocket-protocol: graphql-ws\r\n", 400),
        ("/v1/books/b:watch", "content-length: 2\r\n", 400),
        ("/v1/nothing", "", 404),
        // What is no stream is answered as ever.
        ("/v1/books/b", "", 200),
    ] {
        let refused = Socket::try_open(&port, path, headers).await.err().unwrap();
        assert!(refused.starts_with(&format!("HTTP/1.1 {status} ")), "{path} {headers}: {refused}");
    }
    for headers in ["origin: https://app.example\r\n", "origin: http://shop.example\r\n"] {
        assert!(Socket::try_open(&port, "/v1/books/b:watch", headers).await.is_ok(), "{headers}");
    }
    let protocols = "sec-websocket-protocol: json, bearer, a.b.c\r\n";
    let (mut socket, answer) = Socket::try_open(&port, "/v1/books/b:watch", protocols).await.unwrap();
    assert!(answer.contains("sec-websocket-protocol: json\r\n") && !answer.contains("a.b.c"), "{answer}");
    socket.json().await;
    assert_eq!(shop.last().metadata["authorization"], "Bearer a.b.c");
    assert!(!shop.last().metadata.contains_key("sec-websocket-protocol"));
    // Not at a port of whoever else, who could not let go of it.
    let upgrade = [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13")];
    let asked = [&upgrade[..], &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")]].concat();
    assert_eq!(shop.send(request("GET", "/v1/books/b:watch", &asked, Body::empty())).await.error().0, 501);
}

#[tokio::test]
async fn a_call_ends_at_its_deadline_and_with_the_process() {
    let shop = shop_with(Options::default(), |_| {
        Answer::Stream(stream::iter([Ok(event(1))]).chain(stream::pending()).boxed())
    });
    let port = Port::of(&shop).await;
    let deadline = "grpc-timeout: 200m\r\n";
    let (mut socket, _) = Socket::try_open(&port, "/v1/books/b:watch", deadline).await.unwrap();
    socket.json().await;
    assert_eq!(socket.json().await["error"]["status"], "DEADLINE_EXCEEDED");
    assert_eq!(socket.close().await.0, 4504);

    let mut socket = Socket::open(&port, "/v1/books/b:watch").await;
    socket.json().await;
    port.ends.close();
    assert_eq!(socket.json().await["error"]["status"], "UNAVAILABLE");
    assert_eq!(socket.close().await.0, 1001);
    assert!(TcpStream::connect(port.address).await.is_err(), "and then the port closes");
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_let_go() {
    let shop = shop_with(Options::default(), |_| {
        Answer::Stream(stream::iter([Ok(event(1))]).chain(stream::pending()).boxed())
    });
    let port = Port::of(&shop).await;
    let (mut there, mut gone) =
        (Socket::open(&port, "/v1/books/b:watch").await, Socket::open(&port, "/v1/books/b:watch").await);
    there.json().await;
    gone.json().await;
    // Reads what comes and answers nothing.
    let silent = gone.0.get_mut();
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let mut all = Vec::new();
    let ended = async {
        // A pong goes out where the next frame is waited for.
        tokio::select! {
            frame = async { loop { if !there.next().await.is_ping() { break } } } => panic!("{frame:?}"),
            read = silent.read_to_end(&mut all) => read,
        }
    };
    let _ = timeout(Duration::from_secs(120), ended).await.expect("it is let go");
    assert!((30..60).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert!(all.starts_with(&[0x89, 0]), "it was asked: {all:?}");
}

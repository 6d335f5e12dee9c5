//! Whoever is slower makes the other side wait, through the edge: nothing piles up in it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::body::Body;
use futures::{SinkExt as _, StreamExt as _, stream};
use gateway::Options;
use serde_json::json;
use tokio::{io::AsyncReadExt as _, time::sleep};
use tokio_tungstenite::tungstenite::Message as Frame;
use tower::service_fn;

use crate::{
    ports::Port,
    sockets::{self, Socket},
    support::{Answer, message, request, shop_of},
    wire,
};

/// What one message or line has, and how many of them may be on their way: sockets hold some megabytes.
const LARGE: usize = 64 << 10;
const MOST: usize = 500;

/// Waits until a count stands still.
async fn still(count: &AtomicUsize) -> usize {
    let mut before = count.load(Relaxed);
    loop {
        sleep(Duration::from_millis(300)).await;
        let now = count.load(Relaxed);
        if now == before && now > 0 {
            return now;
        }
        assert!(now < MOST, "{now} of {LARGE} bytes each, and nobody reads them");
        before = now;
    }
}

#[tokio::test]
async fn a_reader_that_does_not_read_stops_the_service() {
    let made = Arc::new(AtomicUsize::new(0));
    let counter = made.clone();
    let large = message("Event", json!({"note": "x".repeat(LARGE)}));
    let shop = wire::shop_with(move |_| {
        let (counter, large) = (counter.clone(), large.clone());
        let messages = stream::repeat_with(move || {
            counter.fetch_add(1, Relaxed);
            Ok(large.clone())
        });
        Answer::Stream(messages.boxed())
    })
    .await;
    let port = Port::of(&shop).await;
    let kinds =
        ["application/x-ndjson", "application/json", "application/json-seq", "text/event-stream", "text/csv"];
    let accepts = kinds.map(|kind| format!("accept: {kind}\r\n"));
    for how in accepts.into_iter().chain([sockets::UPGRADE.to_owned()]) {
        made.store(0, Relaxed);
        let head = format!("GET /v1/books/b:watch HTTP/1.1\r\nhost: x\r\n{how}\r\n");
        let mut reader = port.open(&head).await;
        let stopped = still(&made).await;
        let mut read = vec![0; 2 * stopped * LARGE];
        reader.read_exact(&mut read).await.unwrap();
        assert!(made.load(Relaxed) > stopped, "{how}: it goes on as soon as somebody reads");
    }
}

#[tokio::test]
async fn a_service_that_does_not_read_stops_the_sender() {
    let deaf = kit::Conn::new(service_fn(|request: http::Request<tonic::body::Body>| async move {
        let _held = request;
        std::future::pending::<()>().await;
        Err(tonic::Status::internal("never"))
    }));
    let shop = shop_of(Options::default(), deaf, Arc::default());
    for (kind, first, each) in [
        ("application/x-ndjson", "", "\n"),
        ("application/json", "", ""),
        ("application/json", "[{}", ","),
        ("application/json-seq", "", "\u{1e}"),
        ("text/csv", "id,title\n", "a,"),
    ] {
        let sent = Arc::new(AtomicUsize::new(0));
        let counter = sent.clone();
        let line = match kind {
            "text/csv" => format!("{each}{}\n", "x".repeat(LARGE)),
            _ => format!("{each}{{\"title\":\"{}\"}}", "x".repeat(LARGE)),
        };
        let lines = stream::repeat_with(move || {
            counter.fetch_add(1, Relaxed);
            line.clone()
        });
        let body = stream::iter([first.to_owned()]).chain(lines).map(Ok::<_, std::io::Error>);
        let upload = request("POST", "/v1/books:import", &[("content-type", kind)], Body::from_stream(body));
        tokio::select! {
            answer = shop.open(upload) => panic!("{kind}: {answer:?}"),
            stopped = still(&sent) => assert!(stopped < 20, "{kind}: {stopped}"),
        }
    }
    let port = Port::of(&shop).await;
    let (mut socket, sent) = (Socket::open(&port, "/v1/books:import").await, AtomicUsize::new(0));
    let line = format!("{{\"title\":\"{}\"}}", "x".repeat(LARGE));
    let sending = async {
        loop {
            socket.0.send(Frame::text(&line)).await.unwrap();
            sent.fetch_add(1, Relaxed);
        }
    };
    tokio::select! {
        () = sending => {}
        stopped = still(&sent) => assert!(stopped > 1, "sockets hold some"),
    }
}

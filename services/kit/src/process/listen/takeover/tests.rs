//! Connections after an upgrade.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use http::{Request, Response};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy, split},
    net::TcpStream,
    sync::mpsc,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tonic::body::Body;
use tower::service_fn;

use super::*;
use crate::listen::{Ends, Listener, Protocol};

/// A port that does this with connections that ask for another protocol.
async fn serve<F>(
    limits: Limits,
    work: impl Fn(Io, Meter) -> F + Clone + Send + Sync + 'static,
) -> (SocketAddr, Ends, JoinHandle<()>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = Listener::bind("127.0.0.1:0", Protocol::Rest).await.unwrap();
    let (address, ends) = (listener.address().unwrap(), Ends::default());
    let service = service_fn(move |mut request: Request<Body>| {
        let work = work.clone();
        async move {
            let Some(takeover) = request.extensions_mut().remove::<Takeover>() else {
                return Ok::<_, Infallible>(Response::new(Body::empty()));
            };
            takeover.then(Some("192.0.2.1".parse().unwrap()), work);
            let answer =
                Response::builder().status(101).header("connection", "upgrade").header("upgrade", "echo");
            Ok(answer.body(Body::empty()).unwrap())
        }
    });
    let serving = tokio::spawn(listener.serve(service, ends.clone(), limits));
    (address, ends, serving)
}

async fn upgraded(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n")
        .await
        .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    stream
}

fn limits() -> Limits {
    let limits = Limits::new(Duration::from_millis(600), Duration::from_secs(5), 8 << 20, 8 << 20);
    Limits { connections: 1, ..limits }
}

#[tokio::test]
async fn what_is_taken_over_keeps_its_place_and_is_waited_for() {
    let (address, ends, mut serving) = serve(limits(), |io, _| async {
        let (mut from, mut to) = split(io);
        let _ = copy(&mut from, &mut to).await;
    })
    .await;
    let mut stream = upgraded(address).await;
    // Longer than a head may take, and without anything that would be one.
    sleep(Duration::from_millis(900)).await;
    stream.write_all(b"hello").await.unwrap();
    let mut echo = [0; 5];
    stream.read_exact(&mut echo).await.unwrap();
    assert_eq!(&echo, b"hello");
    let mut second = TcpStream::connect(address).await.unwrap();
    let _ = second.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(second.read_u8().await.is_err(), "its address has as many as it may");
    ends.close();
    assert!(timeout(Duration::from_millis(200), &mut serving).await.is_err(), "the port waits for it");
    drop(stream);
    serving.await.unwrap();
}

#[tokio::test]
async fn whoever_reads_nothing_is_let_go() {
    let (address, ends, serving) =
        serve(limits(), |mut io, _| async move { while io.write_all(&[0; 64 << 10]).await.is_ok() {} }).await;
    let stream = upgraded(address).await;
    ends.close();
    timeout(Duration::from_secs(20), serving).await.expect("it does not wait for ever").unwrap();
    drop(stream);
}

#[tokio::test]
async fn what_has_come_and_is_not_understood_counts_against_its_client() {
    let (send, mut seen) = mpsc::unbounded_channel();
    let (address, _ends, _) = serve(limits(), move |mut io, meter| {
        let send = send.clone();
        async move {
            let mut space = vec![0; 64 << 10];
            while io.read(&mut space).await.is_ok_and(|read| read > 0) {
                if space[0] == b'.' {
                    meter.clear();
                }
                let _ = send.send(meter.check().is_ok());
            }
        }
    })
    .await;
    let mut stream = upgraded(address).await;
    for _ in 0..4 {
        // A client has a quarter; each of these is understood.
        stream.write_all(&[b'.'; 1 << 20]).await.unwrap();
        while let Ok(Some(fits)) = timeout(Duration::from_millis(100), seen.recv()).await {
            assert!(fits);
        }
    }
    stream.write_all(&[b'x'; 3 << 20]).await.unwrap();
    let refused = async { while seen.recv().await.unwrap() {} };
    timeout(Duration::from_secs(10), refused).await.expect("there is no room for it");
}

//! Ports as clients see them: limits, timeouts, protocols.

use std::convert::Infallible;

use http_body_util::Full;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tower::service_fn;

use super::*;

fn limits() -> Limits {
    Limits::new(Duration::from_millis(600), HEAD, 8 << 20, 8 << 20)
}

/// A port that answers `hello` after a while.
async fn serve(
    protocol: Protocol,
    answers_after: Duration,
) -> (SocketAddr, Ends, tokio::task::JoinHandle<()>) {
    let listener = Listener::bind("127.0.0.1:0", protocol).await.unwrap();
    let (address, ends) = (listener.address().unwrap(), Ends::default());
    let service = service_fn(move |request: Request<Body>| async move {
        assert!(request.extensions().get::<Peer>().is_some());
        sleep(answers_after).await;
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("hello"))))
    });
    let serving = tokio::spawn(listener.serve(service, ends.clone(), limits()));
    (address, ends, serving)
}

#[tokio::test]
async fn hundreds_who_come_at_once_are_let_in_without_trying_again() {
    let listener = Listener::bind("127.0.0.1:0", Protocol::Rest).await.unwrap();
    let address = listener.address().unwrap();
    let began = std::time::Instant::now();
    let all = (0..500).map(|_| TcpStream::connect(address));
    let all = futures::future::try_join_all(all).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(900), "{:?}", began.elapsed());
    assert_eq!(all.len(), 500);
}

#[tokio::test]
async fn a_call_under_way_is_answered_before_the_port_closes() {
    let (address, ends, serving) = serve(Protocol::Rest, Duration::from_millis(200)).await;
    let mut busy = TcpStream::connect(address).await.unwrap();
    let mut idle = TcpStream::connect(address).await.unwrap();
    busy.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    sleep(Duration::from_millis(50)).await;
    ends.close();
    let mut answer = String::new();
    busy.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("hello"), "{answer}");
    assert_eq!(idle.read(&mut [0; 8]).await.unwrap(), 0);
    serving.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_client_is_told_to_leave_with_an_answer_and_new_ones_are_let_in_until_the_port_closes() {
    let (address, ends, serving) = serve(Protocol::Rest, Duration::ZERO).await;
    let request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut kept = TcpStream::connect(address).await.unwrap();
    kept.write_all(request).await.unwrap();
    let mut answer = [0; 1024];
    let length = kept.read(&mut answer).await.unwrap();
    assert!(!String::from_utf8_lossy(&answer[..length]).contains("connection: close"));
    ends.leave();
    sleep(Duration::from_millis(50)).await;
    for mut client in [kept, TcpStream::connect(address).await.unwrap()] {
        client.write_all(request).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.contains("connection: close") && answer.ends_with("hello"), "{answer}");
    }
    ends.close();
    serving.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn http1_is_refused_where_grpc_is_spoken() {
    let (address, _ends, _serving) = serve(Protocol::Grpc, Duration::ZERO).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    // With bytes unread the kernel may say "reset" for "closed".
    assert!(matches!(client.read(&mut [0; 8]).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_client_that_says_nothing_or_too_little_is_let_go() {
    let (address, _ends, _serving) = serve(Protocol::Rest, Duration::ZERO).await;
    for words in ["", "PRI * HTT", "GET / HTTP/1.1\r\nho"] {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(words.as_bytes()).await.unwrap();
        let ended =
            timeout(Duration::from_secs(10), client.read(&mut [0; 8])).await.expect("the connection ends");
        assert!(matches!(ended, Ok(0) | Err(_)), "{words:?}");
    }
}

/// A client with windows of nothing: what it asks for is never taken.
#[tokio::test]
async fn answers_that_nobody_reads_are_bounded_and_their_reader_is_let_go() {
    let listener = Listener::bind("127.0.0.1:0", Protocol::Grpc).await.unwrap();
    let address = listener.address().unwrap();
    let made = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let service = {
        let made = made.clone();
        service_fn(move |_: Request<Body>| {
            made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            std::future::ready(Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(vec![7; 1 << 20])))))
        })
    };
    tokio::spawn(listener.serve(service, Ends::default(), limits()));
    let stream = TcpStream::connect(address).await.unwrap();
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(0);
    let (mut client, connection) = builder.handshake::<_, Bytes>(stream).await.unwrap();
    let ended = tokio::spawn(connection);
    let mut answers = Vec::new();
    for _ in 0..50 {
        client = client.ready().await.unwrap();
        let request = Request::post("http://x/a.B/ListC").body(()).unwrap();
        answers.push(client.send_request(request, true).unwrap());
    }
    sleep(Duration::from_millis(400)).await;
    let made = made.load(std::sync::atomic::Ordering::Relaxed);
    assert!((1..=3).contains(&made), "{made} answers of 1 MiB where a connection may have 2");
    drop(timeout(Duration::from_secs(5), ended).await.expect("the connection ends"));
}

#[tokio::test]
async fn who_reads_slowly_but_reads_gets_all() {
    let listener = Listener::bind("127.0.0.1:0", Protocol::Rest).await.unwrap();
    let address = listener.address().unwrap();
    let service = service_fn(|_: Request<Body>| {
        std::future::ready(Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(vec![7; 8 << 20])))))
    });
    tokio::spawn(listener.serve(service, Ends::default(), limits()));
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut read = 0;
    let mut piece = vec![0; 512 << 10];
    loop {
        match client.read(&mut piece).await.unwrap() {
            0 => break,
            length => read += length,
        }
        sleep(Duration::from_millis(30)).await;
    }
    assert!(read > 8 << 20, "{read}");
}

#[tokio::test]
async fn a_refused_client_that_falls_silent_is_let_go() {
    let (address, _ends, _serving) = serve(Protocol::Rest, Duration::ZERO).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    // In one piece: of the second head nothing is read from the socket any more.
    client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\nG@T /a b HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answers = Vec::new();
    client.read_to_end(&mut answers).await.unwrap();
    assert!(String::from_utf8_lossy(&answers).contains("400 Bad Request"));
    // Its half of the connection stays open. A connection that has ended resets whoever goes on writing to it.
    let gone = async {
        while client.write_all(b"x").await.is_ok() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    let began = std::time::Instant::now();
    sleep(2 * HEAD + Duration::from_secs(1)).await;
    tokio::time::timeout(Duration::from_secs(2), gone).await.expect("it is still held");
    assert!(began.elapsed() < 2 * HEAD + Duration::from_millis(1_500));
}

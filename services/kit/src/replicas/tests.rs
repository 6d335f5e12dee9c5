use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use http_body_util::Full;
use tokio::task::JoinHandle;
use tower::service_fn;

use super::*;
use crate::listen::{Ends, Listener, Protocol};

type Counts = Arc<Mutex<HashMap<SocketAddr, usize>>>;

/// A replica that counts its calls.
struct Server {
    address: SocketAddr,
    ends: Ends,
    serving: JoinHandle<()>,
}

impl Server {
    async fn start(counts: &Counts) -> Self {
        let listener = Listener::bind("127.0.0.1:0", Protocol::Grpc).await.unwrap();
        let (address, ends, counts) = (listener.address().unwrap(), Ends::default(), counts.clone());
        let service = service_fn(move |_: Request<Body>| {
            *counts.lock().unwrap_or_else(PoisonError::into_inner).entry(address).or_default() += 1;
            async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("done")))) }
        });
        let serving = tokio::spawn(listener.serve(service, ends.clone()));
        Self { address, ends, serving }
    }

    /// As a process does that is told to end.
    async fn leave(self) {
        self.ends.leave();
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.ends.close();
        self.serving.await.unwrap();
    }
}

/// A name and what is behind it.
#[derive(Clone, Default)]
struct Name(Arc<Mutex<Vec<SocketAddr>>>);

impl Name {
    fn set(&self, addresses: &[SocketAddr]) {
        *self.0.lock().unwrap() = addresses.to_vec();
    }

    fn replicas(&self) -> Replicas {
        let name = self.clone();
        Replicas::found_by(move || {
            let addresses = name.0.lock().unwrap().clone();
            async move { Ok(addresses) }
        })
    }
}

async fn call(replicas: &Replicas) -> Result<Response<Body>, Unanswered> {
    replicas.send(|| Request::post("http://role/feira.x/Change").body(Body::empty()).unwrap()).await
}

async fn until(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("waited in vain");
}

/// An address at which nobody listens.
async fn nowhere() -> SocketAddr {
    tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn an_address_where_nobody_listens_costs_no_call() {
    let (counts, name) = (Counts::default(), Name::default());
    let (one, two) = (Server::start(&counts).await, Server::start(&counts).await);
    name.set(&[one.address, nowhere().await, two.address]);
    let replicas = name.replicas();
    until(|| replicas.0.up.borrow().replicas.len() == 2).await;
    for _ in 0..20 {
        call(&replicas).await.unwrap();
    }
    let counts = counts.lock().unwrap();
    assert_eq!((counts[&one.address], counts[&two.address]), (10, 10), "they take turns");
}

#[tokio::test]
async fn replicas_that_leave_and_come_cost_no_call_while_the_name_is_out_of_date() {
    let (counts, name) = (Counts::default(), Name::default());
    let (one, two) = (Server::start(&counts).await, Server::start(&counts).await);
    name.set(&[one.address, two.address]);
    let replicas = name.replicas();
    let calling = tokio::spawn({
        let replicas = replicas.clone();
        async move {
            let (mut calls, stop) = (0, Instant::now() + Duration::from_secs(2));
            while Instant::now() < stop {
                let together = futures::future::join_all((0..8).map(|_| call(&replicas))).await;
                calls += together.into_iter().collect::<Result<Vec<_>, _>>().map(|answers| answers.len())?;
            }
            Ok::<_, Unanswered>(calls)
        }
    });
    until(|| counts.lock().unwrap().len() == 2).await;
    one.leave().await;
    let three = Server::start(&counts).await;
    name.set(&[two.address, three.address]);
    until(|| counts.lock().unwrap().contains_key(&three.address)).await;
    two.leave().await;
    let calls = calling.await.unwrap().unwrap();
    assert_eq!(counts.lock().unwrap().values().sum::<usize>(), calls, "each was answered once");
}

#[tokio::test]
async fn without_replicas_a_call_fails_soon_and_with_one_again_it_does_not() {
    let (counts, name) = (Counts::default(), Name::default());
    let replicas = name.replicas();
    let begun = Instant::now();
    let unanswered = call(&replicas).await.unwrap_err();
    assert!(unanswered.never_sent && begun.elapsed() < 2 * PATIENCE, "{unanswered}");
    let begun = Instant::now();
    call(&replicas).await.unwrap_err();
    assert!(begun.elapsed() < PATIENCE / 2, "nobody has been there for a while");
    let server = Server::start(&counts).await;
    name.set(&[server.address]);
    until(|| !replicas.0.up.borrow().replicas.is_empty()).await;
    call(&replicas).await.unwrap();
}

#[tokio::test]
async fn a_call_that_was_sent_and_lost_is_not_sent_again() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // Takes connections, and closes each as soon as something was said on it.
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.readable().await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let replicas = Replicas::of(Endpoint::from_shared(format!("http://{address}")).unwrap());
    let unanswered = call(&replicas).await.unwrap_err();
    assert!(!unanswered.never_sent, "{unanswered}");
}

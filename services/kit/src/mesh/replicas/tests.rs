//! Replicas that come, go and stay silent.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Mutex, PoisonError, atomic::AtomicBool},
};

use bytes::Bytes;
use http_body_util::Full;
use tokio::task::JoinHandle;
use tower::service_fn;

use super::*;
use crate::listen::{Ends, Limits, Listener, Protocol, Workers};

type Counts = Arc<Mutex<HashMap<SocketAddr, usize>>>;

/// A replica that counts its calls.
struct Server {
    address: SocketAddr,
    ends: Ends,
    serving: JoinHandle<()>,
    /// It takes everything and answers nothing.
    stopped: Arc<AtomicBool>,
}

impl Server {
    async fn start(counts: &Counts) -> Self {
        let listener = Listener::bind("127.0.0.1:0", Protocol::Grpc).await.unwrap();
        let (address, ends, counts) = (listener.address().unwrap(), Ends::default(), counts.clone());
        let stopped = Arc::<AtomicBool>::default();
        let is_stopped = stopped.clone();
        let service = service_fn(move |request: Request<Body>| {
            let health = request.uri().path() == "/grpc.health.v1.Health/Check";
            if !health {
                *counts.lock().unwrap_or_else(PoisonError::into_inner).entry(address).or_default() += 1;
            }
            let stopped = is_stopped.clone();
            async move {
                while stopped.load(Ordering::Relaxed) {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                let answer = Response::new(Full::new(Bytes::from("done")));
                Ok::<_, Infallible>(if health { unimplemented() } else { answer })
            }
        });
        let serving = tokio::spawn(listener.serve(service, ends.clone(), Limits::default()));
        Self { address, ends, serving, stopped }
    }

    fn stop(&self, stopped: bool) {
        self.stopped.store(stopped, Ordering::Relaxed);
    }

    /// As a process does that is told to end.
    async fn leave(self) {
        self.ends.leave();
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.ends.close();
        self.serving.await.unwrap();
    }
}

/// What a server without health says to a health check: an answer, too.
fn unimplemented() -> Response<Full<Bytes>> {
    let answer = Response::builder().header("content-type", "application/grpc").header("grpc-status", "12");
    answer.body(Full::default()).unwrap()
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
        Replicas::found_by(None, move || {
            let addresses = name.0.lock().unwrap().clone();
            async move { Ok(addresses) }
        })
    }
}

/// Who calls: this thread, or workers by connections of their own.
#[derive(Clone)]
struct Caller(Option<Workers>);

impl Caller {
    async fn call(&self, replicas: &Replicas) -> Result<Response<Body>, Unanswered> {
        self.call_within(replicas, Duration::from_secs(20), false).await
    }

    async fn call_within(
        &self,
        replicas: &Replicas,
        time: Duration,
        repeatable: bool,
    ) -> Result<Response<Body>, Unanswered> {
        let attempt = Attempt { until: Instant::now() + time, repeatable, not_to: None };
        let (parts, ()) = Request::post("http://role/feira.x/Change").body(()).unwrap().into_parts();
        let replicas = replicas.clone();
        let call = async move { replicas.send(attempt, &parts, &Bytes::new()).await };
        match &self.0 {
            Some(workers) => workers.next().spawn(call).await.unwrap(),
            None => call.await,
        }
    }
}

/// Each test for both.
macro_rules! tests {
    ($($name:ident,)*) => {$(
        mod $name {
            #[tokio::test]
            async fn by_this_thread() {
                super::$name(super::Caller(None)).await;
            }

            #[tokio::test]
            async fn by_workers() {
                super::$name(super::Caller(Some(super::Workers::start().unwrap()))).await;
            }
        }
    )*};
}

tests!(
    an_address_where_nobody_listens_costs_no_call,
    replicas_that_leave_and_come_cost_no_call_while_the_name_is_out_of_date,
    without_replicas_a_call_fails_soon_and_with_one_again_it_does_not,
    a_call_that_was_sent_and_lost_is_not_sent_again,
    a_replica_that_answers_nothing_leaves_the_rotation_until_it_answers,
    a_replica_that_lives_but_answers_no_call_in_time_rests,
    at_most_half_of_the_replicas_leave_the_rotation,
);

fn are_up(replicas: &Replicas) -> usize {
    replicas.0.up.borrow().replicas.len()
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

async fn an_address_where_nobody_listens_costs_no_call(caller: Caller) {
    let (counts, name) = (Counts::default(), Name::default());
    let (one, two) = (Server::start(&counts).await, Server::start(&counts).await);
    name.set(&[one.address, nowhere().await, two.address]);
    let replicas = name.replicas();
    until(|| are_up(&replicas) == 2).await;
    for _ in 0..20 {
        caller.call(&replicas).await.unwrap();
    }
    let counts = counts.lock().unwrap();
    assert_eq!((counts[&one.address], counts[&two.address]), (10, 10), "they take turns");
}

async fn replicas_that_leave_and_come_cost_no_call_while_the_name_is_out_of_date(caller: Caller) {
    let (counts, name) = (Counts::default(), Name::default());
    let (one, two) = (Server::start(&counts).await, Server::start(&counts).await);
    name.set(&[one.address, two.address]);
    let replicas = name.replicas();
    let calling = tokio::spawn({
        let (replicas, caller) = (replicas.clone(), caller.clone());
        async move {
            let (mut calls, stop) = (0, Instant::now() + Duration::from_secs(2));
            while Instant::now() < stop {
                let together = futures::future::join_all((0..8).map(|_| caller.call(&replicas))).await;
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

async fn without_replicas_a_call_fails_soon_and_with_one_again_it_does_not(caller: Caller) {
    let (counts, name) = (Counts::default(), Name::default());
    let replicas = name.replicas();
    let begun = Instant::now();
    let unanswered = caller.call(&replicas).await.unwrap_err();
    assert!(unanswered.never_sent && begun.elapsed() < 2 * PATIENCE, "{unanswered}");
    let begun = Instant::now();
    caller.call(&replicas).await.unwrap_err();
    assert!(begun.elapsed() < PATIENCE / 2, "nobody has been there for a while");
    let server = Server::start(&counts).await;
    name.set(&[server.address]);
    until(|| !replicas.0.up.borrow().replicas.is_empty()).await;
    caller.call(&replicas).await.unwrap();
}

async fn a_call_that_was_sent_and_lost_is_not_sent_again(caller: Caller) {
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
    let replicas = Replicas::of(vec![Endpoint::from_shared(format!("http://{address}")).unwrap()], None);
    let unanswered = caller.call(&replicas).await.unwrap_err();
    assert!(!unanswered.never_sent, "{unanswered}");
}

async fn a_replica_that_answers_nothing_leaves_the_rotation_until_it_answers(caller: Caller) {
    let (counts, name) = (Counts::default(), Name::default());
    let (one, two) = (Server::start(&counts).await, Server::start(&counts).await);
    name.set(&[one.address, two.address]);
    let replicas = name.replicas();
    until(|| are_up(&replicas) == 2).await;
    one.stop(true);
    // Both kinds of calls wait at it: one is given up as soon as it is known to be silent, the other may be done.
    let time = Duration::from_secs(20);
    let repeatable = futures::future::join_all((0..2).map(|_| caller.call_within(&replicas, time, true)));
    let (begun, answers) = (Instant::now(), repeatable.await);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    let given_up: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    assert!(given_up.len() == 1 && given_up[0].given_up && !given_up[0].never_sent, "{given_up:?}");
    assert_eq!((given_up[0].by, are_up(&replicas)), (Some(one.address), 1));
    for _ in 0..20 {
        caller.call(&replicas).await.unwrap();
    }
    // It can be connected all the while, and stays out.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(are_up(&replicas), 1);
    one.stop(false);
    until(|| are_up(&replicas) == 2).await;
}

async fn a_replica_that_lives_but_answers_no_call_in_time_rests(caller: Caller) {
    let (counts, name) = (Counts::default(), Name::default());
    let (one, two) = (Server::start(&counts).await, Server::start(&counts).await);
    name.set(&[one.address, two.address]);
    let replicas = name.replicas();
    until(|| are_up(&replicas) == 2).await;
    one.stop(true);
    // Sooner than anybody would ask whether it lives.
    for _ in 0..10 {
        let _ = caller.call_within(&replicas, Duration::from_millis(50), false).await;
    }
    assert_eq!(are_up(&replicas), 1, "five calls were not answered in time");
    one.stop(false);
    for _ in 0..20 {
        caller.call(&replicas).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(are_up(&replicas), 1, "that it lives is not enough, yet");
}

async fn at_most_half_of_the_replicas_leave_the_rotation(caller: Caller) {
    let (counts, name) = (Counts::default(), Name::default());
    let mut servers = Vec::new();
    for _ in 0..3 {
        servers.push(Server::start(&counts).await);
    }
    name.set(&servers.iter().map(|server| server.address).collect::<Vec<_>>());
    let replicas = name.replicas();
    until(|| are_up(&replicas) == 3).await;
    servers.iter().for_each(|server| server.stop(true));
    let time = Duration::from_secs(3);
    futures::future::join_all((0..9).map(|_| caller.call_within(&replicas, time, true))).await;
    assert_eq!(are_up(&replicas), 2, "one of three may leave, two may not");
    servers.iter().for_each(|server| server.stop(false));
    caller.call(&replicas).await.unwrap();
}

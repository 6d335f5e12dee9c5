//! The way to a role that runs elsewhere: to all of its replicas, as they come and go.
//!
//! A name is resolved again and again. Each address behind it is connected before it gets calls, and gets none
//! once it does not answer. A call that was never sent is sent to another replica, whatever it does: so replicas
//! that leave cost no call, also while the name still tells of them.

mod keep;
#[cfg(test)]
mod tests;

use std::{
    error::Error,
    io, iter,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{Request, Response};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, timeout_at},
};
use tonic::{
    ConnectError,
    body::Body,
    transport::{Channel, Endpoint},
};
use tower::ServiceExt;

/// How long a call waits for a replica where there has just been one, or nobody has looked yet.
const PATIENCE: Duration = Duration::from_secs(1);

/// A call that was not answered.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub struct Unanswered {
    /// Nobody can have seen it, so it may be sent again whatever it does.
    pub never_sent: bool,
    cause: Box<dyn Error + Send + Sync>,
}

/// All replicas of a role; cheap to clone. Calls go to one after the other.
#[derive(Clone)]
pub struct Replicas(Arc<Shared>);

struct Shared {
    /// The one that is there, or nobody: an address was given, and no name.
    fixed: bool,
    up: watch::Sender<Up>,
    turn: AtomicUsize,
    /// Told when a call finds a replica gone, or none.
    gone: Arc<Notify>,
}

/// Those that get calls.
struct Up {
    replicas: Vec<Replica>,
    /// When there last was one; at first, when the search began.
    seen: Instant,
}

#[derive(Clone)]
struct Replica {
    address: SocketAddr,
    channel: Channel,
}

impl Replicas {
    /// Those behind the host of an endpoint.
    pub fn of(endpoint: Endpoint) -> Self {
        let uri = endpoint.uri().clone();
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().unwrap_or(80);
        if let Ok(address) = host.parse() {
            // There is nothing to look for and nobody else to send to: it connects when it is used.
            let (address, channel) = (SocketAddr::new(address, port), keep::kept(endpoint).connect_lazy());
            return Self::new(true, vec![Replica { address, channel }]);
        }
        Self::found_by(move || {
            let host = host.clone();
            async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) }
        })
    }

    /// Those at the addresses that `look` finds, each time that it is asked.
    fn found_by<L, F>(look: L) -> Self
    where
        L: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        let replicas = Self::new(false, Vec::new());
        tokio::spawn(keep::keep(Arc::downgrade(&replicas.0), replicas.0.gone.clone(), look));
        replicas
    }

    fn new(fixed: bool, replicas: Vec<Replica>) -> Self {
        let (up, _) = watch::channel(Up { replicas, seen: Instant::now() });
        Self(Arc::new(Shared { fixed, up, turn: AtomicUsize::new(0), gone: Arc::default() }))
    }

    /// Sends a call to one of them; where it could not be sent, to another.
    pub async fn send(&self, request: impl Fn() -> Request<Body>) -> Result<Response<Body>, Unanswered> {
        let mut sent = 0;
        loop {
            let replica = self.next().await?;
            let failed = match self.send_to(replica, request()).await {
                Err(unanswered) if unanswered.never_sent => unanswered,
                done => return done,
            };
            sent += 1;
            // Each may turn out to be gone, or to have closed its connection just now.
            if sent > self.0.up.borrow().replicas.len() {
                return Err(failed);
            }
        }
    }

    /// Sends a call that cannot be repeated, because its body comes bit by bit.
    pub async fn send_once(&self, request: Request<Body>) -> Result<Response<Body>, Unanswered> {
        let replica = self.next().await?;
        self.send_to(replica, request).await
    }

    async fn send_to(&self, replica: Replica, request: Request<Body>) -> Result<Response<Body>, Unanswered> {
        let error = match replica.channel.oneshot(request).await {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        if causes(&error).any(<dyn Error>::is::<ConnectError>) {
            self.0.forget(replica.address);
        }
        Err(Unanswered { never_sent: never_sent(&error), cause: error.into() })
    }

    /// The next in turn.
    async fn next(&self) -> Result<Replica, Unanswered> {
        let mut up = self.0.up.subscribe();
        let until = up.borrow().seen + PATIENCE;
        let nobody = || Unanswered { never_sent: true, cause: "no replica answers".into() };
        let Ok(Ok(up)) = timeout_at(until, up.wait_for(|up| !up.replicas.is_empty())).await else {
            self.0.gone.notify_one();
            return Err(nobody());
        };
        let turn = self.0.turn.fetch_add(1, Ordering::Relaxed) % up.replicas.len();
        up.replicas.get(turn).cloned().ok_or_else(nobody)
    }
}

impl Shared {
    /// A replica that does not answer gets no calls until it is connected again.
    fn forget(&self, address: SocketAddr) {
        if !self.fixed {
            self.change(|replicas| replicas.retain(|replica| replica.address != address));
            self.gone.notify_one();
        }
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Replica>)) {
        self.up.send_modify(|up| {
            if !up.replicas.is_empty() {
                up.seen = Instant::now();
            }
            change(&mut up.replicas);
        });
    }
}

/// Whether a call that failed cannot have reached anybody: there was no connection, or it was closed before the
/// call went out, or the other end said that it did not look at it (RFC 9113, 6.8 and 8.7).
fn never_sent(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| {
        cause.is::<ConnectError>()
            || cause
                .downcast_ref::<hyper::Error>()
                .is_some_and(|error| error.is_canceled() || error.is_closed())
            || cause.downcast_ref::<h2::Error>().is_some_and(|error| {
                let reason = error.reason();
                error.is_remote()
                    && (reason == Some(h2::Reason::REFUSED_STREAM)
                        || (error.is_go_away() && reason == Some(h2::Reason::NO_ERROR)))
            })
    })
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |error| (*error).source())
}

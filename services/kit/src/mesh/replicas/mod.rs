//! The way to a role that runs elsewhere: to all of its replicas, as they come and go.
//!
//! Names are resolved again and again. Each address behind them is connected, and must answer, before it gets calls.
//! A call that was never sent is sent to another replica, whatever it does: so replicas that leave cost no call, also
//! while the name still lists them. One that takes calls and answers none is detected by that ([`vitals`]) and
//! leaves the rotation until it answers.

mod errors;
mod keep;
mod near;
mod received;
mod replica;
#[cfg(test)]
mod tests;
mod vitals;

use std::{
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, request::Parts};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, interval_at, sleep_until, timeout_at},
};
use tonic::{body::Body, transport::Endpoint};
use tower::ServiceExt;

pub use errors::Unanswered;

use self::{
    errors::{causes, is_silence, is_unconnected, never_sent},
    replica::Replica,
    vitals::DOUBT,
};
use crate::mesh::certificates::Connector;

/// How long a call waits for a replica where there has just been one, or nobody has looked yet.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a replica is left alone that answers, but has answered no call in time for a while.
const REST: Duration = Duration::from_secs(10);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How a call is sent.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// Until when the answer must have begun.
    pub until: Instant,
    /// It does no harm to send it twice: it is given up as soon as its replica leaves the rotation.
    pub repeatable: bool,
    /// Preferably not to this one.
    pub not_to: Option<SocketAddr>,
}

/// All replicas of a role; cheap to clone. Calls go to one after the other.
#[derive(Clone)]
pub struct Replicas(Arc<Shared>);

struct Shared {
    /// The one that is there, or nobody: an address was given, and no name.
    fixed: bool,
    /// By TLS, where there is one.
    connector: Option<Connector>,
    up: watch::Sender<Up>,
    turn: AtomicUsize,
    /// Told when a call finds a replica gone, or none.
    gone: Arc<Notify>,
}

/// Those that get calls.
struct Up {
    replicas: Vec<Replica>,
    /// How many addresses the name has.
    found: usize,
    /// Those that get none until then, although they answer.
    resting: Vec<(SocketAddr, Instant)>,
    /// When there last was one; at first, when the search began.
    seen: Instant,
}

impl Replicas {
    /// Those behind the hosts of endpoints.
    pub fn of(endpoints: Vec<Endpoint>, connector: Option<Connector>) -> Self {
        let host = |endpoint: &Endpoint| {
            let host = endpoint.uri().host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
            (host, endpoint.uri().port_u16().unwrap_or(if connector.is_some() { 443 } else { 80 }))
        };
        let hosts: Vec<(String, u16)> = endpoints.iter().map(host).collect();
        if let ([endpoint], [(host, port)]) = (&endpoints[..], &hosts[..])
            && let Ok(address) = host.parse()
        {
            // There is nothing to look for and nobody else to send to: it connects when it is used.
            let endpoint = keep::kept(endpoint.clone());
            let channel = keep::lazy(&endpoint, connector.as_ref());
            let replica = Replica::new(SocketAddr::new(address, *port), channel, connector.clone());
            return Self::new(true, connector, vec![replica]);
        }
        Self::found_by(connector, move || keep::resolve(hosts.clone()))
    }

    /// Those at the addresses that `look` finds, each time that it is asked.
    fn found_by<L, F>(connector: Option<Connector>, look: L) -> Self
    where
        L: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        let replicas = Self::new(false, connector, Vec::new());
        tokio::spawn(keep::keep(Arc::downgrade(&replicas.0), replicas.0.gone.clone(), look));
        replicas
    }

    fn new(fixed: bool, connector: Option<Connector>, replicas: Vec<Replica>) -> Self {
        let found = replicas.len();
        let (up, _) = watch::channel(Up { replicas, found, resting: Vec::new(), seen: Instant::now() });
        Self(Arc::new(Shared { fixed, connector, up, turn: AtomicUsize::new(0), gone: Arc::default() }))
    }

    /// Whether there is somebody else to send a call to that one has not answered.
    pub fn are_several(&self) -> bool {
        self.0.up.borrow().replicas.len() > 1
    }

    /// Sends a call to one of them; where it could not be sent, to another.
    pub async fn send(
        &self,
        attempt: Attempt,
        parts: &Parts,
        message: &Bytes,
    ) -> Result<Response<Body>, Unanswered> {
        let mut sent = 0;
        loop {
            let replica = self.next(attempt.not_to).await?;
            let failed = match self.follow(&replica, attempt, replica.send(parts, message)).await {
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
    pub async fn send_once(
        &self,
        until: Instant,
        request: Request<Body>,
    ) -> Result<Response<Body>, Unanswered> {
        let replica = self.next(None).await?;
        let answer = async { Ok(replica.channel.clone().oneshot(request).await?) };
        self.follow(&replica, Attempt { until, repeatable: false, not_to: None }, answer).await
    }

    /// What comes of a call to one of them, and what that says of it.
    async fn follow(
        &self,
        replica: &Replica,
        attempt: Attempt,
        answer: impl Future<Output = Result<Response<Body>, BoxError>>,
    ) -> Result<Response<Body>, Unanswered> {
        let unanswered = |never_sent, given_up, cause| Unanswered {
            never_sent,
            given_up,
            by: Some(replica.address),
            cause,
        };
        let (vitals, sent) = (&replica.vitals, Instant::now());
        let mut answer = pin!(answer);
        let mut doubt = interval_at(sent + DOUBT, DOUBT);
        let answer = loop {
            tokio::select! {
                biased;
                answer = &mut answer => break answer,
                () = vitals.ejected(), if attempt.repeatable => {
                    return Err(unanswered(false, true, "the replica does not answer any more".into()));
                }
                () = sleep_until(attempt.until) => {
                    if vitals.missed(sent) {
                        self.0.eject(replica, "it has answered no call in time for a while", Some(REST));
                    }
                    return Err(unanswered(false, true, "the replica did not answer in time".into()));
                }
                _ = doubt.tick() => self.0.doubt(replica),
            }
        };
        let error = match answer {
            Ok(response) => {
                vitals.received();
                return Ok(response);
            }
            Err(error) => error,
        };
        if causes(&*error).any(is_unconnected) {
            self.0.forget(replica);
        } else if causes(&*error).any(is_silence) {
            self.0.eject(replica, "its connection was silent", None);
        }
        Err(unanswered(never_sent(&*error), false, error))
    }

    /// The next in turn.
    async fn next(&self, not_to: Option<SocketAddr>) -> Result<Replica, Unanswered> {
        let mut up = self.0.up.subscribe();
        let until = up.borrow().seen + PATIENCE;
        let nobody =
            || Unanswered { never_sent: true, given_up: false, by: None, cause: "no replica answers".into() };
        let Ok(Ok(up)) = timeout_at(until, up.wait_for(|up| !up.replicas.is_empty())).await else {
            self.0.gone.notify_one();
            return Err(nobody());
        };
        let turn = self.0.turn.fetch_add(1, Ordering::Relaxed);
        let from_here = (0..up.replicas.len()).map(|place| &up.replicas[(turn + place) % up.replicas.len()]);
        let other = from_here.clone().find(|replica| Some(replica.address) != not_to);
        other.or_else(|| from_here.clone().next()).cloned().ok_or_else(nobody)
    }
}

impl Shared {
    /// A replica that is not there gets no calls until it is connected again.
    fn forget(&self, gone: &Replica) {
        if !self.fixed {
            self.change(|up| up.replicas.retain(|replica| replica.address != gone.address));
            self.gone.notify_one();
        }
    }

    /// Takes a replica out of the rotation that is there but answers nothing, until it answers, and not before
    /// `rest` is over. At most half of all are taken out: where most are slow, it is not their fault.
    fn eject(&self, silent: &Replica, why: &str, rest: Option<Duration>) {
        if self.fixed {
            return;
        }
        let ejected = self.up.send_if_modified(|up| {
            let is_it = |replica: &Replica| Arc::ptr_eq(&replica.vitals, &silent.vitals);
            let out = up.found.saturating_sub(up.replicas.len()) + 1;
            if out * 2 > up.found || !up.replicas.iter().any(is_it) {
                return false;
            }
            up.seen = Instant::now();
            up.replicas.retain(|replica| !is_it(replica));
            up.resting.extend(rest.map(|rest| (silent.address, Instant::now() + rest)));
            true
        });
        if ejected {
            tracing::warn!(address = %silent.address, why, "replica.ejected");
            silent.vitals.eject();
            self.gone.notify_one();
        }
    }

    /// Asks a replica whether it lives that has let a call wait, and said nothing else meanwhile.
    fn doubt(self: &Arc<Self>, replica: &Replica) {
        let Some(asking) = replica.vitals.ask() else { return };
        let (shared, replica) = (Arc::downgrade(self), replica.clone());
        tokio::spawn(async move {
            let asked = Instant::now();
            let silent = !vitals::answers(&replica.channel).await && !replica.vitals.heard_since(asked);
            if let Some(shared) = shared.upgrade().filter(|_| silent) {
                shared.eject(&replica, "it does not answer", None);
            }
            drop(asking);
        });
    }

    fn change(&self, change: impl FnOnce(&mut Up)) {
        self.up.send_modify(|up| {
            if !up.replicas.is_empty() {
                up.seen = Instant::now();
            }
            change(up);
        });
    }
}

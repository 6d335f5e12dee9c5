//! Whether a replica lives. That its address takes connections says nothing: the kernel does that for a process that
//! is stopped or stuck.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tonic::{Code, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

/// How long a call waits before its replica is asked whether it lives, if nothing else is received from it.
pub const DOUBT: Duration = Duration::from_millis(500);
/// How long a replica may take to say that it lives.
const ANSWER: Duration = Duration::from_secs(1);
/// So many calls that were not answered in time, one after the other, are no accident.
const MISSED: u32 = 5;

/// What is known of a connection to a replica.
#[derive(Debug)]
pub struct Vitals {
    last_received: Mutex<Instant>,
    /// Calls not answered in time since one was answered.
    missed: AtomicU32,
    asking: AtomicBool,
    ejected: CancellationToken,
}

impl Default for Vitals {
    /// Of one that has just answered.
    fn default() -> Self {
        Self {
            last_received: Mutex::new(Instant::now()),
            missed: AtomicU32::new(0),
            asking: AtomicBool::new(false),
            ejected: CancellationToken::new(),
        }
    }
}

impl Vitals {
    /// It answered a call.
    pub fn received(&self) {
        *self.last_received.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.missed.store(0, Ordering::Relaxed);
    }

    /// Whether it has answered anything since then.
    pub fn heard_since(&self, then: Instant) -> bool {
        *self.last_received.lock().unwrap_or_else(PoisonError::into_inner) > then
    }

    /// It did not answer a call in time that was sent then. True where that has happened too often.
    pub fn missed(&self, sent: Instant) -> bool {
        !self.heard_since(sent) && self.missed.fetch_add(1, Ordering::Relaxed) + 1 >= MISSED
    }

    /// Takes the turn to ask whether it lives; nobody else's, and only where nothing was received lately.
    pub fn ask(self: &Arc<Self>) -> Option<Asking> {
        let quiet = !self.heard_since(Instant::now() - DOUBT);
        (quiet && !self.asking.swap(true, Ordering::Relaxed)).then(|| Asking(self.clone()))
    }

    /// From now on it gets no calls.
    pub fn eject(&self) {
        self.ejected.cancel();
    }

    /// Ends when it gets no calls any more.
    pub async fn ejected(&self) {
        self.ejected.cancelled().await;
    }
}

/// A question under way.
pub struct Asking(Arc<Vitals>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.asking.store(false, Ordering::Relaxed);
    }
}

/// Whether a process at the other end answers (grpc.health.v1), whatever it says of its services.
pub async fn answers(channel: &Channel) -> bool {
    let mut client = HealthClient::new(channel.clone());
    // Codes that stand for no answer, or for one that somebody in between made.
    let nobody = [Code::Unavailable, Code::DeadlineExceeded, Code::Cancelled, Code::Unknown];
    match timeout(ANSWER, client.check(HealthCheckRequest::default())).await {
        Ok(Ok(_)) => true,
        Ok(Err(status)) => !nobody.contains(&status.code()),
        Err(_) => false,
    }
}

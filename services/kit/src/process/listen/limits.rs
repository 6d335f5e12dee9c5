//! What clients may cost.

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use tokio::sync::Notify;

use super::intake::Intake;
use crate::client::Proxies;

/// What clients may cost; one for all ports of a process, cheap to clone.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How long a reader may take nothing of an answer, and a sender may send nothing of a request over REST.
    pub send_timeout: Duration,
    /// How long an HTTP/1.1 connection without a request is kept.
    pub idle_timeout: Duration,
    /// Connections of one address to one port.
    pub connections: usize,
    /// Whose connections are not counted: all their clients'.
    pub proxies: Proxies,
    pub(super) intake: Arc<Intake>,
    pub(super) all: Arc<Total>,
}

#[derive(Debug)]
pub(super) struct Total {
    pub most: usize,
    pub bytes: AtomicUsize,
    /// Calls that wait for room.
    pub waiting: AtomicUsize,
    pub room: Notify,
}

impl Default for Limits {
    fn default() -> Self {
        Self::new(Duration::from_secs(30), Duration::from_secs(90), 64 << 20, 64 << 20)
    }
}

impl Limits {
    /// Of answers under way there may be so many bytes in all, and of requests.
    pub fn new(send_timeout: Duration, idle_timeout: Duration, answers: usize, requests: usize) -> Self {
        let (waiting, room) = (AtomicUsize::new(0), Notify::new());
        let all = Arc::new(Total { most: answers, bytes: AtomicUsize::new(0), waiting, room });
        let (connections, proxies, intake) = (usize::MAX, Proxies::default(), Intake::new(requests));
        Self { send_timeout, idle_timeout, connections, proxies, intake, all }
    }
}

//! What clients may cost.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError, Weak, atomic::AtomicUsize},
    time::Duration,
};

use tokio::sync::Notify;

use super::intake::Intake;
use crate::{client::Proxies, limits::network};

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
    /// What the answers to each address hold, for as long as it has a connection.
    clients: Mutex<HashMap<IpAddr, Weak<AtomicUsize>>>,
}

/// So many addresses may be gone from the table and still in it.
const GONE: usize = 1_024;

impl Total {
    /// What the answers to an address hold.
    pub(super) fn of(&self, client: IpAddr) -> Arc<AtomicUsize> {
        let client = network(client);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = clients.get(&client).and_then(Weak::upgrade) {
            return held;
        }
        // Looked through only when it would grow, so that a connection does not pay for all others.
        if clients.len() == clients.capacity() && clients.len() >= GONE {
            clients.retain(|_, held| held.strong_count() > 0);
        }
        let held = Arc::new(AtomicUsize::new(0));
        clients.insert(client, Arc::downgrade(&held));
        held
    }
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
        let (bytes, clients) = (AtomicUsize::new(0), Mutex::default());
        let all = Arc::new(Total { most: answers, bytes, waiting, room, clients });
        let (connections, proxies, intake) = (usize::MAX, Proxies::default(), Intake::new(requests));
        Self { send_timeout, idle_timeout, connections, proxies, intake, all }
    }
}

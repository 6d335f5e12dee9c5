//! Finds replicas, connects those that answer, and forgets those whose address is gone.

use std::{
    collections::HashSet,
    io,
    net::SocketAddr,
    sync::{Arc, Weak},
    time::Duration,
};

use futures::future::join_all;
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};
use tonic::transport::{Channel, Endpoint};

use super::{Shared, errors::causes, replica::Replica, vitals};
use crate::mesh::certificates::Connector;

/// How often it looks: without need, and while somebody is missing that calls are waiting for.
const INTERVAL: Duration = Duration::from_secs(3);
const SOON: Duration = Duration::from_millis(300);
/// How long it looks often for one that is gone.
const OFTEN: Duration = Duration::from_secs(10);
/// Room for the details of an error, which travel in a header.
pub(super) const HEADERS: u32 = 64 * 1024;

/// Windows of a call and of a connection. A call's are small beside the connection's, so that answers that are not
/// taken yet (a slow reader's export) hold up no other.
pub(super) const CALL_WINDOW: u32 = 128 * 1024;
pub(super) const CONNECTION_WINDOW: u32 = 64 * 1024 * 1024;
/// How long connecting may take, how often a connection is asked whether it is still there, and how long that may take.
pub(super) const CONNECT: Duration = Duration::from_secs(1);
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(5);
pub(super) const KEEP_ALIVE_ANSWER: Duration = Duration::from_secs(3);

/// How every connection between roles is kept.
pub fn kept(endpoint: Endpoint) -> Endpoint {
    endpoint
        .connect_timeout(CONNECT)
        .tcp_keepalive(Some(Duration::from_secs(30)))
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_ANSWER)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(CALL_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_max_header_list_size(HEADERS)
}

/// A connection that begins when it is used.
pub fn lazy(endpoint: &Endpoint, connector: Option<&Connector>) -> Channel {
    match connector {
        Some(connector) => endpoint.connect_with_connector_lazy(connector.clone()),
        None => endpoint.connect_lazy(),
    }
}

/// The addresses behind some hosts.
pub async fn resolve(hosts: Vec<(String, u16)>) -> io::Result<Vec<SocketAddr>> {
    let (mut found, mut failed) = (Vec::new(), None);
    for addresses in join_all(hosts.into_iter().map(tokio::net::lookup_host)).await {
        match addresses {
            Ok(addresses) => found.extend(addresses),
            Err(error) => failed = Some(error),
        }
    }
    // Whoever is behind a name that cannot be resolved now may be there still.
    failed.map_or(Ok(found), Err)
}

/// Keeps replicas at the addresses that `look` finds, until nobody sends to them any more. `gone` says that one
/// does not answer.
pub async fn keep<L, F>(shared: Weak<Shared>, gone: Arc<Notify>, look: L)
where
    L: Fn() -> F + Send,
    F: Future<Output = io::Result<Vec<SocketAddr>>> + Send,
{
    let mut found = HashSet::new();
    let mut often_until = Instant::now() + OFTEN;
    loop {
        match look().await {
            Ok(addresses) => found = addresses.into_iter().collect(),
            // Whoever was there may be there still.
            Err(error) => tracing::debug!(%error, "a name cannot be resolved"),
        }
        let Some(shared) = shared.upgrade() else { return };
        let missing = agree(&shared, &found);
        join_all(missing.into_iter().map(|address| connect(&shared, address))).await;

        let complete = shared.up.borrow().replicas.len() == found.len() && !found.is_empty();
        drop(shared);
        sleep(SOON).await;
        if complete || Instant::now() > often_until {
            tokio::select! {
                () = sleep(INTERVAL) => {}
                () = gone.notified() => often_until = Instant::now() + OFTEN,
            }
        }
    }
}

/// Lets go of those that were not found again; returns which of the others are not connected.
fn agree(shared: &Shared, found: &HashSet<SocketAddr>) -> Vec<SocketAddr> {
    let now = Instant::now();
    shared.change(|up| {
        up.found = found.len();
        up.replicas.retain(|replica| found.contains(&replica.address));
        up.resting.retain(|(address, until)| found.contains(address) && *until > now);
    });
    let up = shared.up.borrow();
    let there = up.replicas.iter().map(|replica| replica.address);
    let known: HashSet<SocketAddr> = there.chain(up.resting.iter().map(|(address, _)| *address)).collect();
    found.difference(&known).copied().collect()
}

/// Connects one, and lets it have calls once it has answered: that it can be connected says nothing.
async fn connect(shared: &Shared, address: SocketAddr) {
    let Ok(endpoint) = Endpoint::from_shared(format!("http://{address}")) else { return };
    let endpoint = kept(endpoint);
    let connected = match shared.connector.clone() {
        Some(connector) => endpoint.connect_with_connector(connector).await,
        None => endpoint.connect().await,
    };
    match connected {
        Ok(channel) if vitals::answers(&channel).await => {
            let replica = Replica::new(address, channel, shared.connector.clone());
            shared.change(|up| up.replicas.push(replica));
        }
        Ok(_) => tracing::debug!(%address, "a replica does not answer"),
        Err(error) => {
            let cause = causes(&error).last().map(ToString::to_string);
            tracing::debug!(%error, cause, %address, "a replica cannot be connected");
        }
    }
}

//! Channels over every address that a name has: tonic resolves a name once and then keeps its connection,
//! so replicas that come and go would not be noticed.

use std::{collections::HashSet, net::SocketAddr, time::Duration};

use tonic::transport::{Channel, Endpoint, channel::Change};

/// How often names are resolved again.
const INTERVAL: Duration = Duration::from_secs(3);

/// Room for the details of an error, which travel in a header.
const HEADERS: u32 = 64 * 1024;

/// How every connection between roles is kept.
fn kept(endpoint: Endpoint) -> Endpoint {
    endpoint
        .connect_timeout(Duration::from_secs(1))
        .tcp_keepalive(Some(Duration::from_secs(30)))
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(5))
        .keep_alive_timeout(Duration::from_secs(3))
        .keep_alive_while_idle(true)
        .http2_max_header_list_size(HEADERS)
}

/// A channel for an endpoint: as it is where its host is an address, balanced over the addresses behind a
/// name otherwise. It connects when it is used.
pub fn balanced(endpoint: Endpoint) -> Channel {
    let uri = endpoint.uri().clone();
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    if host.parse::<std::net::IpAddr>().is_ok() || host == "localhost" {
        return kept(endpoint).connect_lazy();
    }
    let port = uri.port_u16().unwrap_or(80);
    let (channel, changes) = Channel::balance_channel::<SocketAddr>(64);
    tokio::spawn(async move {
        let mut known: HashSet<SocketAddr> = HashSet::new();
        loop {
            match tokio::net::lookup_host((host.as_str(), port)).await {
                Ok(found) => {
                    let found: HashSet<SocketAddr> = found.collect();
                    for gone in known.difference(&found) {
                        if changes.send(Change::Remove(*gone)).await.is_err() {
                            return;
                        }
                    }
                    for new in found.difference(&known) {
                        let Ok(address) = Endpoint::from_shared(format!("http://{new}")) else { continue };
                        if changes.send(Change::Insert(*new, kept(address))).await.is_err() {
                            return;
                        }
                    }
                    known = found;
                }
                Err(error) => tracing::debug!(%error, host, "a name cannot be resolved"),
            }
            tokio::time::sleep(INTERVAL).await;
        }
    });
    channel
}

//! The client at the far end of a call: where it is, and what it says it is.

use std::{net::IpAddr, sync::Arc};

use http::{HeaderMap, Request, header};

use crate::{
    headers::{CLIENT_ADDRESS, CLIENT_AGENT},
    listen::Peer,
};

/// The longest user agent that is kept, in characters.
const LONGEST_AGENT: usize = 256;

/// Who sent a request, as far as the network and its own headers tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// None where a service calls for itself.
    pub address: Option<IpAddr>,
    /// What the client says of itself, printable ASCII; may be empty.
    pub user_agent: Arc<str>,
}

impl Client {
    /// Reads it out of a request. A request without a peer was sent within this process: by the edge, which names the
    /// client in a header. Whoever has a peer is that peer, whatever its headers say.
    pub fn of<B>(request: &Request<B>) -> Self {
        let address = match request.extensions().get::<Peer>() {
            Some(peer) => Some(peer.0.ip()),
            None => text(request.headers(), CLIENT_ADDRESS).and_then(|text| text.parse().ok()),
        };
        let agent = text(request.headers(), CLIENT_AGENT)
            .or_else(|| text(request.headers(), header::USER_AGENT.as_str()))
            .unwrap_or_default();
        let agent: String = agent.chars().take(LONGEST_AGENT).collect();
        // A dual-stack socket sees IPv4 clients as IPv6 ones.
        Self { address: address.map(|address| address.to_canonical()), user_agent: agent.into() }
    }

    /// The address as text; empty where there is none.
    pub fn address_text(&self) -> String {
        self.address.map(|address| address.to_string()).unwrap_or_default()
    }

    /// Whom limits count together: an IPv4 address, or the 64 bits that one customer of a network has of IPv6. Empty
    /// where there is no address.
    pub fn source(&self) -> String {
        match self.address {
            None => String::new(),
            Some(IpAddr::V4(address)) => address.to_string(),
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        }
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(peer: Option<&str>, headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::new(());
        if let Some(peer) = peer {
            request.extensions_mut().insert(Peer(peer.parse().unwrap()));
        }
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        request
    }

    #[test]
    fn only_the_edge_within_the_process_says_where_a_client_is() {
        let said = [(CLIENT_ADDRESS, "203.0.113.7"), (CLIENT_AGENT, "curl/8"), ("user-agent", "tonic")];
        let client = Client::of(&request(None, &said));
        assert_eq!((client.address_text().as_str(), &*client.user_agent), ("203.0.113.7", "curl/8"));
        let client = Client::of(&request(Some("[::ffff:192.0.2.1]:99"), &said));
        assert_eq!(client.address_text(), "192.0.2.1");
        assert_eq!(Client::of(&request(None, &[])), Client::default());
    }

    #[test]
    fn what_one_customer_has_of_ipv6_is_one_source() {
        let source = |peer: &str| Client::of(&request(Some(peer), &[])).source();
        assert_eq!(source("[2001:db8:1:2:3:4:5:6]:1"), source("[2001:db8:1:2:ffff::9]:1"));
        assert_ne!(source("[2001:db8:1:2::1]:1"), source("[2001:db8:1:3::1]:1"));
        assert_ne!(source("192.0.2.1:1"), source("192.0.2.2:1"));
    }

    #[test]
    fn a_long_agent_is_cut() {
        let long = "x".repeat(1_000);
        assert_eq!(Client::of(&request(None, &[(CLIENT_AGENT, &long)])).user_agent.len(), LONGEST_AGENT);
    }
}

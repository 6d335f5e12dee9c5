//! Who is at the other end: the address of a client and the program that it says it is.
//!
//! A port knows its peer, which may be a reverse proxy. Of proxies that are trusted, `X-Forwarded-For` (or
//! `Forwarded`, RFC 7239) is read from the right: each entry was written by the one who is to the right of it, so the
//! first that no trusted proxy has is the client, and whatever is left of it is hearsay. The edge hands on what it
//! found by headers that count from nobody else.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use http::{HeaderMap, HeaderValue};
use ipnet::IpNet;

use crate::headers::{CLIENT_ADDRESS, CLIENT_AGENT, EDGE};

const FORWARDED_FOR: &str = "x-forwarded-for";
/// The longest name of a program that is kept, in bytes.
const LONGEST_AGENT: usize = 256;

/// The client of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// Its address; none where a service calls for itself.
    pub address: Option<IpAddr>,
    /// Its `user-agent`, of printable ASCII.
    pub agent: Option<Arc<str>>,
}

impl Client {
    /// Who sent these headers by a connection from `peer`.
    pub fn at(peer: IpAddr, headers: &HeaderMap, proxies: &Proxies) -> Self {
        let agent = headers.get(http::header::USER_AGENT).and_then(agent);
        Self { address: Some(proxies.client(peer, headers)), agent }
    }

    /// The client that the edge, or another service, says it calls for.
    pub fn handed_on(headers: &HeaderMap) -> Self {
        let address = headers.get(CLIENT_ADDRESS).and_then(|value| value.to_str().ok()?.parse().ok());
        Self { address, agent: headers.get(CLIENT_AGENT).and_then(agent) }
    }

    /// Says to the next service whom a call is for, whatever the headers said before.
    pub fn write(&self, headers: &mut HeaderMap) {
        Self::remove(headers);
        let text = self.address.and_then(|address| HeaderValue::try_from(address.to_string()).ok());
        if let Some(address) = text {
            headers.insert(CLIENT_ADDRESS, address);
        }
        if let Some(agent) = self.agent.as_deref().and_then(|agent| HeaderValue::try_from(agent).ok()) {
            headers.insert(CLIENT_AGENT, agent);
        }
    }

    /// Takes away what headers say of it.
    pub fn remove(headers: &mut HeaderMap) {
        for name in [CLIENT_ADDRESS, CLIENT_AGENT, EDGE] {
            headers.remove(name);
        }
    }
}

/// What of a program's name can be kept and shown.
fn agent(value: &HeaderValue) -> Option<Arc<str>> {
    let printable = |byte: &&u8| byte.is_ascii_graphic() || **byte == b' ';
    let kept: String =
        value.as_bytes().iter().filter(printable).take(LONGEST_AGENT).map(|byte| char::from(*byte)).collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| Arc::from(kept))
}

/// The reverse proxies that are believed; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    trusted: Arc<[IpNet]>,
    write: ForwardedHeader,
}

/// By which header proxies name their clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ForwardedHeader {
    /// By either; where a request has both and they differ, neither counts.
    #[default]
    Either,
    /// By `X-Forwarded-For`. `Forwarded` is the client's own.
    XForwardedFor,
    /// By `Forwarded` (RFC 7239). `X-Forwarded-For` is the client's own.
    Forwarded,
}

impl Proxies {
    /// Those of these networks.
    pub fn new(trusted: Vec<IpNet>) -> Self {
        Self { trusted: trusted.into(), write: ForwardedHeader::Either }
    }

    /// The same, which write that header.
    pub fn writing(mut self, header: ForwardedHeader) -> Self {
        self.write = header;
        self
    }

    /// Whether this is one of them.
    pub fn trust(&self, peer: IpAddr) -> bool {
        // A dual-stack socket sees IPv4 clients as IPv6 ones.
        let peer = peer.to_canonical();
        self.trusted.iter().any(|net| net.contains(&peer))
    }

    /// The address of whoever sent these headers by a connection from `peer`.
    ///
    /// A proxy that writes one of the two headers may pass on what a client has put into the other. Where they do not
    /// agree, neither counts.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trust(peer) {
            return peer;
        }
        let first = |name| headers.contains_key(name).then(|| self.behind(peer, headers, name));
        let written = match self.write {
            ForwardedHeader::Either => (first(FORWARDED_FOR), first("forwarded")),
            ForwardedHeader::XForwardedFor => (first(FORWARDED_FOR), None),
            ForwardedHeader::Forwarded => (None, first("forwarded")),
        };
        match written {
            (Some(one), Some(other)) if one != other => peer,
            (Some(one), _) | (None, Some(one)) => one,
            (None, None) => peer,
        }
    }

    /// The first address, from the right, that is no trusted proxy's. What cannot be read ends the search: the
    /// proxy that wrote it is all that is known.
    fn behind(&self, peer: IpAddr, headers: &HeaderMap, name: &str) -> IpAddr {
        let lines = headers.get_all(name).iter().collect::<Vec<_>>();
        let entries = lines.into_iter().rev().flat_map(|line| line.to_str().unwrap_or("?").rsplit(','));
        let mut nearest = peer;
        for entry in entries {
            let entry = if name == FORWARDED_FOR { Some(entry) } else { node(entry) };
            let Some(address) = entry.and_then(address) else { break };
            nearest = address;
            if !self.trust(address) {
                break;
            }
        }
        nearest
    }
}

/// The `for` of an element of `Forwarded`.
fn node(element: &str) -> Option<&str> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| value.trim().trim_matches('"'))
    })
}

/// An address, maybe with a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(peer: &str, headers: &[(&'static str, &str)]) -> String {
        let trusted = ["10.0.0.0/8", "2001:db8:1::/48"].map(|net| net.parse().unwrap());
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        Proxies::new(trusted.into()).client(peer.parse().unwrap(), &map).to_string()
    }

    #[test]
    fn who_knows_what_its_proxies_write_reads_that_alone() {
        let trusted = Proxies::new(vec!["10.0.0.0/8".parse().unwrap()]);
        let headers = [("x-forwarded-for", "203.0.113.5"), ("forwarded", "for=198.51.100.1")];
        let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let headers = HeaderMap::from_iter(headers);
        for (header, client) in [
            (ForwardedHeader::Either, "10.1.1.1"),
            (ForwardedHeader::XForwardedFor, "203.0.113.5"),
            (ForwardedHeader::Forwarded, "198.51.100.1"),
        ] {
            let found = trusted.clone().writing(header).client("10.1.1.1".parse().unwrap(), &headers);
            assert_eq!(found.to_string(), client);
        }
    }

    #[test]
    fn what_strangers_say_of_their_address_is_nothing() {
        for name in ["x-forwarded-for", "forwarded"] {
            assert_eq!(found("192.0.2.1", &[(name, "198.51.100.7")]), "192.0.2.1");
        }
        assert_eq!(found("::ffff:192.0.2.1", &[]), "192.0.2.1");
    }

    #[test]
    fn a_trusted_proxy_is_read_from_the_right() {
        for (lines, client) in [
            (&["203.0.113.5"][..], "203.0.113.5"),
            // What the client wrote itself is to the left.
            (&["1.2.3.4, 203.0.113.5"], "203.0.113.5"),
            (&["1.2.3.4", "203.0.113.5, 10.9.9.9"], "203.0.113.5"),
            (&["203.0.113.5:4711"], "203.0.113.5"),
            (&["[2001:db8::5]:4711"], "2001:db8::5"),
            (&["2001:db8::5, 2001:db8:1::9"], "2001:db8::5"),
            // All of them are ours: a client within.
            (&["10.3.3.3, 10.2.2.2"], "10.3.3.3"),
            (&["203.0.113.5, unknown"], "10.1.1.1"),
            (&["203.0.113.5, ünknown, 10.2.2.2"], "10.1.1.1"),
            (&[""], "10.1.1.1"),
        ] {
            let headers = lines.iter().map(|line| ("x-forwarded-for", *line)).collect::<Vec<_>>();
            assert_eq!(found("10.1.1.1", &headers), client, "{lines:?}");
        }
    }

    #[test]
    fn the_standard_header_is_read_alike() {
        for (line, client) in [
            ("for=203.0.113.5;proto=https", "203.0.113.5"),
            ("for=1.2.3.4, by=x;For=\"203.0.113.5:80\"", "203.0.113.5"),
            ("for=203.0.113.5, for=\"[2001:db8:1::2]:80\"", "203.0.113.5"),
            ("for=203.0.113.5, for=_hidden", "10.1.1.1"),
            ("proto=https", "10.1.1.1"),
        ] {
            assert_eq!(found("10.1.1.1", &[("forwarded", line)]), client, "{line}");
        }
    }

    #[test]
    fn a_header_that_the_client_slipped_past_a_proxy_does_not_count() {
        let both = [("x-forwarded-for", "203.0.113.5"), ("forwarded", "for=1.2.3.4")];
        assert_eq!(found("10.1.1.1", &both), "10.1.1.1");
        let agreed = [("x-forwarded-for", "203.0.113.5"), ("forwarded", "for=203.0.113.5")];
        assert_eq!(found("10.1.1.1", &agreed), "203.0.113.5");
    }

    #[test]
    fn a_client_is_handed_on_as_it_is() {
        let mut headers = HeaderMap::new();
        headers.insert("user-agent", HeaderValue::from_bytes("  Shöp\t/1 (x) ".as_bytes()).unwrap());
        headers.insert(CLIENT_ADDRESS, "1.2.3.4".parse().unwrap());
        headers.insert(EDGE, "forged".parse().unwrap());
        let client = Client::at("2001:db8::7".parse().unwrap(), &headers, &Proxies::default());
        assert_eq!(client.agent.as_deref(), Some("Shp/1 (x)"));
        client.write(&mut headers);
        assert_eq!(Client::handed_on(&headers), client);
        assert!(!headers.contains_key(EDGE));
        headers.insert("user-agent", "x".repeat(999).parse().unwrap());
        let long = Client::at("::1".parse().unwrap(), &headers, &Proxies::default());
        assert_eq!(long.agent.map(|agent| agent.len()), Some(LONGEST_AGENT));
        Client::default().write(&mut headers);
        assert_eq!(Client::handed_on(&headers), Client::default());
    }
}

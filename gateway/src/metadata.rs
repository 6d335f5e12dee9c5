//! Metadata of calls: which headers go upstream, and which come back.

use std::{str::FromStr, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};
use kit::headers as names;
use tonic::metadata::MetadataMap;

use crate::{
    error::Failure,
    forwarded,
    headers::{BAGGAGE, IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED, single},
    rpc::Rpc,
};

/// Headers that must not be ambiguous.
static ONCE: [&HeaderName; 2] = [&header::AUTHORIZATION, &IDEMPOTENCY_KEY];
/// Headers that go upstream as they are, beside those.
static HANDED_ON: [HeaderName; 3] = [
    HeaderName::from_static(names::REQUEST_ID),
    HeaderName::from_static(names::TRACEPARENT),
    HeaderName::from_static(names::TRACESTATE),
];
/// By which Feira's own services are told who calls.
static CLIENT: [HeaderName; 2] =
    [HeaderName::from_static(names::CLIENT_ADDRESS), HeaderName::from_static(names::CLIENT_AGENT)];

/// What belongs to a connection, to a body, or to the protocol itself: never handed on, whoever asks for it.
const OWN: [&str; 25] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "alt-svc",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-grpc-web",
    "x-real-ip",
];
/// The same by what they begin with.
const OWN_PREFIXES: [&str; 6] = ["grpc-", "connect-", "access-control-", "sec-", "x-feira-", "x-forwarded-"];

/// Which headers pass between clients and a service, beside those that the service's contract names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forward {
    /// Of requests.
    pub request: Vec<Allowed>,
    /// Of answers.
    pub response: Vec<Allowed>,
    /// Whether the service is not Feira's: it is told by `X-Forwarded-*` and `Forwarded` for whom a call is, and where its
    /// client reaches the edge.
    pub foreign: bool,
}

/// A header that is let through by its name, or all whose names begin alike (`x-*`), or all (`*`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// The one of this name.
    Name(HeaderName),
    /// Those whose names begin so.
    Prefix(String),
}

impl FromStr for Allowed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no name of a header, such as `x-tenant`, `x-*` or `*`");
        let lower = text.trim().to_ascii_lowercase();
        let name = lower.strip_suffix('*').unwrap_or(&lower);
        if name.len() < lower.len() && name.is_empty() {
            return Ok(Self::Prefix(String::new()));
        }
        // A name may have a star, which means something else here.
        let parsed = name.parse::<HeaderName>().ok().filter(|name| !name.as_str().contains('*'));
        let parsed = parsed.ok_or_else(wrong)?;
        if name.len() < lower.len() {
            return Ok(Self::Prefix(name.to_owned()));
        }
        if is_own(&parsed) {
            return Err(format!(
                "`{text}` belongs to the connection or the protocol, and is never handed on"
            ));
        }
        Ok(Self::Name(parsed))
    }
}

impl Allowed {
    /// The one name that it lets through; nothing where names that begin alike are meant.
    pub fn name(&self) -> Option<&HeaderName> {
        match self {
            Self::Name(name) => Some(name),
            Self::Prefix(_) => None,
        }
    }

    fn has(&self, name: &HeaderName) -> bool {
        match self {
            Self::Name(allowed) => allowed == name,
            Self::Prefix(prefix) => name.as_str().starts_with(prefix.as_str()) && !is_own(name),
        }
    }
}

/// Takes away the headers that a request names as its connection's alone (RFC 9110, 7.6.1). Those that always are stay:
/// nobody hands them on, and what frames the request, or says whose it is, is no client's to hide.
pub fn end_at_connection(headers: &mut HeaderMap) {
    let lines = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let named: Vec<HeaderName> =
        lines.flat_map(|line| line.split(',')).filter_map(|name| name.trim().parse().ok()).collect();
    for name in named.iter().filter(|name| !is_own(name)) {
        headers.remove(name);
    }
}

fn is_own(name: &HeaderName) -> bool {
    let name = name.as_str();
    OWN.contains(&name) || OWN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Copies those of some headers that are let through, and are not there yet.
fn copy(allowed: &[Allowed], from: &HeaderMap, to: &mut HeaderMap) {
    if allowed.is_empty() {
        return;
    }
    for name in from.keys() {
        if !to.contains_key(name) && allowed.iter().any(|allowed| allowed.has(name)) {
            from.get_all(name).iter().for_each(|value| _ = to.append(name, value.clone()));
        }
    }
}

/// The same, of what a caller may choose at will: as long as a service need take it.
static HANDED_ON_WITHIN_BOUNDS: [&HeaderName; 2] = [&header::ACCEPT_LANGUAGE, &BAGGAGE];
/// Bytes of such a header at most (W3C Baggage, 3.3.2); of more, a part would say something else.
const MOST: usize = 8_192;

/// The metadata of a call: what every method gets, and what this one asks for. `timeout` becomes the
/// call's deadline.
pub fn of(request: &Parts, rpc: &Rpc, timeout: Option<Duration>) -> Result<MetadataMap, Failure> {
    let (headers, forward) = (&request.headers, &rpc.way.forward);
    let mut out = HeaderMap::with_capacity(8);
    for name in ONCE {
        if single(headers, name)?.is_some()
            && let Some(value) = headers.get(name)
        {
            out.insert(name, value.clone());
        }
    }
    let client: &[HeaderName] = if forward.foreign { &[] } else { &CLIENT };
    for name in HANDED_ON.iter().chain(client).chain(&rpc.request_headers) {
        if out.contains_key(name) {
            continue;
        }
        for value in headers.get_all(name) {
            out.append(name, value.clone());
        }
    }
    copy(&forward.request, headers, &mut out);
    if forward.foreign {
        forwarded::tell(request, &mut out);
    }
    for name in HANDED_ON_WITHIN_BOUNDS {
        let values = || headers.get_all(name).iter();
        if !out.contains_key(name) && values().map(HeaderValue::len).sum::<usize>() <= MOST {
            values().for_each(|value| _ = out.append(name, value.clone()));
        }
    }
    // What is left of it by now, not the caller's own header.
    if let Some(timeout) = timeout {
        out.insert(names::GRPC_TIMEOUT, names::timeout_value(timeout));
    }
    Ok(MetadataMap::from_headers(out))
}

/// What of an answer's metadata becomes headers: what every method gives, and what this one names.
pub fn returned(metadata: &MetadataMap, rpc: &Rpc) -> HeaderMap {
    returned_headers(metadata.as_ref(), rpc)
}

/// The same of headers or trailers.
pub fn returned_headers(metadata: &HeaderMap, rpc: &Rpc) -> HeaderMap {
    let mut out = HeaderMap::new();
    for name in std::iter::once(&IDEMPOTENCY_REPLAYED).chain(&rpc.response_headers) {
        if let Some(value) = metadata.get(name) {
            out.insert(name, HeaderValue::clone(value));
        }
    }
    copy(&rpc.way.forward.response, metadata, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(allowed: &str, sent: &[&str]) -> Vec<String> {
        let allowed = allowed.split(',').map(|name| name.parse().unwrap()).collect::<Vec<Allowed>>();
        let header = |name: &&str| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_static("1"));
        let from = sent.iter().map(header).collect();
        let mut to = HeaderMap::new();
        copy(&allowed, &from, &mut to);
        let mut names: Vec<_> = to.keys().map(ToString::to_string).collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_not_named_is_not_handed_on() {
        let sent =
            ["x-tenant", "x-other", "cookie", "host", "grpc-timeout", "x-forwarded-for", "x-feira-edge"];
        assert_eq!(passed("x-tenant", &sent), ["x-tenant"]);
        assert_eq!(passed("X-*", &sent), ["x-other", "x-tenant"]);
        assert_eq!(passed("*", &sent), ["cookie", "x-other", "x-tenant"]);
        assert_eq!(passed("x-t*,cookie", &sent), ["cookie", "x-tenant"]);
    }

    #[test]
    fn what_is_said_to_be_the_connections_own_ends_there() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "Close, X-Tenant,, b@d"),
            ("connection", "authorization, content-length, x-forwarded-for"),
            ("x-tenant", "t"),
            ("authorization", "a"),
            ("content-length", "1"),
            ("x-forwarded-for", "10.9.8.7"),
            ("x-other", "o"),
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        end_at_connection(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["connection", "content-length", "x-forwarded-for", "x-other"]);
    }

    #[test]
    fn what_belongs_to_the_connection_cannot_be_named() {
        for wrong in
            ["", "host", "Content-Length", "grpc-timeout", "x-feira-edge", "x-real-ip", "a b", "*x", "x-**"]
        {
            assert!(wrong.parse::<Allowed>().is_err(), "{wrong}");
        }
    }
}

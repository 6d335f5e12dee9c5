//! How services that are not Feira's are told whom a call is for, and where its client reaches the edge: by
//! `X-Forwarded-For`, `-Proto`, `-Host` and `-Prefix`, and by `Forwarded` (RFC 7239). What clients send by those names is
//! no part of it, but for what trusted proxies say.

use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};

use crate::{
    base::Base,
    headers::{CLIENT_ADDRESS, FORWARDED_HOST, FORWARDED_PREFIX, FORWARDED_PROTO},
};

const FORWARDED_FOR: &str = "x-forwarded-for";
/// The longest host that is handed on; no name is longer (RFC 1035, 2.3.4), and a port has six characters.
const LONGEST_HOST: usize = 261;

/// Tells a service of a request.
pub fn tell(request: &Parts, out: &mut HeaderMap) {
    let base = Base::of(request);
    let client = request.headers.get(&CLIENT_ADDRESS).and_then(|address| address.to_str().ok());
    let proto = if base.is_https() { "https" } else { "http" };
    let host = host(request, base);
    let prefix = Some(base.prefix()).filter(|prefix| !prefix.is_empty());
    let mut element = Vec::new();
    if let Some(client) = client {
        element.push(if client.contains(':') {
            format!("for=\"[{client}]\"")
        } else {
            format!("for={client}")
        });
    }
    if let Some(host) = host {
        element.push(format!("host=\"{host}\""));
    }
    element.push(format!("proto={proto}"));
    let element = element.join(";");
    let names = [
        (HeaderName::from_static(FORWARDED_FOR), client),
        (HeaderName::from_static(FORWARDED_PROTO), Some(proto)),
        (HeaderName::from_static(FORWARDED_HOST), host),
        (HeaderName::from_static(FORWARDED_PREFIX), prefix),
        (header::FORWARDED, Some(element.as_str())),
    ];
    for (name, value) in names {
        out.extend(value.and_then(|value| HeaderValue::try_from(value).ok()).map(|value| (name, value)));
    }
}

/// The host that the client asks: that of `--public-url`, or what a trusted proxy says, else the request's own.
fn host<'r>(request: &'r Parts, base: &'r Base) -> Option<&'r str> {
    let known = base.origin().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    let own = || {
        let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        host.or(request.uri.authority().map(|authority| authority.as_str()))
    };
    let quotable = |host: &&str| {
        !host.is_empty() && host.len() <= LONGEST_HOST && !host.contains(['"', '\\', '@']) && host.is_ascii()
    };
    known.or_else(own).filter(quotable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(headers: &[(&'static str, &'static str)]) -> Vec<(String, String)> {
        let mut request = http::Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let mut out = HeaderMap::new();
        tell(&parts, &mut out);
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        out.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
    }

    #[test]
    fn addresses_and_hosts_are_written_as_the_standard_has_them() {
        for (client, host, forwarded) in [
            ("192.0.2.1", "shop.example:8080", "for=192.0.2.1;host=\"shop.example:8080\";proto=http"),
            ("2001:db8::1", "[::1]:80", "for=\"[2001:db8::1]\";host=\"[::1]:80\";proto=http"),
            ("192.0.2.1", "a\"b", "for=192.0.2.1;proto=http"),
        ] {
            let told =
                told(&[("x-feira-client-address", client), ("host", host), ("forwarded", "for=1.2.3.4")]);
            assert!(told.contains(&("forwarded".to_owned(), forwarded.to_owned())), "{told:?}");
            assert!(told.contains(&("x-forwarded-for".to_owned(), client.to_owned())), "{told:?}");
        }
        assert_eq!(told(&[]).len(), 2, "the protocol is always known");
    }
}

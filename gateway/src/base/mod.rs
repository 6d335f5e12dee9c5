//! Where clients reach the edge: behind a reverse proxy its own address is not theirs, and its paths may begin with
//! a prefix.
//!
//! The operator says so by `--public-url`; a trusted proxy may say it of each request (`X-Forwarded-Prefix`, `-Proto`
//! and `-Host`). What anybody else sends by those headers is nothing: a link made of it would lead where a stranger
//! wants.

#[cfg(test)]
mod tests;

use std::{net::IpAddr, sync::Arc};

use http::{HeaderMap, Request, Uri, request::Parts, uri::Authority};
use ipnet::IpNet;
use kit::{
    client::{Client, Proxies},
    listen::{Encrypted, Held, Peer},
};
use url::Url;

use crate::headers::{FORWARDED_HOST, FORWARDED_PREFIX, FORWARDED_PROTO};

/// The longest prefix that a proxy may name.
const LONGEST: usize = 200;

/// Where a request's client reaches the edge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Base {
    /// Scheme and host, where they are known: `https://shop.example`.
    origin: Option<String>,
    /// What all paths begin with: `/api`, or nothing.
    prefix: String,
    /// Whether clients come by TLS, whatever is known of the origin.
    secure: bool,
}

impl Base {
    /// What `--public-url` says.
    fn of_url(url: &Url) -> Self {
        let prefix = url.path().trim_end_matches('/').to_owned();
        Self { origin: Some(url.origin().ascii_serialization()), prefix, secure: false }
    }

    /// That of a request, as [`Reach::resolve`] found it.
    pub fn of(request: &Parts) -> &Self {
        static NONE: Base = Base { origin: None, prefix: String::new(), secure: false };
        request.extensions.get::<Arc<Base>>().map_or(&NONE, |base| base)
    }

    /// Scheme and host, where they are known.
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// What all paths begin with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// A path of the edge as the client reaches it.
    pub fn path(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// The same with scheme and host, where these are known.
    pub fn url(&self, path: &str) -> String {
        format!("{}{}{path}", self.origin.as_deref().unwrap_or_default(), self.prefix)
    }

    /// Where the edge begins, for who puts paths behind it: a URL or a path, `/` where nothing is known.
    pub fn root(&self) -> String {
        match self.url("") {
            root if root.is_empty() => "/".to_owned(),
            root => root,
        }
    }

    /// The path that a URL of this edge leads to; nothing of those that lead elsewhere. A path of its own has no
    /// prefix to take away: it is none that the edge gave.
    pub fn inside<'u>(&self, url: &'u str) -> Option<&'u str> {
        let path = match &self.origin {
            Some(origin) => url.strip_prefix(origin.as_str()).unwrap_or(url),
            None => url,
        };
        path.strip_prefix(self.prefix.as_str()).filter(|path| path.starts_with('/'))
    }

    /// Whether nothing is known: everything stays as it is.
    pub fn is_unknown(&self) -> bool {
        self.origin.is_none() && self.prefix.is_empty()
    }

    /// Whether clients come by TLS.
    pub fn is_https(&self) -> bool {
        self.secure || self.origin.as_ref().is_some_and(|origin| origin.starts_with("https:"))
    }
}

/// What is known of how the edge is reached.
#[derive(Debug)]
pub struct Reach {
    public: Arc<Base>,
    /// The same for who comes by TLS to this very port.
    encrypted: Arc<Base>,
    proxies: Proxies,
}

impl Reach {
    /// `public` is where the operator says that clients reach the edge, `proxies` are those that may say
    /// otherwise.
    pub fn new(public: Option<&Url>, proxies: Proxies) -> Self {
        let public = public.map(Base::of_url).unwrap_or_default();
        let encrypted = Arc::new(Base { secure: true, ..public.clone() });
        Self { public: Arc::new(public), encrypted, proxies }
    }

    /// The same where all clients come by TLS, or not.
    pub fn always_secure(mut self, secure: bool) -> Self {
        let public = Base { secure, ..Base::clone(&self.public) };
        self.public = Arc::new(public);
        self
    }

    /// Notes in a request's headers, which go to the services, whose it is.
    pub fn note_client<B>(&self, request: &mut Request<B>) {
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip());
        let client = peer.map(|peer| Client::at(peer, request.headers(), &self.proxies));
        let client = client.unwrap_or_default();
        if let Some(held) = request.extensions().get::<Held>() {
            held.is_of(client.address);
        }
        client.write(request.headers_mut());
    }

    /// Adds to a request where it was sent to, and takes the prefix off its path, where a proxy left it there. `known`
    /// are the paths that need none taken off.
    pub fn resolve<B>(&self, request: &mut Request<B>, known: impl Fn(&str) -> bool) {
        let public = match request.extensions().get::<Encrypted>() {
            Some(Encrypted) => &self.encrypted,
            None => &self.public,
        };
        let base = match request.extensions().get::<Peer>() {
            Some(peer) if self.proxies.trust(peer.0.ip()) => forwarded(public, request.headers()),
            _ => public.clone(),
        };
        let stripped = request.uri().path().strip_prefix(base.prefix()).filter(|_| !base.prefix().is_empty());
        if let Some(path) = stripped.filter(|path| path.is_empty() || path.starts_with('/'))
            // A contract may have paths of its own that begin as the prefix does, and a proxy may have taken it off
            // before.
            && !known(request.uri().path())
            && let Some(uri) = without_prefix(request.uri(), path)
        {
            *request.uri_mut() = uri;
        }
        request.extensions_mut().insert(base);
    }
}

/// Where a trusted proxy says that its client reaches it.
fn forwarded(public: &Arc<Base>, headers: &HeaderMap) -> Arc<Base> {
    let (prefix, origin) = (prefix(headers), origin(headers));
    // Of proxies that hand on the host as it was sent, most say only this.
    let https = values(headers, FORWARDED_PROTO).next() == Some("https");
    let secure = public.secure || https && public.origin.is_none();
    if prefix.is_none() && (origin.is_none() || public.origin.is_some()) && secure == public.secure {
        return public.clone();
    }
    Arc::new(Base {
        // The operator's word goes before the proxy's.
        origin: public.origin.clone().or(origin),
        prefix: prefix.unwrap_or_else(|| public.prefix.clone()),
        secure,
    })
}

fn without_prefix(uri: &Uri, path: &str) -> Option<Uri> {
    let mut parts = uri.clone().into_parts();
    let path = if path.is_empty() { "/" } else { path };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    parts.path_and_query = Some(format!("{path}{query}").try_into().ok()?);
    Uri::from_parts(parts).ok()
}

/// The values of a header, those of one line as well as those of several.
fn values<'h>(headers: &'h HeaderMap, name: &'static str) -> impl Iterator<Item = &'h str> {
    let lines = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|value| !value.is_empty())
}

/// `X-Forwarded-Prefix`: of several proxies each has its own, the outermost first.
fn prefix(headers: &HeaderMap) -> Option<String> {
    let mut whole = None::<String>;
    for part in values(headers, FORWARDED_PREFIX) {
        let part = part.trim_end_matches('/');
        if !is_prefix(part) {
            return None;
        }
        whole.get_or_insert_default().push_str(part);
    }
    whole.filter(|prefix| prefix.len() <= LONGEST)
}

/// Whether paths may begin with this: segments of characters that mean nothing in a URL, HTML or a header.
fn is_prefix(text: &str) -> bool {
    let segment = |text: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        !text.is_empty() && !text.bytes().all(|byte| byte == b'.') && text.bytes().all(fits)
    };
    text.is_empty() || text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(segment))
}

/// Scheme and host as the client's proxy has them: the first of several.
fn origin(headers: &HeaderMap) -> Option<String> {
    let host = values(headers, FORWARDED_HOST).next()?;
    let host: Authority = host.parse().ok().filter(|host: &Authority| !host.as_str().contains('@'))?;
    match values(headers, FORWARDED_PROTO).next()? {
        scheme @ ("http" | "https") => Some(format!("{scheme}://{host}")),
        _ => None,
    }
}

/// Reads a public URL.
pub fn public_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|problem| format!("{problem}, such as https://shop.example/api"))?;
    let plain = url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("must begin with https:// or http:// and a host".to_owned());
    }
    if !plain || !url.username().is_empty() || url.password().is_some() {
        return Err("must be a scheme, a host, a port and a path only".to_owned());
    }
    let prefix = url.path().trim_end_matches('/');
    if !is_prefix(prefix) || prefix.len() > LONGEST {
        return Err("its path may have letters, digits, `-`, `.`, `_` and `~` only".to_owned());
    }
    Ok(url)
}

/// Reads a network or a single address.
pub fn network(text: &str) -> Result<IpNet, String> {
    let wrong = || format!("`{text}` is no network such as 10.0.0.0/8, nor an address");
    match text.parse::<IpAddr>() {
        Ok(address) => Ok(address.into()),
        Err(_) => text.parse().map_err(|_| wrong()),
    }
}

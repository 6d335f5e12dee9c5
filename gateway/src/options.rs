//! What can be set about the edge.

use std::{ops::RangeInclusive, path::PathBuf, time::Duration};

use http::{HeaderValue, Uri};
use ipnet::IpNet;
use kit::{
    StartError,
    client::{ForwardedHeader, Proxies},
};
use url::Url;

/// What a REST call may be given.
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(86_400);

/// The edge's settings.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// How long a REST call may take at most; streams may take longer.
    #[arg(long, env = "FEIRA_REST_TIMEOUT", value_name = "TIME", default_value = "15s", value_parser = kit::duration_within(TIMEOUT))]
    pub rest_timeout: Duration,

    /// A web origin whose pages may call the REST interface, as `https://shop.example`, or `*` for all of
    /// them. Can be repeated, or separated by commas. None by default.
    #[arg(
        id = "cors_origin",
        long = "cors-origin",
        env = "FEIRA_CORS_ORIGIN",
        value_name = "ORIGIN",
        value_delimiter = ',',
        value_parser = origin
    )]
    pub cors_origins: Vec<HeaderValue>,

    /// Where clients reach the REST interface, with a path prefix if there is one: https://shop.example/api. Links,
    /// the URLs of images, cookies and the shop's page are made for it; paths may come with the prefix or without
    #[arg(long, env = "FEIRA_PUBLIC_URL", value_name = "URL", value_parser = crate::base::public_url)]
    pub public_url: Option<Url>,

    /// A network or address whose reverse proxies are believed: from where a client comes (X-Forwarded-For or
    /// Forwarded, also at the gRPC port), and where clients reach them (X-Forwarded-Prefix, -Proto and -Host). Can be repeated, or separated by commas. None by default.
    #[arg(
        id = "trusted_proxies",
        long = "trusted-proxies",
        env = "FEIRA_TRUSTED_PROXIES",
        value_name = "CIDR",
        value_delimiter = ',',
        value_parser = crate::base::network
    )]
    pub trusted_proxies: Vec<IpNet>,

    /// By which header --trusted-proxies name their clients. Most write one and pass on what a client has put into the other,
    /// so say which: with `either`, a client that sends the other one is taken for the proxy
    #[arg(long, env = "FEIRA_FORWARDED_HEADER", value_name = "HEADER", default_value = "either")]
    pub forwarded_header: ForwardedHeader,

    /// Whether those of --trusted-proxies begin each connection to the REST port by a header of the PROXY protocol (version 1
    /// or 2), as load balancers of the transport layer do. Then one of theirs without a header is closed
    #[arg(long, env = "FEIRA_PROXY_PROTOCOL", value_name = "BOOL", default_value_t = false, num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub proxy_protocol: bool,

    /// For how long browsers are told to come by TLS alone (Strict-Transport-Security), such as 365d; only those that have
    /// come by TLS are told. None by default
    #[arg(long, env = "FEIRA_HSTS", value_name = "TIME", value_parser = kit::duration)]
    pub hsts: Option<Duration>,

    /// Whether clients come by TLS whatever requests look like, so that cookies are `Secure`: behind a proxy that ends TLS,
    /// says so by no header, and where there is no --public-url
    #[arg(long, env = "FEIRA_SECURE_COOKIES", value_name = "BOOL", default_value_t = false, num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub secure_cookies: bool,
}

/// The shop's page.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Page {
    /// Whether the shop's page is served at `/`.
    #[arg(
        id = "web",
        long = "web",
        env = "FEIRA_WEB",
        value_name = "BOOL",
        default_value_t = true,
        action = clap::ArgAction::Set
    )]
    pub web: bool,

    /// A folder with another page to serve at `/` than the one in the binary, read anew for each request: for a
    /// page of one's own, and for work on ours.
    #[arg(long, env = "FEIRA_WEB_DIR", value_name = "FOLDER")]
    pub web_dir: Option<PathBuf>,
}

impl Default for Page {
    fn default() -> Self {
        Self { web: true, web_dir: None }
    }
}

impl Page {
    /// Finds what is wrong with the settings, before anything is made.
    pub fn check(&self) -> Result<(), StartError> {
        match &self.web_dir {
            Some(folder) if !folder.is_dir() => Err(StartError::setting(
                "--web-dir",
                format_args!("{}: there is no such folder", folder.display()),
            )),
            _ => Ok(()),
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rest_timeout: Duration::from_secs(15),
            cors_origins: Vec::new(),
            public_url: None,
            trusted_proxies: Vec::new(),
            forwarded_header: ForwardedHeader::Either,
            proxy_protocol: false,
            hsts: None,
            secure_cookies: false,
        }
    }
}

impl Options {
    /// The reverse proxies that are believed.
    pub fn proxies(&self) -> Proxies {
        Proxies::new(self.trusted_proxies.clone()).writing(self.forwarded_header)
    }

    /// The value of `Strict-Transport-Security`, if there is to be one.
    pub fn hsts_header(&self) -> Option<HeaderValue> {
        let seconds = self.hsts?.as_secs();
        HeaderValue::try_from(format!("max-age={seconds}; includeSubDomains")).ok()
    }

    /// Finds what is wrong with the settings, before anything is made.
    pub fn check(&self) -> Result<(), StartError> {
        if self.proxy_protocol && self.trusted_proxies.is_empty() {
            let problem = "nobody's header would be believed: name the proxies by --trusted-proxies";
            return Err(StartError::setting("--proxy-protocol", problem));
        }
        Ok(())
    }
}

/// Parses a web origin (RFC 6454: scheme, host and port, nothing else) or `*`.
fn origin(text: &str) -> Result<HeaderValue, String> {
    let wrong = || format!("`{text}` is not an origin such as `https://shop.example`");
    if text != "*" {
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https"));
        let plain = scheme.zip(uri.authority()).map(|(scheme, authority)| format!("{scheme}://{authority}"));
        if plain.as_deref() != Some(text) {
            return Err(wrong());
        }
    }
    HeaderValue::from_str(text).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_no_path() {
        for right in ["*", "http://localhost:3000", "https://shop.example"] {
            assert!(origin(right).is_ok(), "{right}");
        }
        for wrong in
            ["", "shop.example", "https://shop.example/", "https://shop.example/a", "ftp://x", "https://"]
        {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }
}

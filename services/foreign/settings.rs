//! What can be set of a gateway of others' services: flags, environment variables and keys of the configuration file.

use std::{fs, ops::RangeInclusive, path::PathBuf, str::FromStr, time::Duration};

use gateway::{Allowed, Forward};
use kit::{limits::Rate, telemetry::LogOptions};
use tonic::transport::Uri;

use crate::{error::Error, settings::Listening};

/// How often contracts may be asked for.
const POLL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(86_400);

/// Everything that `gateway` can be told.
#[derive(clap::Args, Debug, Clone)]
#[group(skip)]
pub struct Settings {
    #[command(flatten, next_help_heading = "Upstreams")]
    pub upstreams: Upstreams,
    #[command(flatten, next_help_heading = "Process")]
    pub listening: Listening,
    #[command(flatten, next_help_heading = "Logs")]
    pub log: LogOptions,
    #[command(flatten, next_help_heading = "Gateway")]
    pub gateway: gateway::Options,
    #[command(flatten, next_help_heading = "JSON")]
    pub json: gateway::json::Style,
    #[command(flatten, next_help_heading = "Limits")]
    pub limits: Limits,
}

/// The services, and what passes between them and clients.
#[derive(clap::Args, Debug, Clone)]
#[group(skip)]
pub struct Upstreams {
    /// Where gRPC services are: http://HOST:PORT, or https://. With a name before it (`books.v1=http://…`) it is asked for
    /// the services of that package, or for the one of that name, alone. Can be repeated, or separated by commas
    #[arg(
        id = "upstream",
        long = "upstream",
        env = "FEIRA_UPSTREAM",
        value_name = "[NAME=]URL",
        value_delimiter = ','
    )]
    pub at: Vec<Upstream>,

    /// A file with the contract of all of them, instead of server reflection: a FileDescriptorSet, as
    /// `protoc --include_imports --descriptor_set_out` and `buf build` write it. Read again when it changes
    #[arg(long, env = "FEIRA_DESCRIPTORS", value_name = "FILE")]
    pub descriptors: Option<PathBuf>,

    /// How often services are asked by reflection whether their contracts have changed
    #[arg(long, env = "FEIRA_POLL_INTERVAL", value_name = "TIME", default_value = "30s", value_parser = kit::duration_within(POLL))]
    pub poll_interval: Duration,

    /// The certificates, in PEM, by one of which upstreams at https:// are known; those of this system by default
    #[arg(long, env = "FEIRA_UPSTREAM_CA", value_name = "FILE")]
    pub upstream_ca: Option<PathBuf>,

    /// A header of requests that services get as metadata, beside `authorization`, `idempotency-key`, `x-request-id`,
    /// `traceparent`, `tracestate`, `baggage` and `accept-language`: a name, `x-*` for all that begin so, or `*`. Can be repeated, or separated by commas
    #[arg(
        id = "request_header",
        long = "request-header",
        env = "FEIRA_REQUEST_HEADER",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub request_headers: Vec<Allowed>,

    /// Metadata of answers that clients get as headers, likewise; none by default
    #[arg(
        id = "response_header",
        long = "response-header",
        env = "FEIRA_RESPONSE_HEADER",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub response_headers: Vec<Allowed>,
}

/// What clients may do.
#[derive(clap::Args, Debug, Clone, PartialEq, Eq)]
#[group(skip)]
pub struct Limits {
    /// Requests of one client address: `COUNT/TIME`, or `off`. Behind a reverse proxy name that by --trusted-proxies, or
    /// all its clients are one
    #[arg(long, env = "FEIRA_RATE_LIMIT_ADDRESS", value_name = "COUNT/TIME", default_value = "30000/1m")]
    pub rate_limit_address: Rate,

    /// Calls that one process works on at the same time, streams aside. One more is refused at once
    #[arg(long, env = "FEIRA_MAX_CALLS", value_name = "COUNT", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_calls: u32,

    /// Streams that the clients of one address may have open at the same time
    #[arg(long, env = "FEIRA_STREAMS_PER_ADDRESS", value_name = "COUNT", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    pub streams_per_address: u32,
}

/// Where services are, and which of them are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// A package or a service; all of them where none is named.
    pub name: Option<String>,
    /// `http://HOST:PORT`, or `https://`.
    pub url: String,
}

impl FromStr for Upstream {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_url = |text: &str| text.starts_with("http://") || text.starts_with("https://");
        let (name, url) = match text.split_once('=') {
            Some((name, url)) if !is_url(text) => (Some(name.trim().to_owned()), url.trim()),
            _ => (None, text.trim()),
        };
        if !is_url(url) {
            return Err(format!("`{url}` must begin with http:// or https://"));
        }
        let uri: Uri = url.parse().map_err(|_| "it is no URL".to_owned())?;
        let has_host =
            uri.authority().is_some_and(|host| !host.host().is_empty() && !host.as_str().contains('@'));
        if !has_host || !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err("it must be a scheme, a host and a port, such as http://127.0.0.1:50051".to_owned());
        }
        let is_name = |name: &str| {
            name.split('.').all(|part| {
                !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            })
        };
        if name.as_deref().is_some_and(|name| !is_name(name)) {
            return Err(
                "the name before the URL must be a package's or a service's, such as books.v1".to_owned()
            );
        }
        Ok(Self { name, url: url.trim_end_matches('/').to_owned() })
    }
}

impl Settings {
    /// Finds what contradicts itself or is missing, before anything is opened.
    pub fn check(&self) -> Result<(), Error> {
        if self.upstreams.at.is_empty() {
            return Err(Error::usage(
                "say where the services are by --upstream, such as --upstream http://127.0.0.1:50051",
            ));
        }
        for (flag, file) in
            [("--descriptors", &self.upstreams.descriptors), ("--upstream-ca", &self.upstreams.upstream_ca)]
        {
            if let Some(Err(problem)) = file.as_ref().map(fs::File::open) {
                let file = file.as_deref().map(|file| file.display().to_string()).unwrap_or_default();
                return Err(Error::usage(format!("{flag}: {file}: {problem}")));
            }
        }
        self.gateway.check().map_err(Error::other)
    }

    /// Which headers pass.
    pub fn forward(&self) -> Forward {
        Forward {
            request: self.upstreams.request_headers.clone(),
            response: self.upstreams.response_headers.clone(),
            foreign: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_a_url_and_maybe_a_name() {
        let read = |text: &str| text.parse::<Upstream>();
        let plain = read("http://127.0.0.1:50051/").unwrap();
        assert_eq!((plain.name, &*plain.url), (None, "http://127.0.0.1:50051"));
        let named = read("books.v1=https://books.internal").unwrap();
        assert_eq!((named.name.as_deref(), &*named.url), (Some("books.v1"), "https://books.internal"));
        for wrong in [
            "",
            "localhost:1",
            "ftp://x",
            "http://",
            "http://a@b:1",
            "http://a/b",
            "http://a?b=c",
            "a b=http://c",
            "=http://c",
            "a..b=http://c",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}

//! The settings of the mesh service.

use std::{ops::RangeInclusive, path::PathBuf, time::Duration};

use clap::builder::NonEmptyStringValueParser;
use kit::{SecretSource, StartError};

use crate::remote::nats::{Address, Bounds};

/// How long events may be kept: longer than a webhook's receiver may be away.
const RETENTION: RangeInclusive<Duration> =
    Duration::from_secs(4 * 24 * 3600)..=Duration::from_secs(366 * 24 * 3600);

/// How long a stream on NATS may keep events.
const STREAM_AGE: RangeInclusive<Duration> =
    Duration::from_secs(3600)..=Duration::from_secs(3660 * 24 * 3600);

/// What can be set.
#[derive(clap::Args, Debug, Clone)]
#[group(skip)]
pub struct Options {
    /// How long the audit waits before it reads again what did not agree: a difference counts if it is still
    /// there and nothing has changed
    #[arg(long, env = "FEIRA_AUDIT_SETTLE", value_name = "TIME", default_value = "1s", value_parser = kit::duration)]
    pub audit_settle: Duration,

    /// How long events are kept for those who build on the shop
    #[arg(long, env = "FEIRA_EVENT_RETENTION", value_name = "TIME", default_value = "30d", value_parser = kit::duration_within(RETENTION))]
    pub event_retention: Duration,

    /// How many events are kept at the most: beyond that the oldest go, however young they are
    #[arg(long, env = "FEIRA_EVENT_LIMIT", value_name = "COUNT", default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(1_000..=1_000_000_000))]
    pub event_limit: u64,

    /// How long is kept what was sent to webhooks, and what became of it
    #[arg(long, env = "FEIRA_DELIVERY_RETENTION", value_name = "TIME", default_value = "14d", value_parser = kit::duration_within(RETENTION))]
    pub delivery_retention: Duration,

    /// Whether webhooks may lead to addresses of this machine and of private networks, and be reached without TLS: for
    /// receivers that run beside the shop. Else whoever makes a webhook could reach what only the shop's network can
    #[arg(long, env = "FEIRA_ALLOW_PRIVATE_WEBHOOKS", value_name = "true|false", default_value_t = false, action = clap::ArgAction::Set)]
    pub allow_private_webhooks: bool,

    #[command(flatten)]
    pub nats: NatsOptions,
}

kit::secret_setting! {
    /// The URL of NATS may hold a password.
    pub EventsUrlSetting: "events-url", "FEIRA_EVENTS_URL", "URL",
        "NATS server with JetStream that every event is handed on to: nats://HOST:PORT or tls://HOST:PORT, with USER:PASSWORD@ or TOKEN@ before the host where it asks who calls; several servers of a cluster are separated by commas",
        "File whose first line is that URL";
}

/// Where events are handed on to.
#[derive(clap::Args, Debug, Clone)]
#[group(skip)]
pub struct NatsOptions {
    #[command(flatten)]
    pub events_url: SecretSource<EventsUrlSetting>,

    /// File of the credentials by which NATS knows who calls, as nsc makes them
    #[arg(long, env = "FEIRA_EVENTS_CREDENTIALS", value_name = "FILE")]
    pub events_credentials: Option<PathBuf>,

    /// The authorities that the certificates of NATS are of, in PEM (default: those of the system)
    #[arg(long, env = "FEIRA_EVENTS_CA", value_name = "FILE")]
    pub events_ca: Option<PathBuf>,

    /// What events on NATS name as their source: a URI or a path
    #[arg(long, env = "FEIRA_EVENTS_SOURCE", value_name = "URI", default_value = "/feira", value_parser = NonEmptyStringValueParser::new())]
    pub events_source: String,

    /// How long a stream keeps events that is made on NATS
    #[arg(long, env = "FEIRA_EVENTS_STREAM_AGE", value_name = "TIME", default_value = "30d", value_parser = kit::duration_within(STREAM_AGE))]
    pub events_stream_age: Duration,

    /// How many MiB of events a stream keeps that is made on NATS
    #[arg(long, env = "FEIRA_EVENTS_STREAM_SIZE", value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub events_stream_size: u32,

    /// On how many servers of a cluster a stream is kept that is made on NATS
    #[arg(long, env = "FEIRA_EVENTS_STREAM_REPLICAS", value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=5))]
    pub events_stream_replicas: u32,
}

impl NatsOptions {
    /// Where NATS is, if events are to be handed on.
    pub fn address(&self) -> Result<Option<Address>, StartError> {
        let Some((_, url)) = self.events_url.read()? else { return Ok(None) };
        let address = Address::read(&url, self.events_credentials.clone(), self.events_ca.clone());
        address.map(Some).map_err(|problem| StartError::Settings(format!("--events-url: {problem}")))
    }

    /// The bounds of a stream that is made.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            age: self.events_stream_age,
            bytes: i64::from(self.events_stream_size) << 20,
            replicas: self.events_stream_replicas as usize,
        }
    }
}

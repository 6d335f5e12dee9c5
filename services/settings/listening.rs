//! How a process listens and how it ends: the shop's, and one that is the edge of others' services.

use std::{ops::RangeInclusive, path::PathBuf, time::Duration};

/// How long connections are waited for.
const PATIENCE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);

/// Where clients come in, and what they may cost.
#[derive(clap::Args, Debug, Clone)]
#[group(skip)]
pub struct Listening {
    /// Host and port of the REST interface, open where the role gateway runs; port 0 takes any free one
    #[arg(long, visible_alias = "listen", env = "FEIRA_REST_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:8080", value_parser = address)]
    pub rest_listen: String,

    /// Host and port at which operators read metrics (`/metrics`) and change the log level, without a password: of this
    /// machine, or of a network of theirs; closed unless it is given
    #[arg(long, env = "FEIRA_ADMIN_LISTEN", value_name = "HOST:PORT", value_parser = address)]
    pub admin_listen: Option<String>,

    /// How long the end may take once the process is told to stop (and FEIRA_DRAIN_DELAY is over): the calls under
    /// way get most of it, closing databases and sending telemetry the rest
    #[arg(long, env = "FEIRA_DRAIN_TIMEOUT", value_name = "TIME", default_value = "25s", value_parser = kit::duration)]
    pub drain_timeout: Duration,

    /// How long to go on serving after health says NOT_SERVING, so that load balancers notice; clients are asked
    /// to go elsewhere meanwhile
    #[arg(long, env = "FEIRA_DRAIN_DELAY", value_name = "TIME", default_value = "0s", value_parser = kit::duration)]
    pub drain_delay: Duration,

    /// How long a client may take nothing of an answer before its connection is closed
    #[arg(long, env = "FEIRA_SEND_TIMEOUT", value_name = "TIME", default_value = "30s", value_parser = kit::duration_within(PATIENCE))]
    pub send_timeout: Duration,

    /// How long an HTTP/1.1 connection is kept without a request; longer than the load balancer in front keeps it
    #[arg(long, env = "FEIRA_IDLE_TIMEOUT", value_name = "TIME", default_value = "90s", value_parser = kit::duration_within(PATIENCE))]
    pub idle_timeout: Duration,

    /// How many MiB of memory answers may take that are not read yet, of all clients together; one connection may
    /// have a quarter
    #[arg(long, env = "FEIRA_ANSWER_MEMORY", value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(16..=16384))]
    pub answer_memory: u32,

    /// How many MiB of memory requests' bodies may take that are on their way in, of all clients together; one client may
    /// have a quarter
    #[arg(long, env = "FEIRA_REQUEST_MEMORY", value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(16..=16384))]
    pub request_memory: u32,

    /// Connections that one address may have to a port at the same time; those of --trusted-proxies are not counted
    #[arg(long, env = "FEIRA_CONNECTIONS_PER_ADDRESS", value_name = "COUNT", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub connections_per_address: u32,

    /// The certificate that clients from outside are shown, and those above it, in PEM: REST and gRPC are served by TLS
    /// then. Both files are read again when they change
    #[arg(long, env = "FEIRA_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// The key of that certificate, in PEM
    #[arg(long, env = "FEIRA_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
}

/// Parses a host and a port.
pub fn address(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(text.to_owned()),
        _ => Err("must be a host and a port, such as 127.0.0.1:8080".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked() {
        assert!(address("localhost:8080").is_ok() && address("[::1]:0").is_ok());
        for wrong in ["8080", ":8080", "localhost", "localhost:http", "localhost:70000"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}

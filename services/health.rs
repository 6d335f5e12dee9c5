//! `feira health`: asks a running process whether it serves.

use std::time::Duration;

use contracts::health::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic::Code;

use crate::{
    banner, channel,
    error::Error,
    settings::{ConfigFile, MeshFiles},
};

/// Asks for health.
#[derive(clap::Args, Debug)]
pub struct HealthCheck {
    /// Where to ask, as http://HOST:PORT, or https:// with --mesh-cert (default: where --grpc-listen says that gRPC is, on this machine)
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// The full name of one service, such as feira.order.v1.OrderService; without it the process as a whole
    #[arg(long, value_name = "NAME", default_value = "")]
    service: String,

    /// How long to wait for an answer
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = kit::duration)]
    timeout: Duration,

    /// Where the process listens for gRPC
    #[arg(long, env = "FEIRA_GRPC_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:50051")]
    grpc_listen: String,

    #[command(flatten)]
    files: MeshFiles,

    #[command(flatten)]
    _config: ConfigFile,
}

/// Prints the answer; anything but SERVING is an error.
pub async fn health(check: HealthCheck) -> Result<(), Error> {
    let url = match &check.url {
        Some(url) => url.clone(),
        None => url_of(&check.grpc_listen, check.files.are_given())?,
    };
    let certificates = check.files.open()?;
    let ask = async {
        let channel = channel::connect(&url, certificates.as_ref(), None, check.timeout).await?;
        let request = HealthCheckRequest { service: check.service.clone() };
        HealthClient::new(channel).check(request).await.map_err(|status| match status.code() {
            Code::NotFound => Error::Unhealthy(format!("no service {:?} runs at {url}", check.service)),
            code => Error::Unhealthy(format!("{url} answered {code:?}: {}", status.message())),
        })
    };
    let answer = tokio::time::timeout(check.timeout, ask).await;
    let answer = answer.map_err(|_| Error::Unhealthy(format!("no answer from {url} in time")))??;
    match answer.into_inner().status() {
        ServingStatus::Serving => banner::print("SERVING\n"),
        other => Err(Error::Unhealthy(other.as_str_name().to_owned())),
    }
}

/// How a port that this machine listens on is reached from it.
pub fn url_of(listen: &str, tls: bool) -> Result<String, Error> {
    let (host, port) =
        listen.rsplit_once(':').ok_or_else(|| Error::usage("--grpc-listen: must be a host and a port"))?;
    if port == "0" {
        return Err(Error::usage("--grpc-listen says any free port: say by --url which one it became"));
    }
    let host = match host {
        "0.0.0.0" => "127.0.0.1",
        "[::]" => "[::1]",
        host => host,
    };
    let scheme = if tls { "https" } else { "http" };
    Ok(format!("{scheme}://{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_open_to_all_is_reached_by_the_loopback_address() {
        assert_eq!(url_of("0.0.0.0:50051", false).unwrap(), "http://127.0.0.1:50051");
        assert_eq!(url_of("[::]:1", true).unwrap(), "https://[::1]:1");
        assert_eq!(url_of("db.internal:1", false).unwrap(), "http://db.internal:1");
        assert!(url_of("127.0.0.1:0", false).is_err());
    }
}

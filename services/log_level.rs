//! `feira log-level`: by which level a running process logs, and another one from now on.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use http_body_util::{BodyExt, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use kit::telemetry::Level;
use tokio::net::TcpStream;

use crate::{banner, error::Error, health, settings::ConfigFile};

/// Shows or sets the log level.
#[derive(clap::Args, Debug)]
pub struct LogLevel {
    /// By what to log from now on, as --log-level takes it; without it, what is logged by is shown
    filter: Option<Level>,

    /// Where the process has its admin listener
    #[arg(long, env = "FEIRA_ADMIN_LISTEN", value_name = "HOST:PORT", required = true)]
    admin_listen: String,

    /// How long to wait for an answer
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = kit::duration)]
    timeout: Duration,

    #[command(flatten)]
    _config: ConfigFile,
}

/// No answer is longer, in bytes.
const LONGEST: usize = 64 << 10;

/// Prints the level, or sets it. It counts until the process is started anew, or reads its settings again (SIGHUP).
pub async fn log_level(command: LogLevel) -> Result<(), Error> {
    let url = health::url_of(&command.admin_listen, false).map_err(|_| {
        Error::usage("--admin-listen: must be a host and the port that the process listens on")
    })?;
    let address = url.trim_start_matches("http://").to_owned();
    let asked = tokio::time::timeout(command.timeout, ask(&address, command.filter.as_ref())).await;
    let (status, said) =
        asked.map_err(|_| Error::Unhealthy(format!("no answer from {address} in time")))??;
    match status {
        StatusCode::OK => banner::print(&format!("{said}\n")),
        StatusCode::NO_CONTENT => Ok(()),
        _ => Err(Error::Unhealthy(format!("{address} answered {status}: {said}"))),
    }
}

async fn ask(address: &str, filter: Option<&Level>) -> Result<(StatusCode, String), Error> {
    let nothing = |_| Error::Unhealthy(format!("nothing answers at {address}"));
    let stream = TcpStream::connect(address).await.map_err(nothing)?;
    let (mut way, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(Error::other)?;
    tokio::spawn(connection);
    let method = if filter.is_some() { Method::PUT } else { Method::GET };
    let body = filter.map_or_else(Body::empty, |filter| Body::from(filter.to_string()));
    let request =
        Request::builder().method(method).uri("/log-level").header(header::HOST, address).body(body);
    let answer = way.send_request(request.map_err(Error::other)?).await.map_err(Error::other)?;
    let status = answer.status();
    let said = Limited::new(answer.into_body(), LONGEST).collect().await.map_err(Error::other)?.to_bytes();
    Ok((status, String::from_utf8_lossy(&said).into_owned()))
}

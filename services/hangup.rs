//! SIGHUP ends nobody: it asks a process to read its settings again, of which the log level can change
//! while it runs.

use std::sync::Arc;

use kit::telemetry::Telemetry;
use tokio::signal::unix::Signal;

use crate::{
    cli::{self, Command, Parsed},
    error::Error,
};

/// Reads the settings again at every hangup, for as long as the process runs.
pub async fn reload(mut hangups: Signal, telemetry: Arc<Telemetry>) {
    while hangups.recv().await.is_some() {
        let done = log_level().and_then(|level| {
            telemetry.set_level(&level).map_err(Error::other)?;
            Ok(level)
        });
        match done {
            Ok(level) => tracing::info!(log_level = %level, "settings.reloaded"),
            Err(error) => tracing::warn!(%error, "settings.not_reloaded"),
        }
    }
}

/// The log level that the command line, the environment and the configuration file name by now.
fn log_level() -> Result<kit::telemetry::Level, Error> {
    match cli::parse(std::env::args_os().collect())? {
        Parsed::Command(Command::Serve(serve)) => Ok(serve.settings.log.log_level),
        _ => Err(Error::other("the command line does not serve")),
    }
}

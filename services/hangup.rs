//! SIGHUP ends nobody: it asks a process to read its settings again, of which the log level can change
//! while it runs.

use std::sync::Arc;

use kit::telemetry::Telemetry;
use tokio::signal::unix::Signal;

use crate::{error::Error, settings::Settings};

/// Reads the settings again, as the process read them at its start.
pub type Reread = fn() -> Result<Settings, Error>;

/// Reads the settings again at every hangup, for as long as the process runs.
pub async fn reload(mut hangups: Signal, telemetry: Arc<Telemetry>, reread: Reread) {
    while hangups.recv().await.is_some() {
        let done = reread().and_then(|settings| {
            let level = settings.log.log_level;
            telemetry.set_level(&level).map_err(Error::other)?;
            Ok(level)
        });
        match done {
            Ok(level) => tracing::info!(log_level = %level, "settings.reloaded"),
            Err(error) => tracing::warn!(%error, "settings.not_reloaded"),
        }
    }
}

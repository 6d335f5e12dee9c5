//! The settings of the mesh service.

use std::time::Duration;

/// What can be set.
#[derive(clap::Args, Debug, Clone)]
#[group(skip)]
pub struct Options {
    /// How long the audit waits before it reads again what did not agree: a difference counts if it is still
    /// there and nothing has changed
    #[arg(long, env = "FEIRA_AUDIT_SETTLE", value_name = "TIME", default_value = "1s", value_parser = kit::duration)]
    pub audit_settle: Duration,
}

//! The time in which a process ends: what whoever stops it (Kubernetes, systemd) waits for, so that nothing
//! is added to it at the end.

use std::time::Duration;

use tokio::time::Instant;

use crate::settings::Listening;

/// What is kept for closing databases and sending telemetry, at most; less of a short time.
const KEPT: Duration = Duration::from_secs(5);
const KEPT_PART: u32 = 5;
/// How long closing the databases may take, and sending the last telemetry.
const CLOSE: Duration = Duration::from_secs(2);
const TELEMETRY: Duration = Duration::from_secs(2);
/// However late it is, each gets so much.
const LEAST: Duration = Duration::from_millis(100);

/// The time that is left of a process.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    end: Instant,
    kept: Duration,
}

impl Budget {
    /// Begins now.
    pub fn from_now(listening: &Listening) -> Self {
        let (delay, timeout) = (listening.drain_delay, listening.drain_timeout);
        Self { end: Instant::now() + delay + timeout, kept: KEPT.min(timeout / KEPT_PART) }
    }

    /// How long the calls under way and the background work may take from now on.
    pub fn for_calls(&self) -> Duration {
        self.left().saturating_sub(self.kept)
    }

    /// How long closing the databases may.
    pub fn for_databases(&self) -> Duration {
        self.left().mul_f64(0.5).clamp(LEAST, CLOSE)
    }

    /// How long sending the last telemetry may.
    pub fn for_telemetry(&self) -> Duration {
        self.left().mul_f64(0.5).clamp(LEAST, TELEMETRY)
    }

    fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }
}

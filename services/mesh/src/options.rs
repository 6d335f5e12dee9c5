//! The settings of the mesh service.

use std::{ops::RangeInclusive, time::Duration};

/// How long events may be kept: longer than a webhook's receiver may be away.
const RETENTION: RangeInclusive<Duration> =
    Duration::from_secs(4 * 24 * 3600)..=Duration::from_secs(366 * 24 * 3600);

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
}

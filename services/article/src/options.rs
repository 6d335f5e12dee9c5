//! The settings of the article service.

use std::time::Duration;

use crate::domain::caps::Caps;

/// What can be set.
#[derive(clap::Args, Debug, Clone)]
#[group(skip)]
pub struct Options {
    /// How long it is between two looks for stock reservations whose time is over
    #[arg(
        long = "reservation-sweep-seconds",
        env = "FEIRA_RESERVATION_SWEEP_SECONDS",
        value_name = "TIME",
        default_value = "5s",
        value_parser = kit::duration_within(Duration::from_secs(1)..=Duration::from_secs(3600))
    )]
    pub reservation_sweep: Duration,

    /// The most bytes of an article's image
    #[arg(
        long,
        env = "FEIRA_IMAGE_LIMIT",
        default_value_t = 4_000_000,
        // Above, neither REST nor most gRPC clients take a message.
        value_parser = clap::value_parser!(u32).range(1_000..=4_190_000)
    )]
    pub image_limit: u32,

    /// The most orders of one user that may have stock reserved without being paid
    #[arg(long, env = "FEIRA_MAX_UNPAID_ORDERS", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub max_unpaid_orders: u32,

    /// The most units of one article that one user's unpaid orders may have reserved together
    #[arg(long, env = "FEIRA_MAX_UNPAID_UNITS", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000_000))]
    pub max_unpaid_units: u32,
}

impl Options {
    /// How much the unpaid orders of one user may reserve.
    pub(crate) fn caps(&self) -> Caps {
        Caps { orders: self.max_unpaid_orders, units: self.max_unpaid_units }
    }
}

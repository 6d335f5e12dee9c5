//! The settings of the article service.

use std::time::Duration;

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
}

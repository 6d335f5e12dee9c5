//! What can be set.

use std::{ops::RangeInclusive, time::Duration};

use kit::Money;

use crate::mail::MailOptions;

/// How long an order may wait: at most what a reservation may last.
const WINDOW: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(30 * 24 * 3600);

/// Options of the order service.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Orders")]
pub struct Options {
    /// How long an order waits for its payment before it is given up
    #[arg(long, env = "FEIRA_PAYMENT_WINDOW", value_name = "TIME", default_value = "30m", value_parser = kit::duration_within(WINDOW))]
    pub payment_window: Duration,

    /// Shipping added to every order, for example "4.99 EUR"; once per currency. None by default
    #[arg(long, env = "FEIRA_SHIPPING", value_name = "AMOUNT", value_delimiter = ';', value_parser = amount)]
    pub shipping: Vec<Money>,

    /// Checkouts under way at the same time at the most; fewer while they slow each other down
    #[arg(long, env = "FEIRA_MAX_CHECKOUTS", value_name = "COUNT", default_value_t = 256,
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub max_checkouts: u32,

    #[command(flatten)]
    pub mail: MailOptions,
}

fn amount(text: &str) -> Result<Money, String> {
    let money: Money = text.parse()?;
    if money.minor < 0 { Err("shipping cannot be negative".to_owned()) } else { Ok(money) }
}

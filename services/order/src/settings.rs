//! What can be set.

use std::time::Duration;

use kit::{Currency, Money};

/// Options of the order service.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Orders")]
pub struct Options {
    /// How long an order waits for its payment before it is given up, in seconds
    #[arg(long, env = "FEIRA_PAYMENT_WINDOW", value_name = "SECONDS", default_value_t = 1800,
          value_parser = clap::value_parser!(u64).range(1..=2_592_000))]
    pub payment_window: u64,

    /// Carriage added to every order, for example "4.99 EUR"; once per currency. None by default
    #[arg(long, env = "FEIRA_SHIPPING", value_name = "AMOUNT", value_delimiter = ';', value_parser = amount)]
    pub shipping: Vec<Money>,
}

fn amount(text: &str) -> Result<Money, String> {
    let money: Money = text.parse()?;
    if money.minor < 0 { Err("carriage cannot be negative".to_owned()) } else { Ok(money) }
}

impl Options {
    /// How long an order waits for its payment.
    pub fn window(&self) -> Duration {
        Duration::from_secs(self.payment_window)
    }

    /// What carriage costs in a currency; nothing where nothing is set.
    pub fn shipping_in(&self, currency: Currency) -> Option<Money> {
        self.shipping.iter().copied().find(|amount| amount.currency == currency && amount.minor > 0)
    }
}

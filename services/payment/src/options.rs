//! What can be set.

use std::{net::SocketAddr, time::Duration};

use kit::{Secret, SecretSource, StartError};

pub use crate::provider::stripe::{Pages, StripeOptions};

kit::secret_setting! {
    /// By what the simulated payment provider signs its webhooks.
    pub SimulatorWebhookSecret: "simulator-webhook-secret", "FEIRA_SIMULATOR_WEBHOOK_SECRET", "SECRET",
        "The secret by which the simulated payment provider signs its webhooks; derived from the mesh secret where none is given",
        "File whose first line is the secret by which the simulated payment provider signs its webhooks";
}

/// The payment service's options.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Whether payment types may be of the simulated provider, by which everybody pays who says so. By default true with
    /// an embedded database, and false with one on a server
    #[arg(long, env = "FEIRA_ALLOW_SIMULATED_PAYMENTS", value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    pub allow_simulated_payments: Option<bool>,

    /// Where the simulated payment provider listens. It is a test tool: whoever reaches it can make and
    /// approve charges. Port 0 takes any free one.
    #[arg(long, env = "FEIRA_SIMULATOR_LISTEN", default_value = "127.0.0.1:0", value_name = "ADDRESS:PORT")]
    pub simulator_listen: SocketAddr,

    /// A simulated payment provider that runs elsewhere; none is started here then.
    #[arg(long, env = "FEIRA_SIMULATOR_URL", value_name = "URL")]
    pub simulator_url: Option<String>,

    /// Where customers reach the simulated payment provider: the beginning of action URLs. By default that is the
    /// provider's own address or, in a process that has the REST interface too and a --public-url, a path below it
    #[arg(long, env = "FEIRA_SIMULATOR_PUBLIC_URL", value_name = "URL")]
    pub simulator_public_url: Option<String>,

    /// Where the simulated payment provider sends its webhooks, such as
    /// http://127.0.0.1:8080/v1/payments/providers/simulated/events. It sends none by default: payments are then
    /// queried
    #[arg(long, env = "FEIRA_SIMULATOR_WEBHOOK_URL", value_name = "URL")]
    pub simulator_webhook_url: Option<String>,

    /// Another address at which the simulated payment provider listens, for customers alone: it has the pages
    /// of actions and nothing else. Action URLs then lead there
    #[arg(long, env = "FEIRA_SIMULATOR_ACTIONS_LISTEN", value_name = "ADDRESS:PORT")]
    pub simulator_actions_listen: Option<SocketAddr>,

    #[command(flatten)]
    pub simulator_webhook_secret: SecretSource<SimulatorWebhookSecret>,

    /// How long the simulated payment provider takes for the payment method `sim_slow`.
    #[arg(long, env = "FEIRA_SIMULATOR_SLOW", default_value = "8s", value_parser = kit::some_time, value_name = "TIME")]
    pub simulator_slow: Duration,

    /// Where SpaceCash is: the URL that `/CreatePayment` is appended to. Payment types of the provider
    /// `spacecash` need it.
    #[arg(long, env = "FEIRA_SPACECASH_URL", value_name = "URL")]
    pub spacecash_url: Option<String>,

    /// How long a payment provider may take for an answer; after that the outcome is unknown.
    #[arg(long, env = "FEIRA_PROVIDER_TIMEOUT", default_value = "10s", value_parser = kit::some_time, value_name = "TIME")]
    pub provider_timeout: Duration,

    /// How soon a payment provider is queried after an answer was lost; then less and less often,
    /// every half minute in the end.
    #[arg(
        long,
        env = "FEIRA_PROVIDER_POLL_INTERVAL",
        default_value = "1s",
        value_parser = kit::some_time,
        value_name = "TIME"
    )]
    pub provider_poll_interval: Duration,

    #[command(flatten)]
    pub stripe: StripeOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            allow_simulated_payments: None,
            simulator_listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            simulator_url: None,
            simulator_public_url: None,
            simulator_webhook_secret: SecretSource::default(),
            simulator_slow: Duration::from_secs(8),
            simulator_webhook_url: None,
            simulator_actions_listen: None,
            spacecash_url: None,
            provider_timeout: Duration::from_secs(10),
            provider_poll_interval: Duration::from_secs(1),
            stripe: StripeOptions::default(),
        }
    }
}

impl Options {
    /// The secret of the simulated provider's webhooks, if one is given.
    pub fn simulator_webhook_secret(&self) -> Result<Option<Secret>, StartError> {
        match self.simulator_webhook_secret.read()? {
            Some((setting, secret)) if secret.expose().is_empty() => {
                Err(StartError::setting(setting, "is empty: anybody could sign with it"))
            }
            given => Ok(given.map(|(_, secret)| secret)),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn the_defaults_of_the_flags_are_the_defaults_of_the_type() {
        let parsed = Program::parse_from(["x"]).options;
        assert_eq!(format!("{parsed:?}"), format!("{:?}", Options::default()));
    }
}

//! Whether Stripe takes the key: what is asked for changes nothing.

use super::Stripe;
use crate::domain::Failure;

/// Of an account's balance what is of interest: whether it is of money.
#[derive(serde::Deserialize)]
struct Balance {
    livemode: bool,
}

impl Stripe {
    /// What Stripe says to our key.
    pub(super) async fn ask_for_balance(&self) -> Result<String, String> {
        match self.api.get::<Balance>("/v1/balance", &[]).await.map_err(Failure::from) {
            Ok(Balance { livemode: true }) => Ok("Stripe takes the key, of live mode".to_owned()),
            Ok(Balance { livemode: false }) => {
                Ok("Stripe takes the key, of test mode: no money moves".to_owned())
            }
            Err(Failure::NotSent { problem } | Failure::Unknown { problem }) => {
                Err(format!("Stripe: {problem}"))
            }
            Err(Failure::Refused { reason, .. }) => Err(format!("Stripe refuses: {reason}")),
        }
    }
}

//! Webhooks of providers.

use axum::http::HeaderMap;

use super::Payments;
use crate::{
    error::Error,
    provider::{LONGEST_ID, Rejection},
};

/// So many bytes of a webhook are read.
const LARGEST_EVENT: usize = 1 << 20;

impl Payments {
    /// Reads and applies a provider's webhook.
    pub(super) async fn receive(
        &self,
        provider: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(), Error> {
        let provider = self.engine.providers().get(provider).ok_or(Error::Provider)?;
        if body.len() > LARGEST_EVENT {
            return Err(Rejection::Unreadable("is larger than 1 MiB".to_owned()).into());
        }
        let Some(event) = provider.read_webhook(headers, body, self.engine.db().machine_clock().now())?
        else {
            return Ok(());
        };
        if !(1..=LONGEST_ID).contains(&event.id.chars().count()) {
            let problem = format!("its id must have 1 to {LONGEST_ID} characters");
            return Err(Rejection::Unreadable(problem).into());
        }
        self.engine.apply_event(provider.name(), event).await
    }
}

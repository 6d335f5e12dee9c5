//! The simulated provider's client: speaks the protocol of [`crate::simulator`] over HTTP, as it would to a
//! real provider.

mod message;
#[cfg(test)]
mod tests;

use std::time::Duration;

use aws_lc_rs::hmac;
use axum::http::HeaderMap;
use kit::{Money, StartError, Time, headers::IDEMPOTENCY_KEY};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::{Provider, ProviderEvent, Rejection, http, signature, single};
use crate::{
    domain::{Capabilities, Charge, ChargeSnapshot, Failure, Outcome},
    simulator::METHODS,
};

/// The header of its webhooks' signatures.
pub const SIGNATURE: &str = "x-simulated-signature";

/// The client.
pub struct Simulated {
    client: Client,
    /// Without a slash at the end.
    url: String,
    public_url: String,
    /// Signs its webhooks.
    webhook_key: hmac::Key,
}

impl Simulated {
    /// A client of the server at `url`, which customers reach at `public_url`, and which signs its webhooks
    /// with `webhook_key`.
    pub fn new(
        url: &str,
        public_url: &str,
        timeout: Duration,
        webhook_key: hmac::Key,
    ) -> Result<Self, StartError> {
        Ok(Self {
            client: http::client(&http::url("the simulated payment provider", url)?, timeout)?,
            url: url.trim_end_matches('/').to_owned(),
            public_url: public_url.trim_end_matches('/').to_owned(),
            webhook_key,
        })
    }

    /// The address of a charge: by the provider's reference, or by our id until we know that.
    fn charge_url(&self, charge: &Charge) -> String {
        match charge.reference.as_str() {
            "" => format!("{}/charges/{}", self.url, charge.payment_id),
            reference => format!("{}/charges/{reference}", self.url),
        }
    }

    async fn post(&self, key: &str, url: String, body: Value) -> Outcome {
        let request = self.client.post(url).header(IDEMPOTENCY_KEY, key).json(&body);
        match send(request).await? {
            (status, body) if status.is_success() => message::read(&body),
            (status, body) => Err(message::refused(status, &body)),
        }
    }
}

#[async_trait::async_trait]
impl Provider for Simulated {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn title(&self) -> &'static str {
        "Simulated card"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            idempotent: true,
            can_query: true,
            can_void: true,
            can_refund: true,
            partial_refund: true,
            can_acknowledge: true,
        }
    }

    fn accepts(&self, method: &str) -> bool {
        method.is_empty() || METHODS.contains(&method)
    }

    fn methods(&self) -> &'static [&'static str] {
        &METHODS
    }

    fn action_url(&self, action: &str) -> String {
        format!("{}{action}", self.public_url)
    }

    async fn authorize(&self, key: &str, charge: &Charge) -> Outcome {
        let body = json!({
            "id": charge.payment_id,
            "amount_minor": charge.amount.minor,
            "currency": charge.amount.currency.code(),
            "method": charge.method,
            "capture": charge.capture,
        });
        self.post(key, format!("{}/charges", self.url), body).await
    }

    async fn capture(&self, key: &str, charge: &Charge) -> Outcome {
        self.post(key, format!("{}/capture", self.charge_url(charge)), json!({})).await
    }

    async fn void(&self, key: &str, charge: &Charge) -> Outcome {
        self.post(key, format!("{}/void", self.charge_url(charge)), json!({})).await
    }

    async fn acknowledge(&self, key: &str, charge: &Charge) -> Outcome {
        self.post(key, format!("{}/acknowledge", self.charge_url(charge)), json!({})).await
    }

    async fn refund(&self, key: &str, charge: &Charge, amount: Money) -> Outcome {
        let body = json!({ "amount_minor": amount.minor });
        let request = self.client.post(format!("{}/refunds", self.charge_url(charge)));
        match send(request.header("idempotency-key", key).json(&body)).await? {
            (status, body) if status.is_success() => message::read_refund(&body),
            (status, body) => Err(message::refused(status, &body)),
        }
    }

    async fn query(&self, charge: &Charge) -> Result<Option<ChargeSnapshot>, Failure> {
        match send(self.client.get(self.charge_url(charge))).await? {
            (status, body) if status.is_success() => message::read(&body).map(Some),
            (StatusCode::NOT_FOUND, _) => Ok(None),
            (status, body) => Err(message::refused(status, &body)),
        }
    }

    fn read_webhook(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Time,
    ) -> Result<Option<ProviderEvent>, Rejection> {
        signature::verify(&self.webhook_key, single(headers, SIGNATURE)?, body, now)?;
        message::event(body)
    }
}

async fn send(request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), Failure> {
    let response = request.send().await.map_err(http::failure)?;
    Ok((response.status(), http::body(response).await?))
}

//! The simulated provider's client: speaks the protocol of [`crate::simulator`] over HTTP, as it would to a
//! real provider.

use std::time::Duration;

use aws_lc_rs::hmac;
use axum::http::HeaderMap;
use kit::{Money, StartError, Time, headers::IDEMPOTENCY_KEY, id::PaymentId};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    About, Capabilities, Charge, Failure, News, Outcome, Provider, ProviderEvent, Rejection, Standing, Told,
    http, signature, single,
};
use crate::simulator::METHODS;

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

/// What is read of a webhook.
#[derive(Debug, Deserialize)]
struct Webhook {
    id: String,
    charge: Answer,
    refund: Option<WebhookRefund>,
}

/// A refund in a webhook. Its key is the one that it was asked for by.
#[derive(Debug, Deserialize)]
struct WebhookRefund {
    key: String,
    status: String,
    #[serde(default)]
    reason: String,
    #[serde(flatten)]
    figure: Figure,
}

/// A refund's own figure.
#[derive(Debug, Deserialize)]
struct Figure {
    amount_minor: Option<i64>,
    /// The charge's, where it says none.
    currency: Option<String>,
}

/// What is read of a charge.
#[derive(Debug, Deserialize)]
struct Answer {
    reference: String,
    /// Our own id of it.
    #[serde(default)]
    id: String,
    status: String,
    #[serde(default)]
    decline_reason: String,
    #[serde(default)]
    action_path: String,
    amount_minor: Option<i64>,
    captured_minor: Option<i64>,
    refunded_minor: Option<i64>,
    currency: Option<String>,
    /// In the answer to a refund.
    refund: Option<Figure>,
}

impl Answer {
    /// An amount in its currency; an error where that is no amount of money.
    fn money(&self, minor: Option<i64>) -> Result<Option<Money>, ()> {
        money(minor, self.currency.as_deref())
    }

    /// How much went back by a refund alone.
    fn given(&self, refund: &Figure) -> Result<Option<Money>, ()> {
        money(refund.amount_minor, refund.currency.as_deref().or(self.currency.as_deref()))
    }
}

fn money(minor: Option<i64>, currency: Option<&str>) -> Result<Option<Money>, ()> {
    let (Some(minor), Some(currency)) = (minor, currency) else { return Ok(None) };
    let currency = currency.parse()?;
    if minor < 0 { Err(()) } else { Ok(Some(Money::new(minor, currency))) }
}

/// What is read of a refusal.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Refusal {
    error: Reason,
    charge: Option<Answer>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Reason {
    code: String,
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
        match answer(request).await? {
            (status, body) if status.is_success() => read(&body),
            (status, body) => Err(refused(status, &body)),
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
            can_ask: true,
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
        match answer(request.header("idempotency-key", key).json(&body)).await? {
            (status, body) if status.is_success() => read_refund(&body),
            (status, body) => Err(refused(status, &body)),
        }
    }

    async fn ask(&self, charge: &Charge) -> Result<Option<Told>, Failure> {
        match answer(self.client.get(self.charge_url(charge))).await? {
            (status, body) if status.is_success() => read(&body).map(Some),
            (StatusCode::NOT_FOUND, _) => Ok(None),
            (status, body) => Err(refused(status, &body)),
        }
    }

    fn receive(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Time,
    ) -> Result<Option<ProviderEvent>, Rejection> {
        signature::verify(&self.webhook_key, single(headers, SIGNATURE)?, body, now)?;
        let unreadable = |problem: &dyn std::fmt::Display| Rejection::Unreadable(problem.to_string());
        let event: Webhook = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
        let payment: Result<PaymentId, _> = event.charge.id.parse();
        // A charge that somebody else made there.
        let Ok(payment) = payment else { return Ok(None) };
        let news = match event.refund {
            None => told(event.charge).map(News::Charge).ok_or_else(|| unreadable(&"unknown status"))?,
            Some(refund) => {
                let money = |minor| event.charge.money(minor).map_err(|()| unreadable(&"no amount of money"));
                let Ok(id) = refund.key.parse() else {
                    // Made there: it counts by what the charge says of all refunds.
                    let Some(total) = money(event.charge.refunded_minor)? else { return Ok(None) };
                    let (about, news) = (About::Payment(payment), News::Refunded(total));
                    return Ok(Some(ProviderEvent { id: event.id, about, news }));
                };
                let outcome = match refund.status.as_str() {
                    "succeeded" => {
                        let given = event.charge.given(&refund.figure);
                        Ok(given.map_err(|()| unreadable(&"no amount of money"))?)
                    }
                    "failed" => Err(refund.reason.to_uppercase()),
                    _ => return Err(unreadable(&"unknown status of a refund")),
                };
                News::Refund { id, outcome }
            }
        };
        Ok(Some(ProviderEvent { id: event.id, about: About::Payment(payment), news }))
    }
}

async fn answer(request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), Failure> {
    let response = request.send().await.map_err(http::failure)?;
    Ok((response.status(), http::body(response).await?))
}

fn read(body: &[u8]) -> Outcome {
    let unreadable = |problem: String| Failure::Unknown { problem: format!("unreadable answer: {problem}") };
    let answer: Answer = serde_json::from_slice(body).map_err(|error| unreadable(error.to_string()))?;
    let status = answer.status.clone();
    told(answer).ok_or_else(|| unreadable(format!("status {status:?}")))
}

/// The answer to a refund is the charge as it is then, and the refund: that one's size is its own.
fn read_refund(body: &[u8]) -> Outcome {
    let told = read(body)?;
    let unreadable = |problem: &str| Failure::Unknown { problem: format!("unreadable answer: {problem}") };
    let answer: Answer = serde_json::from_slice(body).map_err(|error| unreadable(&error.to_string()))?;
    let size = match &answer.refund {
        Some(refund) => answer.given(refund).map_err(|()| unreadable("no amount of money"))?,
        None => None,
    };
    Ok(Told { size, ..told })
}

fn told(answer: Answer) -> Option<Told> {
    let size = match answer.status.as_str() {
        "authorized" => answer.money(answer.amount_minor),
        "captured" => answer.money(answer.captured_minor),
        _ => Ok(None),
    };
    let standing = match answer.status.as_str() {
        "processing" => Standing::Working,
        "waiting" => Standing::Waiting { action: answer.action_path },
        "authorized" => Standing::Authorized,
        "captured" => Standing::Captured,
        "declined" => Standing::Declined { reason: answer.decline_reason },
        "voided" => Standing::Voided,
        _ => return None,
    };
    Some(Told { size: size.ok()?, ..Told::new(answer.reference, standing) })
}

/// What it means that a request was answered with an error.
fn refused(status: StatusCode, body: &[u8]) -> Failure {
    let problem = format!("answered {status}");
    match status {
        StatusCode::TOO_MANY_REQUESTS => Failure::NotSent { problem },
        StatusCode::REQUEST_TIMEOUT => Failure::Unknown { problem },
        status if status.is_client_error() => {
            let refusal: Refusal = serde_json::from_slice(body).unwrap_or_default();
            let reason = match refusal.error.code.as_str() {
                "" => format!("HTTP_{}", status.as_u16()),
                code => code.to_uppercase(),
            };
            Failure::Refused { reason, told: refusal.charge.and_then(told) }
        }
        _ => Failure::Unknown { problem },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_apart_by_what_is_certain() {
        let kind = |status: u16| match refused(StatusCode::from_u16(status).unwrap(), b"") {
            Failure::Refused { .. } => "refused",
            Failure::NotSent { .. } => "not sent",
            Failure::Unknown { .. } => "unknown",
        };
        for (status, expected) in [
            (400, "refused"),
            (404, "refused"),
            (409, "refused"),
            (408, "unknown"),
            (429, "not sent"),
            (500, "unknown"),
            (502, "unknown"),
            (302, "unknown"),
        ] {
            assert_eq!(kind(status), expected, "{status}");
        }
    }

    #[test]
    fn a_refusal_may_say_how_the_charge_stands() {
        let body = br#"{"error":{"code":"captured"},"charge":{"reference":"sim_1","status":"captured"}}"#;
        let told = Some(Told::new("sim_1", Standing::Captured));
        let expected = Failure::Refused { reason: "CAPTURED".to_owned(), told };
        assert_eq!(refused(StatusCode::CONFLICT, body), expected);
    }

    #[test]
    fn a_refunds_answer_has_the_refunds_own_size() {
        let size = |refund: &str| {
            let charge = r#""reference":"sim_1","status":"captured","captured_minor":1000,"currency":"EUR""#;
            read_refund(format!("{{{charge}{refund}}}").as_bytes()).map(|told| told.size)
        };
        let money = |text: &str| Ok(Some(text.parse().unwrap()));
        assert_eq!(size(r#","refund":{"amount_minor":300,"currency":"USD"}"#), money("3.00 USD"));
        assert_eq!(size(r#","refund":{"amount_minor":300}"#), money("3.00 EUR"));
        assert_eq!(size(""), Ok(None), "the whole charge's size is no refund's");
        for bad in [r#","refund":{"amount_minor":-1}"#, r#","refund":{"amount_minor":1,"currency":"€"}"#] {
            assert!(matches!(size(bad), Err(Failure::Unknown { .. })), "{bad}");
        }
    }

    #[test]
    fn an_answer_that_makes_no_sense_is_none() {
        for body in ["", "{}", "[]", r#"{"reference":"sim_1","status":"happy"}"#] {
            assert!(matches!(read(body.as_bytes()), Err(Failure::Unknown { .. })), "{body}");
        }
    }

    #[tokio::test]
    async fn a_connection_that_never_came_about_proves_that_nothing_happened() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let request = Client::builder().tls_certs_only([]).build().unwrap().get(format!("http://{free}/"));
        assert!(matches!(answer(request).await, Err(Failure::NotSent { .. })));
    }
}

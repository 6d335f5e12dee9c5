//! What the simulated provider sends: charges, refunds, refusals, webhooks.

use kit::{Money, id::PaymentId};
use reqwest::StatusCode;
use serde::Deserialize;

use crate::{
    domain::{ChargeSnapshot, ChargeStatus, Failure, Outcome},
    provider::{Content, ProviderEvent, Rejection, Subject},
};

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

/// A refund's own amount.
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

    /// The amount of a refund alone.
    fn refund_amount(&self, refund: &Figure) -> Result<Option<Money>, ()> {
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

/// What a webhook means; `None`, where it is about nothing of ours.
pub fn event(body: &[u8]) -> Result<Option<ProviderEvent>, Rejection> {
    let unreadable = |problem: &dyn std::fmt::Display| Rejection::Unreadable(problem.to_string());
    let event: Webhook = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    let payment: Result<PaymentId, _> = event.charge.id.parse();
    // A charge that somebody else made there.
    let Ok(payment) = payment else { return Ok(None) };
    let content = match event.refund {
        None => snapshot(event.charge).map(Content::Charge).ok_or_else(|| unreadable(&"unknown status"))?,
        Some(refund) => {
            let money = |minor| event.charge.money(minor).map_err(|()| unreadable(&"no amount of money"));
            let Ok(id) = refund.key.parse() else {
                // Made there: it is booked by the charge's total of all refunds.
                let Some(total) = money(event.charge.refunded_minor)? else { return Ok(None) };
                let (subject, content) = (Subject::Payment(payment), Content::RefundedTotal(total));
                return Ok(Some(ProviderEvent { id: event.id, subject, content }));
            };
            let outcome = match refund.status.as_str() {
                "succeeded" => {
                    let amount = event.charge.refund_amount(&refund.figure);
                    Ok(amount.map_err(|()| unreadable(&"no amount of money"))?)
                }
                "failed" => Err(refund.reason.to_uppercase()),
                _ => return Err(unreadable(&"unknown status of a refund")),
            };
            Content::Refund { id, outcome }
        }
    };
    Ok(Some(ProviderEvent { id: event.id, subject: Subject::Payment(payment), content }))
}

/// What an answer means.
pub fn read(body: &[u8]) -> Outcome {
    let unreadable = |problem: String| Failure::Unknown { problem: format!("unreadable answer: {problem}") };
    let answer: Answer = serde_json::from_slice(body).map_err(|error| unreadable(error.to_string()))?;
    let status = answer.status.clone();
    snapshot(answer).ok_or_else(|| unreadable(format!("status {status:?}")))
}

/// The answer to a refund is the charge as it is then, and the refund, with an amount of its own.
pub fn read_refund(body: &[u8]) -> Outcome {
    let snapshot = read(body)?;
    let unreadable = |problem: &str| Failure::Unknown { problem: format!("unreadable answer: {problem}") };
    let answer: Answer = serde_json::from_slice(body).map_err(|error| unreadable(&error.to_string()))?;
    let amount = match &answer.refund {
        Some(refund) => answer.refund_amount(refund).map_err(|()| unreadable("no amount of money"))?,
        None => None,
    };
    Ok(ChargeSnapshot { amount, ..snapshot })
}

fn snapshot(answer: Answer) -> Option<ChargeSnapshot> {
    let amount = match answer.status.as_str() {
        "authorized" => answer.money(answer.amount_minor),
        "captured" => answer.money(answer.captured_minor),
        _ => Ok(None),
    };
    let status = match answer.status.as_str() {
        "processing" => ChargeStatus::Processing,
        "waiting" => ChargeStatus::Waiting { action: answer.action_path },
        "authorized" => ChargeStatus::Authorized,
        "captured" => ChargeStatus::Captured,
        "declined" => ChargeStatus::Declined { reason: answer.decline_reason },
        "voided" => ChargeStatus::Voided,
        _ => return None,
    };
    Some(ChargeSnapshot { amount: amount.ok()?, ..ChargeSnapshot::new(answer.reference, status) })
}

/// What it means that a request was answered with an error.
pub fn refused(status: StatusCode, body: &[u8]) -> Failure {
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
            Failure::Refused { reason, snapshot: refusal.charge.and_then(snapshot) }
        }
        _ => Failure::Unknown { problem },
    }
}

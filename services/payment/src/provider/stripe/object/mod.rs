//! What is read of Stripe's objects and errors, and what it means. `client_secret` and everything else that
//! we have no use for is left unread.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use kit::Money;
use serde::Deserialize;

use super::hosted::EXPIRED;
use crate::domain::{ChargeSnapshot, ChargeStatus, Fee};

/// The metadata key of the payment's id.
pub const PAYMENT_ID: &str = "payment_id";
/// The metadata key of the refund's id.
pub const REFUND_ID: &str = "refund_id";

/// The longest id and the longest URL that are kept.
const LONGEST_ID: usize = 128;
const LONGEST_URL: usize = 1024;

/// A PaymentIntent: <https://docs.stripe.com/api/payment_intents/object>.
#[derive(Debug, Deserialize)]
pub struct Intent {
    pub id: String,
    status: String,
    next_action: Option<NextAction>,
    last_payment_error: Option<ApiError>,
    amount: Option<i64>,
    amount_capturable: Option<i64>,
    amount_received: Option<i64>,
    currency: Option<String>,
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct NextAction {
    redirect_to_url: Option<Redirect>,
}

#[derive(Debug, Deserialize)]
struct Redirect {
    url: Option<String>,
}

/// A Checkout Session: <https://docs.stripe.com/api/checkout/sessions/object>.
#[derive(Debug, Deserialize)]
pub struct Session {
    pub id: String,
    pub status: Option<String>,
    url: Option<String>,
    pub payment_intent: Option<IntentRef>,
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// A PaymentIntent where it was asked for, else its id.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum IntentRef {
    Whole(Box<Intent>),
    Id(String),
}

/// A refund: <https://docs.stripe.com/api/refunds/object>.
#[derive(Debug, Deserialize)]
pub struct Refund {
    pub id: String,
    pub status: Option<String>,
    pub failure_reason: Option<String>,
    pub amount: Option<i64>,
    pub currency: Option<String>,
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// A booking on the account's balance, in the account's currency rather than the charge's:
/// <https://docs.stripe.com/api/balance_transactions/object>.
#[derive(Debug, Deserialize)]
pub struct BalanceTransaction {
    id: String,
    amount: Option<i64>,
    /// What Stripe took; negative, what it gave back.
    fee: Option<i64>,
    net: Option<i64>,
    currency: Option<String>,
}

/// Several of something; not all of them, where `has_more`.
#[derive(Debug, Deserialize)]
pub struct List<T> {
    pub data: Vec<T>,
    #[serde(default)]
    pub has_more: bool,
}

/// What went wrong: <https://docs.stripe.com/api/errors>. The message is left unread: it may repeat what was
/// sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ApiError {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub code: Option<String>,
    pub decline_code: Option<String>,
    pub payment_intent: Option<Box<Intent>>,
}

/// The body of an answer that is an error.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ErrorBody {
    pub error: ApiError,
}

impl BalanceTransaction {
    /// What Stripe took for it; none where this is no booking that makes sense.
    pub fn fee(&self) -> Option<Fee> {
        // By definition, what is left of the amount is `net`.
        let units = match (self.fee, self.amount, self.net) {
            (Some(fee), ..) => fee,
            (None, Some(amount), Some(net)) => amount.checked_sub(net)?,
            _ => return None,
        };
        let amount = super::amount::signed(units, self.currency.as_deref()?)?;
        is_id(&self.id).then(|| Fee { reference: self.id.clone(), amount })
    }
}

impl Session {
    pub fn is_expired(&self) -> bool {
        self.status.as_deref() == Some("expired")
    }

    /// The charge, unless its PaymentIntent decides.
    pub fn snapshot(&self) -> Option<ChargeSnapshot> {
        let status = match self.status.as_deref() {
            // A card that was declined on the page is no decline yet: the customer may try another one there.
            Some("open") => ChargeStatus::Waiting { action: fitting(self.url.clone()).unwrap_or_default() },
            Some("expired") => ChargeStatus::Declined { reason: EXPIRED.to_owned() },
            _ => return None,
        };
        is_id(&self.id).then(|| ChargeSnapshot::new(&self.id, status))
    }
}

/// An amount that Stripe may report: `Some(None)` where it does not, `None` where that is no amount of money.
#[allow(clippy::option_option, reason = "the outer one is a question mark's")]
pub fn amount_if_any(units: Option<i64>, currency: Option<&str>) -> Option<Option<Money>> {
    match (units, currency) {
        (Some(units), Some(currency)) => super::amount::money(units, currency).map(Some),
        _ => Some(None),
    }
}

/// A URL, unless it is too long to keep.
fn fitting(url: Option<String>) -> Option<String> {
    url.filter(|url| url.len() <= LONGEST_URL)
}

impl Intent {
    /// The charge; none where this is no answer that makes sense.
    pub fn snapshot(&self) -> Option<ChargeSnapshot> {
        let status = match self.status.as_str() {
            // It is confirmed as it is made, so this is where it comes back to after a decline.
            "requires_payment_method" => ChargeStatus::Declined {
                reason: self.last_payment_error.as_ref().map(ApiError::reason).unwrap_or_default(),
            },
            "requires_action" => ChargeStatus::Waiting { action: self.action().unwrap_or_default() },
            "requires_confirmation" | "processing" => ChargeStatus::Processing,
            "requires_capture" => ChargeStatus::Authorized,
            "succeeded" => ChargeStatus::Captured,
            // By us, in the dashboard, or by Stripe when the hold on the money expired.
            "canceled" => ChargeStatus::Voided,
            _ => return None,
        };
        // A figure that makes no sense makes the answer none.
        let amount = match &status {
            ChargeStatus::Authorized => {
                amount_if_any(self.amount_capturable.or(self.amount), self.currency.as_deref())?
            }
            ChargeStatus::Captured => amount_if_any(self.amount_received, self.currency.as_deref())?,
            _ => None,
        };
        is_id(&self.id).then(|| ChargeSnapshot { amount, ..ChargeSnapshot::new(&self.id, status) })
    }

    /// Where the customer must act. There is no URL where the page that asked for it must act by itself.
    fn action(&self) -> Option<String> {
        let url = self.next_action.as_ref()?.redirect_to_url.as_ref()?.url.clone()?;
        fitting(Some(url))
    }
}

impl ApiError {
    /// The reason as payments and refunds show it, to customers too. Of lost and stolen cards and of fraud
    /// they are snapshot no more than that the card is declined: <https://docs.stripe.com/declines/codes>.
    pub fn reason(&self) -> String {
        match self.decline_code.as_deref().or(self.code.as_deref()) {
            None
            | Some(
                "card_declined" | "generic_decline" | "do_not_honor" | "fraudulent" | "lost_card"
                | "stolen_card" | "pickup_card" | "restricted_card" | "merchant_blacklist",
            ) => "DECLINED".to_owned(),
            Some(code) => name(code),
        }
    }
}

/// A code of Stripe's as a reason of ours.
pub fn name(code: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' };
    code.chars().take(64).map(plain).collect()
}

/// Whether this may be an id of Stripe's, which goes into paths.
pub fn is_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !text.is_empty() && text.len() <= LONGEST_ID && text.bytes().all(plain)
}

//! What is read of Stripe's objects and errors, and what it means. `client_secret` and everything else that
//! we have no use for is left unread.

use std::collections::BTreeMap;

use kit::Money;
use serde::Deserialize;

use super::hosted::EXPIRED;
use crate::{
    domain::Fee,
    provider::{Standing, Told},
};

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

    /// How the charge stands, unless its PaymentIntent decides.
    pub fn told(&self) -> Option<Told> {
        let standing = match self.status.as_deref() {
            // A card that was declined on the page is no decline yet: she may try another one there.
            Some("open") => Standing::Waiting { action: fitting(self.url.clone()).unwrap_or_default() },
            Some("expired") => Standing::Declined { reason: EXPIRED.to_owned() },
            _ => return None,
        };
        is_id(&self.id).then(|| Told::new(&self.id, standing))
    }
}

/// How much Stripe says something is: nothing where it does not say, an error where that is no amount of money.
#[allow(clippy::option_option, reason = "the outer one is a question mark's")]
pub fn size(units: Option<i64>, currency: Option<&str>) -> Option<Option<Money>> {
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
    /// How the charge stands; none where this is no answer that makes sense.
    pub fn told(&self) -> Option<Told> {
        let standing = match self.status.as_str() {
            // It is confirmed as it is made, so this is where it comes back to after a decline.
            "requires_payment_method" => Standing::Declined {
                reason: self.last_payment_error.as_ref().map(ApiError::reason).unwrap_or_default(),
            },
            "requires_action" => Standing::Waiting { action: self.action().unwrap_or_default() },
            "requires_confirmation" | "processing" => Standing::Working,
            "requires_capture" => Standing::Authorized,
            "succeeded" => Standing::Captured,
            // By us, in the dashboard, or by Stripe when the hold on the money expired.
            "canceled" => Standing::Voided,
            _ => return None,
        };
        // A figure that makes no sense makes the answer none.
        let size = match &standing {
            Standing::Authorized => size(self.amount_capturable.or(self.amount), self.currency.as_deref())?,
            Standing::Captured => size(self.amount_received, self.currency.as_deref())?,
            _ => None,
        };
        is_id(&self.id).then(|| Told { size, ..Told::new(&self.id, standing) })
    }

    /// Where the customer must act. There is no URL where the page that asked for it must act by itself.
    fn action(&self) -> Option<String> {
        let url = self.next_action.as_ref()?.redirect_to_url.as_ref()?.url.clone()?;
        fitting(Some(url))
    }
}

impl ApiError {
    /// The reason as payments and refunds show it, to customers too. Of lost and stolen cards and of fraud
    /// they are told no more than that the card is declined: <https://docs.stripe.com/declines/codes>.
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn told(intent: Value) -> Option<Told> {
        serde_json::from_value::<Intent>(intent).unwrap().told()
    }

    fn standing(status: &str) -> Option<Standing> {
        told(json!({"id": "pi_1", "status": status})).map(|told| told.standing)
    }

    #[test]
    fn every_status_of_a_payment_intent_means_something() {
        assert_eq!(standing("requires_capture"), Some(Standing::Authorized));
        assert_eq!(standing("succeeded"), Some(Standing::Captured));
        assert_eq!(standing("canceled"), Some(Standing::Voided));
        assert_eq!(standing("processing"), Some(Standing::Working));
        assert_eq!(standing("requires_confirmation"), Some(Standing::Working));
        assert_eq!(standing("requires_action"), Some(Standing::Waiting { action: String::new() }));
        let declined = Some(Standing::Declined { reason: String::new() });
        assert_eq!(standing("requires_payment_method"), declined);
        assert_eq!(standing("something_new"), None);
    }

    #[test]
    fn the_figure_of_what_is_held_or_taken_is_read() {
        let size = |status: &str, currency: &str| {
            let intent = json!({"id": "pi_1", "status": status, "currency": currency, "amount": 1000,
                "amount_capturable": 600, "amount_received": 100});
            told(intent).map(|told| told.size)
        };
        let money = |minor, currency: &str| Some(Some(Money::new(minor, currency.parse().unwrap())));
        assert_eq!(size("requires_capture", "eur"), money(600, "EUR"));
        assert_eq!(size("succeeded", "usd"), money(100, "USD"));
        assert_eq!(size("succeeded", "isk"), money(1, "ISK"));
        assert_eq!(size("canceled", "eur"), Some(None));
        assert_eq!(size("succeeded", "not money"), None);
    }

    #[test]
    fn a_booking_says_what_stripe_took_for_it_in_the_accounts_currency() {
        let fee = |booking: Value| {
            let mut whole = json!({"id": "txn_1", "object": "balance_transaction", "currency": "usd", "exchange_rate": 1.2,
                "fee_details": [{"amount": 1500, "currency": "usd", "type": "stripe_fee"}], "type": "adjustment"});
            whole.as_object_mut().unwrap().extend(booking.as_object().unwrap().clone());
            serde_json::from_value::<BalanceTransaction>(whole)
                .unwrap()
                .fee()
                .map(|fee| fee.amount.to_string())
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(fee(json!({"amount": -1200, "fee": 1500, "net": -2700})), some("15.00 USD"));
        assert_eq!(fee(json!({"amount": 1200, "fee": -1500, "net": 2700})), some("-15.00 USD"));
        assert_eq!(fee(json!({"amount": -1200, "net": -2700})), some("15.00 USD"));
        assert_eq!(fee(json!({"amount": -1200, "fee": 0, "net": -1200})), some("0.00 USD"));
        assert_eq!(fee(json!({"fee": 500, "currency": "jpy"})), some("500 JPY"));
        for nonsense in [
            json!({"amount": -1200}),
            json!({"fee": 1, "currency": "no money"}),
            json!({"fee": i64::MIN}),
            json!({"amount": i64::MAX, "net": -1}),
            json!({"fee": 1, "id": "txn/1"}),
        ] {
            assert_eq!(fee(nonsense.clone()), None, "{nonsense}");
        }
    }

    #[test]
    fn a_customer_who_must_act_is_led_on() {
        let url = "https://hooks.stripe.com/3d_secure/1";
        let action = |url: &str| json!({"type": "redirect_to_url", "redirect_to_url": {"url": url, "return_url": "x"}});
        let intent =
            |action: Value| json!({"id": "pi_1", "status": "requires_action", "next_action": action});
        let waiting = |action: &str| Some(Standing::Waiting { action: action.to_owned() });
        assert_eq!(told(intent(action(url))).map(|told| told.standing), waiting(url));
        let sdk = json!({"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "x"}});
        assert_eq!(told(intent(sdk)).map(|told| told.standing), waiting(""));
        let long = format!("https://{}", "x".repeat(2000));
        assert_eq!(told(intent(action(&long))).map(|told| told.standing), waiting(""));
    }

    #[test]
    fn a_session_says_how_the_charge_stands_until_its_payment_intent_does() {
        let told = |status: &str| {
            let session = json!({"id": "cs_1", "status": status, "url": "https://checkout.stripe.com/1",
                "payment_intent": {"id": "pi_1", "status": "requires_payment_method"}});
            serde_json::from_value::<Session>(session).unwrap().told().map(|told| told.standing)
        };
        let waits = Standing::Waiting { action: "https://checkout.stripe.com/1".to_owned() };
        assert_eq!(told("open"), Some(waits), "another card may pay there");
        assert_eq!(told("expired"), Some(Standing::Declined { reason: EXPIRED.to_owned() }));
        assert_eq!(told("complete"), None);
        assert_eq!(told("something_new"), None);
    }

    #[test]
    fn reasons_are_those_of_the_contract_and_else_stripes() {
        let reason = |code: Option<&str>, decline_code: Option<&str>| {
            let (code, decline_code) = (code.map(str::to_owned), decline_code.map(str::to_owned));
            ApiError { code, decline_code, ..ApiError::default() }.reason()
        };
        assert_eq!(reason(Some("card_declined"), Some("insufficient_funds")), "INSUFFICIENT_FUNDS");
        assert_eq!(reason(Some("card_declined"), Some("generic_decline")), "DECLINED");
        assert_eq!(reason(Some("card_declined"), Some("stolen_card")), "DECLINED");
        assert_eq!(reason(Some("card_declined"), None), "DECLINED");
        assert_eq!(reason(Some("expired_card"), None), "EXPIRED_CARD");
        assert_eq!(reason(Some("amount_too_small"), None), "AMOUNT_TOO_SMALL");
        assert_eq!(reason(None, None), "DECLINED");
        assert_eq!(reason(Some("a/../b é"), None), "A____B__");
        assert_eq!(reason(Some(&"x".repeat(100)), None).len(), 64);
    }

    #[test]
    fn an_id_that_could_leave_its_place_in_a_path_is_none() {
        for bad in ["", "../x", "pi_1/capture", "pi 1", "pi_1?x", &"p".repeat(129)] {
            assert_eq!(told(json!({"id": bad, "status": "succeeded"})), None, "{bad}");
        }
    }
}

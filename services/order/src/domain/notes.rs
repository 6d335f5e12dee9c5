//! Notes in an order's history, in the words of its user: what happened for the user, not what was done inside.

use kit::{Fault, Reason};

pub const BASKET_BEGUN: &str = "You began a basket.";
pub const ORDERED: &str = "We have your order.";
pub const PAYING_AGAIN: &str = "You chose another way to pay.";
pub const RESERVED: &str = "Your articles are set aside for you.";
pub const NOT_MADE: &str = "The payment could not be made: try another way to pay.";
pub const NOTHING_TO_PAY: &str = "There is nothing to pay: we prepare your order.";
pub const PAID: &str = "Your payment has arrived: we prepare your order.";
pub const SOLD_MEANWHILE: &str = "Your payment has arrived, but an article was gone by then. We are sorry: the order is \
     cancelled, and your money goes back to you.";
pub const NOT_PAID: &str = "It was not paid in time, so the order was given up. Nothing was charged.";
pub const REOPENED: &str = "You took the order back into your basket. Nothing was charged.";
pub const CANCELLED: &str = "The order was cancelled.";
pub const ACCOUNT_CLOSED: &str = "The account was closed, so the order was cancelled.";
pub const REFUND_LATE: &str = "Your money could not be given back yet: we see to it.";
pub const REFUND_AGAIN: &str = "Money that we gave back did not reach you: we send it again.";
pub const NOT_WAITED_FOR: &str =
    "A payment arrived that this order did not wait for (any more): the money goes back to you.";
pub const NO_MAIL: &str = "A mail about it could not be sent to you.";

/// Why a checkout was refused: a basket is then as it was, an order placed in one call is given up.
pub fn refused(fault: &Fault, given_up: bool) -> String {
    let why = match fault.reason {
        Reason::OutOfStock => "There is less in stock than you asked for",
        Reason::PriceChanged => "A price has changed meanwhile",
        Reason::ArticleInactive => "An article is no longer for sale",
        Reason::CurrencyMismatch => "An article is sold in another currency",
        _ => "It could not be ordered right now",
    };
    let so =
        if given_up { "the order was cancelled. Nothing was charged" } else { "your basket is as it was" };
    format!("{why}: {so}.")
}

/// Whether a cancelled order's note is one of these, and not what somebody wrote.
pub fn is_of_cancellation(note: &str) -> bool {
    [CANCELLED, ACCOUNT_CLOSED, SOLD_MEANWHILE].contains(&note) || refusals().any(|refused| refused == note)
}

/// What is said of orders that are given up because they could not be placed.
fn refusals() -> impl Iterator<Item = String> {
    let reasons = [
        Reason::OutOfStock,
        Reason::PriceChanged,
        Reason::ArticleInactive,
        Reason::CurrencyMismatch,
        Reason::Unspecified,
    ];
    reasons.into_iter().map(|reason| refused(&Fault::new(reason, ""), true))
}

/// Why a payment did not go through; `failure` is the contract's word for it, or the provider's.
pub fn failed(failure: &str) -> String {
    let (what, then) = match failure {
        "DECLINED" => ("Your card was declined", "try another"),
        "INSUFFICIENT_FUNDS" => ("There was not enough money on your card", "try another"),
        "ACTION_EXPIRED" => ("The payment was not confirmed in time", "try again, or another way to pay"),
        "VOIDED" => ("The payment was called off", "try again, or another way to pay"),
        _ => ("The payment did not go through", "try another way to pay"),
    };
    format!("{what}: {then}.")
}

/// What staff said of a parcel that is on its way.
pub fn on_its_way(carrier: &str, tracking_code: &str) -> String {
    let by = if carrier.is_empty() { String::new() } else { format!(" with {carrier}") };
    let code =
        if tracking_code.is_empty() { String::new() } else { format!(", tracking code {tracking_code}") };
    format!("It is on its way{by}{code}.")
}

/// It has arrived.
pub fn arrived(carrier: &str) -> String {
    let by = if carrier.is_empty() { String::new() } else { format!(" with {carrier}") };
    format!("It has arrived{by}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_says_what_it_means_for_the_shopper() {
        assert_eq!(failed("DECLINED"), "Your card was declined: try another.");
        assert_eq!(
            failed("card_velocity_exceeded"),
            "The payment did not go through: try another way to pay."
        );
        assert_eq!(on_its_way("CTT", "RR123"), "It is on its way with CTT, tracking code RR123.");
        assert_eq!(on_its_way("", ""), "It is on its way.");
        assert_eq!(arrived(""), "It has arrived.");
        let short = Fault::new(Reason::OutOfStock, "art_1: 2 free");
        assert_eq!(
            refused(&short, false),
            "There is less in stock than you asked for: your basket is as it was."
        );
        assert!(refused(&short, true).ends_with("Nothing was charged."));
    }

    #[test]
    fn what_somebody_wrote_is_told_from_these() {
        for ours in [CANCELLED, ACCOUNT_CLOSED, &refused(&Fault::new(Reason::PriceChanged, "x"), true)] {
            assert!(is_of_cancellation(ours), "{ours}");
        }
        for written in ["", "I moved to Rua Augusta 1", "Nothing was charged."] {
            assert!(!is_of_cancellation(written), "{written}");
        }
    }
}

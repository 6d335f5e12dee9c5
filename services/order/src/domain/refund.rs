//! What was given back of an order's payment.

use kit::{Currency, Fault, Money};

use super::{Payment, PaymentState};

/// How much of its payment an order has had given back. The numbers are the database's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sea_orm::EnumIter, sea_orm::DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum Refunds {
    None = 0,
    Partial = 1,
    Full = 2,
}

impl Refunds {
    /// As a payment's state says, of which so much was given back.
    pub fn of(state: PaymentState, refunded: i64) -> Self {
        match state {
            PaymentState::Refunded => Refunds::Full,
            _ if refunded > 0 => Refunds::Partial,
            _ => Refunds::None,
        }
    }

    /// As a filter names it; `None` for no filter.
    pub fn named(text: &str) -> Result<Option<Self>, Fault> {
        match text {
            "" => Ok(None),
            "none" => Ok(Some(Refunds::None)),
            "partial" => Ok(Some(Refunds::Partial)),
            "full" => Ok(Some(Refunds::Full)),
            _ => Err(Fault::invalid("refunded", "must be none, partial or full")),
        }
    }
}

/// What an order keeps of what its payment says was given back, or is about to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GivenBack {
    pub minor: i64,
    /// That of `minor`, where that is something: the provider may have taken another than the order's.
    pub currency: Option<Currency>,
    pub refunds: Refunds,
    /// Refunds under way take all that is left.
    pub refunding: bool,
}

impl GivenBack {
    /// Nothing.
    pub const NOTHING: Self = Self { minor: 0, currency: None, refunds: Refunds::None, refunding: false };

    /// As the payment says.
    pub fn of(payment: &Payment) -> Self {
        let minor = |money: Option<Money>| money.map_or(0, |money| money.minor);
        let refunded = payment.refunded.filter(|refunded| refunded.minor != 0);
        let (back, pending) = (minor(refunded), minor(payment.refund_pending));
        Self {
            minor: back,
            currency: refunded.map(|refunded| refunded.currency),
            refunds: Refunds::of(payment.state, back),
            refunding: pending > 0 && back.saturating_add(pending) >= minor(payment.captured),
        }
    }

    /// Whether nothing is left that would pay for the order.
    pub fn is_all(self) -> bool {
        self.refunds == Refunds::Full || self.refunding
    }
}

/// The note in the history where so much more of a payment was given back, or less, because a refund failed
/// after all. Nothing where nothing changed.
pub fn note(before: i64, now: Money, refunds: Refunds) -> Option<String> {
    let change = Money { minor: now.minor.checked_sub(before)?, ..now };
    match change.minor {
        0 => None,
        1.. if refunds == Refunds::Full && change == now => {
            Some(format!("We gave all of your money back: {change}."))
        }
        1.. if refunds == Refunds::Full => Some(format!("We gave {change} back: that makes all of {now}.")),
        1.. => Some(format!("We gave {change} back.")),
        _ => {
            let back = change.negated().ok()?;
            Some(format!("A refund of {back} failed: the money came back to us. We see to it."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_has_three_names() {
        for (text, expected) in [
            ("", None),
            ("none", Some(Refunds::None)),
            ("partial", Some(Refunds::Partial)),
            ("full", Some(Refunds::Full)),
        ] {
            assert_eq!(Refunds::named(text).unwrap(), expected);
        }
        assert_eq!(Refunds::named("Full").unwrap_err().fields[0].0, "refunded");
    }

    #[test]
    fn a_payments_state_says_how_much_of_it_went_back() {
        assert_eq!(Refunds::of(PaymentState::Captured, 0), Refunds::None);
        assert_eq!(Refunds::of(PaymentState::PartiallyRefunded, 1), Refunds::Partial);
        assert_eq!(Refunds::of(PaymentState::Refunded, 1), Refunds::Full);
    }

    #[test]
    fn what_is_under_way_counts_as_soon_as_it_takes_all_that_is_left() {
        let eur = |minor| Some(Money::new(minor, "EUR".parse().unwrap()));
        let said = |state: PaymentState, refunded, pending| {
            GivenBack::of(&Payment {
                captured: eur(1000),
                refunded: eur(refunded),
                refund_pending: eur(pending),
                ..Payment::in_state(state)
            })
        };
        use PaymentState::{Captured, PartiallyRefunded, Refunded};
        for (state, refunded, pending, refunding, is_all) in [
            (Captured, 0, 0, false, false),
            (Captured, 0, 999, false, false),
            (Captured, 0, 1000, true, true),
            (PartiallyRefunded, 400, 599, false, false),
            (PartiallyRefunded, 400, 600, true, true),
            (Refunded, 1000, 0, false, true),
        ] {
            let said = said(state, refunded, pending);
            assert_eq!((said.refunding, said.is_all()), (refunding, is_all), "{refunded} and {pending}");
            assert_eq!(said.currency.is_some(), refunded > 0);
        }
        // An older process of the payment service does not say what is under way.
        let silent = Payment { captured: eur(0), ..Payment::in_state(Captured) };
        assert_eq!(GivenBack::of(&silent), GivenBack::NOTHING);
    }

    #[test]
    fn the_history_has_each_refund_and_each_that_came_back() {
        let eur = |minor| Money::new(minor, "EUR".parse().unwrap());
        for (before, now, refunds, expected) in [
            (0, 0, Refunds::None, None),
            (500, 500, Refunds::Partial, None),
            (0, 500, Refunds::Partial, Some("We gave 5.00 EUR back.")),
            (0, 1000, Refunds::Full, Some("We gave all of your money back: 10.00 EUR.")),
            (500, 1000, Refunds::Full, Some("We gave 5.00 EUR back: that makes all of 10.00 EUR.")),
            (
                1000,
                500,
                Refunds::Partial,
                Some("A refund of 5.00 EUR failed: the money came back to us. We see to it."),
            ),
        ] {
            assert_eq!(note(before, eur(now), refunds).as_deref(), expected, "{before} {now}");
        }
    }
}

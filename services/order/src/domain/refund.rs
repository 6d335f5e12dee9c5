//! What went back to the customer of what she paid, and what came back of what she bought.

use contracts::payment::PaymentState;
use kit::{Fault, Money};

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

/// What the history says where so much more of a payment was given back, or less, because a refund failed
/// after all. Nothing where nothing changed.
pub fn told(before: i64, now: Money, refunds: Refunds) -> Option<String> {
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
    fn the_history_tells_each_refund_and_each_that_came_back() {
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
            assert_eq!(told(before, eur(now), refunds).as_deref(), expected, "{before} {now}");
        }
    }
}

//! What became of a payment's money.

use super::Event;

/// Amounts in minor units of the payment's currency.
/// `0 <= refunded + refund_pending <= captured` and `captured + voided <= authorized <= amount`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    pub amount: i64,
    pub authorized: i64,
    pub captured: i64,
    pub voided: i64,
    pub refunded: i64,
    /// Reserved by refunds under way.
    pub refund_pending: i64,
}

/// More than there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than is left")]
pub struct Unbalanced;

impl Balance {
    /// What an event makes of it. Refunds have their own steps.
    pub fn after(mut self, event: Event) -> Self {
        match event {
            Event::Authorized => self.authorized = self.amount,
            Event::Captured => {
                self.authorized = self.amount;
                self.captured = self.amount;
                // Whether or not it was voided before.
                self.voided = 0;
            }
            Event::Voided | Event::Declined => self.voided = self.authorized - self.captured,
            Event::Begun
            | Event::Waiting
            | Event::AnswerLost
            | Event::RefundedInPart
            | Event::RefundedInFull
            | Event::RefundReturnedInPart
            | Event::RefundReturnedInFull => {}
        }
        self
    }

    /// What may still be refunded.
    pub fn refundable(self) -> i64 {
        self.captured - self.refunded - self.refund_pending
    }

    /// Reserves the amount of a refund.
    pub fn reserve(mut self, amount: i64) -> Result<Self, Unbalanced> {
        if amount <= 0 || amount > self.refundable() {
            return Err(Unbalanced);
        }
        self.refund_pending += amount;
        Ok(self)
    }

    /// Settles a refund whose amount was reserved; the event says what it makes of the payment.
    pub fn settle_refund(mut self, amount: i64) -> Result<(Self, Event), Unbalanced> {
        self = self.release(amount)?;
        self.refunded += amount;
        let whole = self.refunded == self.captured;
        Ok((self, if whole { Event::RefundedInFull } else { Event::RefundedInPart }))
    }

    /// Takes in a refund that was returned; the event says what it makes of the payment.
    pub fn return_refund(mut self, amount: i64) -> Result<(Self, Event), Unbalanced> {
        if amount <= 0 || amount > self.refunded {
            return Err(Unbalanced);
        }
        self.refunded -= amount;
        Ok((self, if self.refunded == 0 { Event::RefundReturnedInFull } else { Event::RefundReturnedInPart }))
    }

    /// Releases what a refund reserved.
    pub fn release(mut self, amount: i64) -> Result<Self, Unbalanced> {
        if amount <= 0 || amount > self.refund_pending {
            return Err(Unbalanced);
        }
        self.refund_pending -= amount;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn new(amount: i64) -> Balance {
        Balance { amount, ..Balance::default() }
    }

    fn sound(balance: Balance) -> bool {
        let Balance { amount, authorized, captured, voided, refunded, refund_pending } = balance;
        refunded >= 0
            && refund_pending >= 0
            && voided >= 0
            && refunded + refund_pending <= captured
            && captured + voided <= authorized
            && authorized <= amount
    }

    #[test]
    fn what_is_refunded_in_parts_is_refunded_in_full() {
        let captured = new(100).after(Event::Captured);
        let (part, event) = captured.reserve(40).unwrap().settle_refund(40).unwrap();
        assert_eq!((event, part.refundable()), (Event::RefundedInPart, 60));
        let (whole, event) = part.reserve(60).unwrap().settle_refund(60).unwrap();
        assert_eq!((event, whole.refundable()), (Event::RefundedInFull, 0));
        let (back, event) = whole.return_refund(40).unwrap();
        assert_eq!((event, back.refundable()), (Event::RefundReturnedInPart, 40));
        let (back, event) = back.return_refund(60).unwrap();
        assert_eq!((event, back), (Event::RefundReturnedInFull, captured));
    }

    #[test]
    fn voiding_what_was_authorised_voids_all_of_it() {
        assert_eq!(new(100).after(Event::Authorized).after(Event::Voided).voided, 100);
        assert_eq!(new(100).after(Event::Voided).voided, 0);
    }

    proptest! {
        #[test]
        fn never_more_is_refunded_than_was_captured(
            amount in 0i64..1_000,
            steps in proptest::collection::vec((0u8..4, -5i64..400), 0..40),
        ) {
            let mut balance = new(amount).after(Event::Captured);
            for (step, amount) in steps {
                let tried = match step {
                    0 => balance.reserve(amount),
                    1 => balance.settle_refund(amount).map(|done| done.0),
                    2 => balance.return_refund(amount).map(|done| done.0),
                    _ => balance.release(amount),
                };
                balance = tried.unwrap_or(balance);
                prop_assert!(sound(balance), "{balance:?}");
            }
        }
    }
}

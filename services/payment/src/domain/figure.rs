//! The amount that a provider reports of a charge, compared with what it was asked for.

use kit::Money;

use super::{Balance, Event, Flag};

/// A payment's currency and balance once the provider's figure is booked, and what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Booked {
    pub money: Money,
    pub balance: Balance,
    pub flag: Flag,
}

/// Books the amount that the provider reports as authorised or captured, where that is not what it was `asked` for, or
/// not what it reported `before`. `balance` is what the event makes of the payment otherwise. Where less is captured,
/// the rest is voided; more, or another currency, replaces the payment's amount.
pub fn book(asked: Money, before: Money, balance: Balance, event: Event, reported: Money) -> Option<Booked> {
    let has_amount = matches!(event, Event::Authorized | Event::Captured);
    if !has_amount || (reported == asked && before == asked) {
        return None;
    }
    let captured = event == Event::Captured;
    let minor = reported.minor.max(0);
    let flag = match reported.currency == asked.currency {
        true => Flag::AmountMismatch,
        false => Flag::CurrencyMismatch,
    };
    let whole = Balance {
        amount: minor,
        authorized: minor,
        captured: if captured { minor } else { 0 },
        voided: 0,
        ..balance
    };
    let balance = match reported.currency == asked.currency && minor <= asked.minor {
        true if captured => {
            let (amount, voided) = (asked.minor, asked.minor - minor);
            Balance { amount, authorized: amount, captured: minor, voided, ..balance }
        }
        true => Balance { amount: asked.minor, authorized: minor, ..balance },
        false => whole,
    };
    Some(Booked { money: Money::new(balance.amount, reported.currency), balance, flag })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn eur(minor: i64) -> Money {
        Money::new(minor, "EUR".parse().unwrap())
    }

    fn asked(event: Event) -> Balance {
        Balance { amount: 1000, ..Balance::default() }.after(event)
    }

    #[test]
    fn what_is_as_asked_is_booked_as_ever() {
        assert_eq!(book(eur(1000), eur(1000), asked(Event::Captured), Event::Captured, eur(1000)), None);
        assert_eq!(book(eur(1000), eur(1000), asked(Event::Voided), Event::Voided, eur(1)), None);
    }

    #[test]
    fn less_leaves_the_rest_voided() {
        let booked = book(eur(1000), eur(1000), asked(Event::Captured), Event::Captured, eur(100)).unwrap();
        let Balance { amount, authorized, captured, voided, .. } = booked.balance;
        assert_eq!((amount, authorized, captured, voided), (1000, 1000, 100, 900));
        assert_eq!((booked.flag, booked.money), (Flag::AmountMismatch, eur(1000)));
    }

    #[test]
    fn more_and_another_currency_are_booked_as_what_they_are() {
        let booked = book(eur(1000), eur(1000), asked(Event::Captured), Event::Captured, eur(1200)).unwrap();
        assert_eq!((booked.balance.captured, booked.money), (1200, eur(1200)));
        let dollars = Money::new(1000, "USD".parse().unwrap());
        let booked = book(eur(1000), eur(1000), asked(Event::Captured), Event::Captured, dollars).unwrap();
        assert_eq!(
            (booked.flag, booked.money, booked.balance.captured),
            (Flag::CurrencyMismatch, dollars, 1000)
        );
    }

    #[test]
    fn what_is_said_last_counts() {
        // More was held, and only what was asked for is taken.
        let held = Balance { amount: 1200, authorized: 1200, ..Balance::default() };
        let booked =
            book(eur(1000), eur(1200), held.after(Event::Captured), Event::Captured, eur(1000)).unwrap();
        let Balance { amount, authorized, captured, voided, .. } = booked.balance;
        assert_eq!((amount, authorized, captured, voided), (1000, 1000, 1000, 0));
    }

    proptest! {
        #[test]
        fn whatever_is_booked_balances(reported in -10i64..3000, captured: bool, dollars: bool) {
            let event = if captured { Event::Captured } else { Event::Authorized };
            let currency = if dollars { "USD" } else { "EUR" }.parse().unwrap();
            if let Some(booked) = book(eur(1000), eur(1000), asked(event), event, Money::new(reported, currency)) {
                let Balance { amount, authorized, captured: taken, voided, .. } = booked.balance;
                prop_assert!(taken >= 0 && voided >= 0 && authorized <= amount && taken + voided <= authorized);
                prop_assert!(!captured || (taken == reported.max(0) && taken + voided == authorized));
                prop_assert!(captured || (taken == 0 && authorized == reported.max(0)));
            }
        }
    }
}

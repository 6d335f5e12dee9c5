//! Amounts of money, short to write and to compare.

use contracts::Money;

/// Euros, in cents.
pub fn eur(cents: i64) -> Money {
    money(cents, 2, "EUR")
}

/// An amount in a currency's minor unit, which has so many `decimals`.
pub fn money(minor: i64, decimals: u32, currency: &str) -> Money {
    let unit = 10i64.pow(decimals);
    let nanos = (minor % unit) * 10i64.pow(9 - decimals);
    Money { currency_code: currency.into(), units: minor / unit, nanos: nanos.try_into().unwrap() }
}

/// The cents of an amount that must be there, in euros.
pub fn cents(money: &Option<Money>) -> i64 {
    let money = money.as_ref().expect("an amount");
    assert_eq!(money.currency_code, "EUR");
    assert_eq!(money.nanos % 10_000_000, 0, "{money:?} is not whole cents");
    money.units * 100 + i64::from(money.nanos / 10_000_000)
}

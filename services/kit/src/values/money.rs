//! Money: whole minor units and an ISO 4217 currency, exact, never a float.

use std::{fmt, str::FromStr};

use contracts::Money as Wire;

use crate::{Currency, Fault, Reason};

/// A sum outside what 64 bits hold, or of two currencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("the amount is too large")]
    Overflow,
    #[error("amounts of different currencies cannot be added")]
    Currencies,
}

impl From<MoneyError> for Fault {
    fn from(error: MoneyError) -> Fault {
        match error {
            MoneyError::Overflow => Fault::new(Reason::AmountTooLarge, error.to_string()),
            MoneyError::Currencies => Fault::new(Reason::CurrencyMismatch, error.to_string()),
        }
    }
}

/// An amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    /// In the currency's minor unit: cents, for euros.
    pub minor: i64,
    pub currency: Currency,
}

impl Money {
    /// An amount of minor units.
    pub fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing, in a currency.
    pub fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// Reads what a caller sent, in a withdrawn currency too; `field` is its proto path, for the error.
    pub fn read(wire: &Wire, field: &str) -> Result<Self, Fault> {
        let currency: Currency = wire.currency_code.parse().map_err(|()| {
            Fault::invalid(format!("{field}.currency_code"), "must be an ISO 4217 currency in use")
        })?;
        let step = 1_000_000_000 / currency.scale();
        let nanos = i64::from(wire.nanos);
        if nanos.abs() >= 1_000_000_000 || (wire.units > 0 && nanos < 0) || (wire.units < 0 && nanos > 0) {
            return Err(Fault::invalid(
                format!("{field}.nanos"),
                "must be below one unit and of the same sign as units",
            ));
        }
        if nanos % step != 0 {
            let problem = format!("{currency} has {} decimals", currency.exponent());
            return Err(Fault::invalid(format!("{field}.nanos"), problem));
        }
        wire.units
            .checked_mul(currency.scale())
            .and_then(|minor| minor.checked_add(nanos / step))
            .map(|minor| Self { minor, currency })
            .ok_or_else(|| Fault::invalid(format!("{field}.units"), "is too large"))
    }

    /// The same plus `other`.
    pub fn plus(self, other: Money) -> Result<Money, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Currencies);
        }
        self.minor.checked_add(other.minor).map(|minor| Money { minor, ..self }).ok_or(MoneyError::Overflow)
    }

    /// The same less `other`.
    pub fn minus(self, other: Money) -> Result<Money, MoneyError> {
        self.plus(other.negated()?)
    }

    /// The same with the other sign.
    pub fn negated(self) -> Result<Money, MoneyError> {
        self.minor.checked_neg().map(|minor| Money { minor, ..self }).ok_or(MoneyError::Overflow)
    }

    /// So many times the same.
    pub fn times(self, count: i64) -> Result<Money, MoneyError> {
        self.minor.checked_mul(count).map(|minor| Money { minor, ..self }).ok_or(MoneyError::Overflow)
    }

    /// `basis_points` hundredths of a percent of it, rounded half up (away from zero) once.
    pub fn share(self, basis_points: i32) -> Result<Money, MoneyError> {
        self.ratio(i128::from(basis_points), 10_000)
    }

    /// The tax that an amount with tax included has in it, rounded half up once.
    pub fn tax_included(self, basis_points: i32) -> Result<Money, MoneyError> {
        self.ratio(i128::from(basis_points), 10_000 + i128::from(basis_points))
    }

    fn ratio(self, numerator: i128, denominator: i128) -> Result<Money, MoneyError> {
        let product = i128::from(self.minor) * numerator;
        let half = denominator / 2 * product.signum();
        let minor = i64::try_from((product + half) / denominator).map_err(|_| MoneyError::Overflow)?;
        Ok(Money { minor, ..self })
    }
}

impl From<Money> for Wire {
    fn from(money: Money) -> Wire {
        let scale = money.currency.scale();
        Wire {
            currency_code: money.currency.to_string(),
            units: money.minor / scale,
            nanos: (money.minor % scale * (1_000_000_000 / scale)) as i32,
        }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = self.currency.scale().unsigned_abs();
        let (sign, minor) = (if self.minor < 0 { "-" } else { "" }, self.minor.unsigned_abs());
        match self.currency.exponent() as usize {
            0 => write!(out, "{sign}{minor} {}", self.currency),
            decimals => write!(out, "{sign}{}.{:0decimals$} {}", minor / scale, minor % scale, self.currency),
        }
    }
}

/// `12.99 EUR`, as configuration writes it: in no currency that is withdrawn.
impl FromStr for Money {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let problem = || format!("{text:?} is not an amount such as \"4.99 EUR\"");
        let (amount, code) = text.trim().rsplit_once(' ').ok_or_else(problem)?;
        let currency: Currency = code.parse().map_err(|()| problem())?;
        if currency.is_withdrawn() {
            return Err(format!("{text:?} is in a currency that was withdrawn"));
        }
        let (sign, digits) = amount.strip_prefix('-').map_or((1, amount), |rest| (-1, rest));
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
        let exponent = currency.exponent() as usize;
        let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || decimals.len() > exponent || !plain(whole) || !plain(decimals) {
            return Err(problem());
        }
        let minor: i64 = format!("{whole}{decimals:0<exponent$}").parse().map_err(|_| problem())?;
        Ok(Money::new(sign * minor, currency))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wire(code: &str, units: i64, nanos: i32) -> Wire {
        Wire { currency_code: code.to_owned(), units, nanos }
    }

    #[test]
    fn amounts_are_exact_in_currencies_of_none_two_and_three_decimals() {
        for (sent, minor) in [
            (wire("EUR", 12, 990_000_000), 1299),
            (wire("JPY", 500, 0), 500),
            (wire("KWD", 1, 5_000_000), 1005),
            (wire("EUR", -1, -500_000_000), -150),
        ] {
            let money = Money::read(&sent, "price").unwrap();
            assert_eq!(money.minor, minor);
            assert_eq!(Wire::from(money), sent);
        }
    }

    #[test]
    fn too_many_decimals_mixed_signs_unknown_currencies_and_overflow_name_their_field() {
        for (sent, field) in [
            (wire("EUR", 1, 1), "price.nanos"),
            (wire("JPY", 1, 10_000_000), "price.nanos"),
            (wire("EUR", 1, -10_000_000), "price.nanos"),
            (wire("EUR", 1, 1_000_000_000), "price.nanos"),
            (wire("ABC", 1, 0), "price.currency_code"),
            (wire("eur", 1, 0), "price.currency_code"),
            (wire("EUR", i64::MAX / 10, 0), "price.units"),
        ] {
            assert_eq!(Money::read(&sent, "price").unwrap_err().fields[0].0, field, "{sent:?}");
        }
    }

    #[test]
    fn shares_round_half_up_once() {
        let eur: Currency = "EUR".parse().unwrap();
        assert_eq!(Money::new(50, eur).share(100).unwrap().minor, 1);
        assert_eq!(Money::new(49, eur).share(100).unwrap().minor, 0);
        assert_eq!(Money::new(-50, eur).share(100).unwrap().minor, -1);
        assert_eq!(Money::new(12300, eur).tax_included(2300).unwrap().minor, 2300);
    }

    #[test]
    fn amounts_of_configuration_are_read_and_shown() {
        for text in ["4.99 EUR", "0.05 EUR", "500 JPY", "-1.005 KWD"] {
            assert_eq!(text.parse::<Money>().unwrap().to_string(), text);
        }
        for text in ["", "4.99", "4.999 EUR", "4,99 EUR", ".5 EUR", "+1 EUR", "1.5 JPY", "1 XXX", "1.00 BGN"]
        {
            assert!(text.parse::<Money>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_amount_survives_the_wire(minor: i64, which in 0usize..3) {
            let money = Money::new(minor, ["JPY", "EUR", "KWD"][which].parse().unwrap());
            prop_assert_eq!(Money::read(&Wire::from(money), "x").unwrap(), money);
        }

        #[test]
        fn included_tax_is_never_more_than_the_amount(minor in 0i64.., rate in 0i32..=10_000) {
            let tax = Money::new(minor, "EUR".parse().unwrap()).tax_included(rate).unwrap();
            prop_assert!((0..=minor).contains(&tax.minor));
        }
    }
}

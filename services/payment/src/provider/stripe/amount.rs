//! Amounts as Stripe's API counts them, which is not always ISO 4217's minor unit:
//! <https://docs.stripe.com/currencies#minor-units>.

use kit::{Currency, Money};

/// The amount in Stripe's unit; none where Stripe cannot charge exactly that much.
pub fn minor_units(amount: Money) -> Option<i64> {
    let minor = amount.minor;
    match amount.currency.code() {
        // Without decimals since, but still counted in hundredths, which must be 00.
        "ISK" | "UGX" => minor.checked_mul(100),
        // One ariary is five iraimbilanja; Stripe takes whole ones only.
        "MGA" => (minor % 100 == 0).then_some(minor / 100),
        // The card networks take the last of three decimals as 0 only.
        "BHD" | "JOD" | "KWD" | "OMR" | "TND" => (minor % 10 == 0).then_some(minor),
        // Stripe has none of these, so what it would take their amounts for is anybody's guess.
        "IQD" | "LYD" | "UYI" => None,
        _ => Some(minor),
    }
}

/// What an amount in Stripe's unit is; none where there is no such amount of money.
pub fn money(units: i64, currency: &str) -> Option<Money> {
    let currency: Currency = currency.to_uppercase().parse().ok()?;
    let minor = match currency.code() {
        _ if units < 0 => return None,
        "ISK" | "UGX" if units % 100 != 0 => return None,
        "ISK" | "UGX" => units / 100,
        "MGA" => units.checked_mul(100)?,
        _ => units,
    };
    Some(Money::new(minor, currency))
}

/// The same of an amount that may be negative.
pub fn signed(units: i64, currency: &str) -> Option<Money> {
    let amount = money(units.checked_abs()?, currency)?;
    Some(Money::new(if units < 0 { -amount.minor } else { amount.minor }, amount.currency))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn units(minor: i64, currency: &str) -> Option<i64> {
        minor_units(Money::new(minor, currency.parse().unwrap()))
    }

    #[test]
    fn amounts_are_what_the_documentation_says() {
        assert_eq!(units(1000, "USD"), Some(1000), "10 dollars");
        assert_eq!(units(500, "JPY"), Some(500), "500 yen");
        assert_eq!(units(5, "ISK"), Some(500), "5 krónur");
        assert_eq!(units(5, "UGX"), Some(500), "5 shillings");
        assert_eq!(units(50_000, "MGA"), Some(500), "500 ariary");
        assert_eq!(units(5120, "KWD"), Some(5120), "5.120 dinars");
    }

    #[test]
    fn what_cannot_be_charged_exactly_is_not_rounded() {
        assert_eq!(units(5124, "KWD"), None);
        assert_eq!(units(50_020, "MGA"), None);
        assert_eq!(units(1000, "IQD"), None);
        assert_eq!(units(i64::MAX, "ISK"), None);
    }

    proptest! {
        #[test]
        fn amounts_come_back_as_they_went(minor in 0..1_000_000_000i64, place in 0..6usize) {
            let currency: Currency = ["EUR", "JPY", "ISK", "UGX", "MGA", "KWD"][place].parse().unwrap();
            let amount = Money::new(minor, currency);
            if let Some(units) = minor_units(amount) {
                prop_assert_eq!(money(units, &currency.code().to_lowercase()), Some(amount));
            }
        }

        /// Stripe's exponents, written down a second time.
        #[test]
        fn no_amount_becomes_another(minor in 0..1_000_000_000_000i64, place in 0..10usize) {
            let (code, exponent) = [
                ("EUR", 2), ("BIF", 0), ("JPY", 0), ("KRW", 0), ("XPF", 0), ("MGA", 0), ("ISK", 2), ("UGX", 2),
                ("KWD", 3), ("TND", 3),
            ][place];
            let currency: Currency = code.parse().unwrap();
            if let Some(units) = minor_units(Money::new(minor, currency)) {
                let scale = |exponent: u32| 10i128.pow(3 - exponent);
                prop_assert_eq!(i128::from(units) * scale(exponent), i128::from(minor) * scale(currency.exponent()));
            }
        }
    }
}

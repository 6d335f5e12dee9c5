//! The shop's payment types: a number that checkout names, the provider behind it, and its fee. The order
//! service reckons the fee, the payment service finds the provider, so both read the same configuration.

use std::{collections::BTreeMap, str::FromStr};

use crate::{Money, money::MoneyError};

/// The longest name of a payment type, in characters.
const LONGEST_NAME: usize = 60;

/// What all of a total is, in hundredths of a percent.
const WHOLE: i32 = 10_000;

/// How customers may pay.
#[derive(Debug, Clone, clap::Args)]
pub struct PaymentTypesOptions {
    /// A payment type: its number, its provider, the name that shoppers see and, where it has one, its fee: an
    /// amount, a percentage of the total before the fee, or both, as in "1=stripe:Card" and
    /// "2=simulated:Invoice,flat=0.50 EUR,percent=1.5"; an amount for each currency where there are several. May
    /// be repeated; the environment variable separates them by ";".
    #[arg(
        id = "payment_types",
        long = "payment-type",
        env = "FEIRA_PAYMENT_TYPES",
        value_name = "NUMBER=PROVIDER[:NAME][,flat=AMOUNT]...[,percent=NUMBER]",
        value_delimiter = ';',
        default_value = "1=simulated"
    )]
    pub payment_types: Vec<PaymentTypeEntry>,
}

impl Default for PaymentTypesOptions {
    fn default() -> Self {
        Self { payment_types: vec![PaymentTypeEntry { number: 1, kind: PaymentType::of("simulated") }] }
    }
}

impl PaymentTypesOptions {
    /// The types by number. Fails where a number is given twice.
    pub fn types(&self) -> Result<PaymentTypes, String> {
        PaymentTypes::new(self.payment_types.iter().cloned())
    }
}

/// One payment type as configuration writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentTypeEntry {
    /// What checkout calls it by; 1 or more.
    pub number: i32,
    pub kind: PaymentType,
}

/// One payment type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentType {
    /// The provider's name.
    pub provider: String,
    /// What shoppers know it by; empty where the configuration gives none.
    pub name: String,
    /// A fee of its own for every payment, once per currency; where there is one, orders in other currencies
    /// cannot be paid this way.
    pub flat: Vec<Money>,
    /// A fee in hundredths of a percent of the total before the fee.
    pub percent_basis_points: i32,
}

impl PaymentType {
    /// A provider's type, without a name and without a fee.
    pub fn of(provider: &str) -> Self {
        Self { provider: provider.to_owned(), name: String::new(), flat: Vec::new(), percent_basis_points: 0 }
    }

    /// The fee of a total that has no fee in it yet: its percentage, rounded half up once, plus the flat
    /// amount.
    pub fn fee(&self, total: Money) -> Result<Money, MoneyError> {
        let share = total.share(self.percent_basis_points)?;
        match self.flat.iter().find(|flat| flat.currency == total.currency) {
            Some(flat) => share.plus(*flat),
            None if self.flat.is_empty() => Ok(share),
            None => Err(MoneyError::Currencies),
        }
    }
}

/// The shop's payment types.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PaymentTypes(BTreeMap<i32, PaymentType>);

impl PaymentTypes {
    /// These types. Fails where a number is given twice.
    pub fn new(entries: impl IntoIterator<Item = PaymentTypeEntry>) -> Result<Self, String> {
        let mut types = BTreeMap::new();
        for PaymentTypeEntry { number, kind } in entries {
            if types.insert(number, kind).is_some() {
                return Err(format!("payment type {number} is given twice"));
            }
        }
        Ok(Self(types))
    }

    /// The type of a number.
    pub fn get(&self, number: i32) -> Option<&PaymentType> {
        self.0.get(&number)
    }

    /// All types, by number.
    pub fn iter(&self) -> impl Iterator<Item = (i32, &PaymentType)> {
        self.0.iter().map(|(number, kind)| (*number, kind))
    }
}

/// `1=simulated; 2=simulated,percent=1.5`
impl FromStr for PaymentTypes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let entries = text.split(';').filter(|entry| !entry.trim().is_empty());
        Self::new(entries.map(str::parse).collect::<Result<Vec<PaymentTypeEntry>, String>>()?)
    }
}

/// `2=simulated,flat=0.50 EUR,percent=1.5`
impl FromStr for PaymentTypeEntry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let example =
            || format!("{text:?} is not a payment type such as \"2=simulated,flat=0.50 EUR,percent=1.5\"");
        let mut parts = text.split(',').map(str::trim);
        let (number, provider) = parts.next().and_then(|first| first.split_once('=')).ok_or_else(example)?;
        let number: i32 = number.trim().parse().map_err(|_| example())?;
        let (provider, name) = match provider.split_once(':') {
            Some((provider, name)) => (provider.trim(), Some(name.trim())),
            None => (provider.trim(), None),
        };
        if number < 1 || provider.is_empty() {
            return Err(example());
        }
        let mut kind = PaymentType::of(provider);
        if let Some(name) = name {
            let shown = !name.is_empty() && !name.chars().any(char::is_control);
            if !shown || name.chars().count() > LONGEST_NAME {
                return Err(format!(
                    "the name {name:?} must have 1 to {LONGEST_NAME} characters, none of control"
                ));
            }
            name.clone_into(&mut kind.name);
        }
        let mut percent = false;
        for part in parts {
            match part.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
                Some(("flat", value)) => {
                    let money: Money = value.parse()?;
                    if money.minor < 0 {
                        return Err(format!("the fee {value:?} is negative"));
                    }
                    if kind.flat.iter().any(|flat| flat.currency == money.currency) {
                        return Err(format!("the fee in {} is given twice", money.currency));
                    }
                    kind.flat.push(money);
                }
                Some(("percent", value)) if !std::mem::replace(&mut percent, true) => {
                    kind.percent_basis_points = basis_points(value)?;
                }
                _ => return Err(example()),
            }
        }
        Ok(Self { number, kind })
    }
}

/// A percentage from 0 to 100 with up to two decimals, in hundredths of a percent.
fn basis_points(text: &str) -> Result<i32, String> {
    let problem = || format!("{text:?} is not a percentage from 0 to 100 with up to two decimals");
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || decimals.len() > 2 || !plain(whole) || !plain(decimals) {
        return Err(problem());
    }
    let points: i32 = format!("{whole}{decimals:0<2}").parse().map_err(|_| problem())?;
    if points <= WHOLE { Ok(points) } else { Err(problem()) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use proptest::prelude::*;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        options: PaymentTypesOptions,
    }

    fn eur(minor: i64) -> Money {
        Money::new(minor, "EUR".parse().unwrap())
    }

    #[test]
    fn types_have_a_provider_and_perhaps_a_fee() {
        let types: PaymentTypes = "1=simulated; 2 = stripe, flat=0.50 EUR, percent=1.5;".parse().unwrap();
        assert_eq!(types.get(1).unwrap().fee(eur(1000)), Ok(eur(0)));
        let stripe =
            PaymentType { flat: vec![eur(50)], percent_basis_points: 150, ..PaymentType::of("stripe") };
        assert_eq!(types.get(2), Some(&stripe));
        assert_eq!(types.get(3), None);
    }

    #[test]
    fn a_type_may_have_a_name() {
        let named = |text: &str| text.parse::<PaymentTypeEntry>().unwrap().kind;
        let card = PaymentType { name: "Card: Visa & co.".to_owned(), ..PaymentType::of("stripe") };
        assert_eq!(named("1 = stripe : Card: Visa & co. "), card);
        assert_eq!(named("2=stripe:Cartão,percent=1").name, "Cartão");
        assert_eq!(named("3=stripe").name, "");
    }

    #[test]
    fn a_fee_is_rounded_half_up_once_and_stays_in_its_currency() {
        let kind = "1=x,flat=0.30 EUR,percent=0.5".parse::<PaymentTypeEntry>().unwrap().kind;
        assert_eq!(kind.fee(eur(1000)), Ok(eur(35)));
        assert_eq!(kind.fee(eur(100)), Ok(eur(31)));
        assert_eq!(kind.fee(eur(99)), Ok(eur(30)));
        assert_eq!(kind.fee(Money::new(1000, "USD".parse().unwrap())), Err(MoneyError::Currencies));
    }

    #[test]
    fn each_currency_has_a_flat_fee_of_its_own() {
        let kind = "1=x,flat=0.30 EUR,percent=1,flat=50 JPY".parse::<PaymentTypeEntry>().unwrap().kind;
        let fee = |text: &str| kind.fee(text.parse().unwrap());
        assert_eq!(fee("10.00 EUR"), Ok("0.40 EUR".parse().unwrap()));
        assert_eq!(fee("1000 JPY"), Ok("60 JPY".parse().unwrap()));
        assert_eq!(fee("10.00 USD"), Err(MoneyError::Currencies));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "1",
            "x=y",
            "0=simulated",
            "-1=simulated",
            "1=",
            "1=:Card",
            "1=stripe:",
            "1=stripe: ,percent=1",
            "1=stripe:Ca\trd",
            "1=stripe:An endless name, of more than sixty characters, which nobody could read",
            "1=stripe:0123456789012345678901234567890123456789012345678901234567890",
            "1=a,flat=1",
            "1=a,flat=-1 EUR",
            "1=a,percent=101",
            "1=a,percent=1.555",
            "1=a,percent=-1",
            "1=a,other=1",
            "1=a,percent=1,percent=2",
            "1=a,flat=1.00 EUR,flat=2.00 EUR",
            "1=a,",
        ] {
            assert!(text.parse::<PaymentTypeEntry>().is_err(), "{text}");
        }
        assert_eq!("1=a;1=b".parse::<PaymentTypes>(), Err("payment type 1 is given twice".to_owned()));
    }

    #[test]
    fn flags_may_be_repeated_or_separated_and_the_default_is_the_simulated_provider() {
        let types = |arguments: &[&str]| Program::parse_from(arguments).options.types().unwrap();
        assert_eq!(types(&["x"]), PaymentTypesOptions::default().types().unwrap());
        let repeated =
            types(&["x", "--payment-type", "1=a", "--payment-type", "2=b,flat=1.00 EUR,percent=2"]);
        assert_eq!(repeated, types(&["x", "--payment-type", "1=a;2=b,flat=1.00 EUR,percent=2"]));
        assert_eq!(repeated.iter().count(), 2);
    }

    proptest! {
        #[test]
        fn a_percentage_is_never_more_than_the_total(minor in 0i64.., points in 0i32..=WHOLE) {
            let kind = PaymentType { percent_basis_points: points, ..PaymentType::of("x") };
            prop_assert!((0..=minor).contains(&kind.fee(eur(minor)).unwrap().minor));
        }
    }
}

//! What an article is made of, and what it must be.

use std::collections::BTreeSet;

use kit::{Money, Time, id::ArticleId, words};

/// What staff write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    pub code: String,
    pub name: String,
    pub description: String,
    pub category: String,
    pub price: Option<Money>,
    pub tax_rate_basis_points: i32,
    pub image_url: String,
    pub active: bool,
    pub low_stock_threshold: i64,
}

/// An article as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Article {
    pub id: ArticleId,
    pub content: Content,
    /// Raised by every change of the content.
    pub version: i64,
    pub create_time: Time,
    pub update_time: Time,
    /// Units free to be bought.
    pub free: i64,
}

/// A price that an article must not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPrice {
    #[error("is needed while the article is active")]
    Missing,
    #[error("must not be negative")]
    Negative,
    #[error("is in a currency that was withdrawn")]
    Withdrawn,
}

impl BadPrice {
    /// The field that it is about.
    pub fn field(self) -> &'static str {
        match self {
            BadPrice::Missing | BadPrice::Negative => "price",
            BadPrice::Withdrawn => "price.currency_code",
        }
    }
}

impl Content {
    /// Whether the price is one that this article may have, which had another one before, or none.
    pub fn check(&self, before: Option<Money>) -> Result<(), BadPrice> {
        match self.price {
            None if self.active => Err(BadPrice::Missing),
            Some(price) if price.minor < 0 => Err(BadPrice::Negative),
            Some(price) if price.currency.is_withdrawn() && Some(price) != before => Err(BadPrice::Withdrawn),
            _ => Ok(()),
        }
    }

    /// The words by which search finds it.
    pub fn words(&self) -> BTreeSet<String> {
        words::words([self.name.as_str(), &self.code, &self.category, &self.description])
    }

    /// Where it stands among others by price.
    pub fn price_order(&self) -> i64 {
        self.price.map_or(WITHOUT_PRICE, price_order)
    }
}

/// Where articles without a price stand: after all others.
const WITHOUT_PRICE: i64 = i64::MAX;

/// An amount in thousandths of a unit, whatever the currency's decimals, so that 500 JPY come after 5 EUR.
/// Amounts beyond nine quadrillion units count as equal.
pub fn price_order(price: Money) -> i64 {
    let thousandths = 10i64.pow(3u32.saturating_sub(price.currency.exponent()));
    price.minor.saturating_mul(thousandths).min(WITHOUT_PRICE - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn content(price: Option<&str>, active: bool) -> Content {
        Content {
            code: "A-1".into(),
            name: "Pão".into(),
            description: String::new(),
            category: String::new(),
            price: price.map(|price| price.parse().unwrap()),
            tax_rate_basis_points: 0,
            image_url: String::new(),
            active,
            low_stock_threshold: 0,
        }
    }

    #[test]
    fn an_active_article_has_a_price_and_no_price_is_negative() {
        assert_eq!(content(None, true).check(None), Err(BadPrice::Missing));
        assert_eq!(content(None, false).check(None), Ok(()));
        assert_eq!(content(Some("0.00 EUR"), true).check(None), Ok(()));
        assert_eq!(content(Some("-0.01 EUR"), false).check(None), Err(BadPrice::Negative));
    }

    #[test]
    fn nothing_is_priced_anew_in_a_withdrawn_currency() {
        let old = Money::new(100, "BGN".parse().unwrap());
        let priced = |minor| Content { price: Some(Money { minor, ..old }), ..content(None, false) };
        assert_eq!(priced(100).check(None), Err(BadPrice::Withdrawn));
        assert_eq!(priced(100).check(Some(old)), Ok(()), "what is so already stays");
        assert_eq!(priced(99).check(Some(old)), Err(BadPrice::Withdrawn));
    }

    #[test]
    fn prices_are_ordered_by_amount_and_none_comes_last() {
        let order = |price| content(price, false).price_order();
        assert!(order(Some("5.00 EUR")) < order(Some("500 JPY")));
        assert_eq!(order(Some("1.005 KWD")), 1005);
        assert!(order(Some("90000000000000000.00 EUR")) < order(None));
    }

    proptest! {
        #[test]
        fn prices_of_one_currency_are_ordered_as_their_amounts(one in 0..i64::MAX / 1000, other in 0..i64::MAX / 1000) {
            let order = |minor| price_order(Money::new(minor, "JPY".parse().unwrap()));
            prop_assert_eq!(order(one).cmp(&order(other)), one.cmp(&other));
        }
    }
}

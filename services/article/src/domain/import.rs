//! The rows of an import: what one says of an article, and what becomes of it.

use kit::{Currency, Money};

use super::article::{BadPrice, Content};

/// What a row says of an article; what it leaves out stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    pub code: String,
    pub name: Option<String>,
    pub description: Option<String>,
    pub category: Option<String>,
    pub price: Option<Money>,
    /// That of a price whose amount is left out: it must be the price's already.
    pub currency: Option<Currency>,
    pub tax_rate_basis_points: Option<i32>,
    pub image_url: Option<String>,
    pub active: Option<bool>,
    pub low_stock_threshold: Option<i64>,
    /// Units received where the row creates the article.
    pub received: i64,
    /// What a stock take found of an article that is there.
    pub count: Option<Count>,
}

/// What a stock take found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// Units on the shelf, reserved ones among them.
    pub units: i64,
    /// Why the books are corrected.
    pub note: String,
}

impl Count {
    /// What is to be added to the free units of an article, of which so many are free and reserved.
    pub fn correction(&self, free: i64, reserved: i64) -> Result<i64, Unfit> {
        // Reserved ones are promised: they can be fewer only once their orders are cancelled.
        if self.units < reserved {
            return Err(Unfit::Reserved(reserved));
        }
        Ok(self.units - reserved - free)
    }
}

/// Why a row cannot be what it wants to be, though each of its fields could.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("is required")]
    NoName,
    #[error(transparent)]
    Price(#[from] BadPrice),
    #[error("is in {0}, and the row has no amount in {1}")]
    NoAmount(Currency, Currency),
    #[error("is for articles that are there: `received` says what a new one has")]
    NothingToCount,
    #[error("must be at least {0}: as many are reserved for orders")]
    Reserved(i64),
}

impl Unfit {
    /// The field that it is about.
    pub fn field(self) -> &'static str {
        match self {
            Unfit::NoName => "name",
            Unfit::Price(problem) => problem.field(),
            Unfit::NoAmount(..) => "price",
            Unfit::NothingToCount | Unfit::Reserved(_) => "counted",
        }
    }
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    Created,
    Updated,
    /// It says what is so already.
    Unchanged,
}

impl Row {
    /// The article as the row wants it, which is there already or not.
    pub fn applied(&self, before: Option<&Content>) -> Result<Content, Unfit> {
        let mut content = match before {
            Some(before) => before.clone(),
            None if self.count.is_some() => return Err(Unfit::NothingToCount),
            None if self.name.is_none() => return Err(Unfit::NoName),
            // A code found in other case names the article; it does not rename it.
            None => Content { code: self.code.clone(), ..Content::default() },
        };
        let texts = [
            (&mut content.name, &self.name),
            (&mut content.description, &self.description),
            (&mut content.category, &self.category),
            (&mut content.image_url, &self.image_url),
        ];
        for (old, new) in texts {
            if let Some(new) = new {
                old.clone_from(new);
            }
        }
        if let (None, Some(currency), Some(price)) = (self.price, self.currency, content.price)
            && price.currency != currency
        {
            return Err(Unfit::NoAmount(price.currency, currency));
        }
        content.price = self.price.or(content.price);
        content.tax_rate_basis_points = self.tax_rate_basis_points.unwrap_or(content.tax_rate_basis_points);
        content.active = self.active.unwrap_or(content.active);
        content.low_stock_threshold = self.low_stock_threshold.unwrap_or(content.low_stock_threshold);
        content.check(before.and_then(|before| before.price))?;
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row { code: "A".into(), name: Some("Tea".into()), ..Default::default() }
    }

    #[test]
    fn a_row_creates_what_it_says_and_nothing_else() {
        let content = row().applied(None).unwrap();
        assert_eq!(content, Content { code: "A".into(), name: "Tea".into(), ..Default::default() });
        assert_eq!(Row { name: None, ..row() }.applied(None), Err(Unfit::NoName));
        let active = Row { active: Some(true), ..row() };
        assert_eq!(active.applied(None), Err(Unfit::Price(BadPrice::Missing)));
    }

    #[test]
    fn what_a_row_leaves_out_stays_as_it_is() {
        let before = Content {
            code: "a".into(),
            name: "Coffee".into(),
            description: "black".into(),
            price: Some("1.00 EUR".parse().unwrap()),
            active: true,
            low_stock_threshold: 3,
            ..Default::default()
        };
        let after = row().applied(Some(&before)).unwrap();
        assert_eq!(after, Content { name: "Tea".into(), ..before.clone() });
        let emptied = Row { description: Some(String::new()), active: Some(false), ..row() };
        let after = emptied.applied(Some(&before)).unwrap();
        assert_eq!((after.description.as_str(), after.active), ("", false));
        assert_eq!(row().applied(Some(&after)).unwrap(), after, "once more is nothing new");
    }

    #[test]
    fn a_currency_without_an_amount_sets_no_price() {
        let priced = |currency: &str| Row { currency: currency.parse().ok(), ..row() };
        let new = priced("EUR").applied(None).unwrap();
        assert_eq!(new.price, None);
        let for_sale = Row { active: Some(true), ..priced("EUR") };
        assert_eq!(for_sale.applied(None), Err(Unfit::Price(BadPrice::Missing)));
        let before = Content { price: Some("1.00 EUR".parse().unwrap()), ..new };
        assert_eq!(priced("EUR").applied(Some(&before)).unwrap(), before);
        let problem = priced("USD").applied(Some(&before)).unwrap_err();
        assert_eq!(problem.field(), "price");
        assert_eq!(problem.to_string(), "is in EUR, and the row has no amount in USD");
        let both = Row { price: Some("2.00 USD".parse().unwrap()), ..priced("USD") };
        assert_eq!(both.applied(Some(&before)).unwrap().price, both.price);
    }

    #[test]
    fn a_count_corrects_what_is_free() {
        let count = |units| Count { units, note: String::new() };
        assert_eq!(count(7).correction(5, 0), Ok(2));
        assert_eq!(count(7).correction(5, 3), Ok(-1));
        assert_eq!(count(8).correction(5, 3), Ok(0));
        assert_eq!(count(3).correction(5, 3), Ok(-5));
        assert_eq!(count(2).correction(5, 3), Err(Unfit::Reserved(3)));
        let new = Row { count: Some(count(1)), ..row() };
        assert_eq!(new.applied(None), Err(Unfit::NothingToCount));
    }

    #[test]
    fn prices_are_checked_together_with_what_is_there() {
        let before = row().applied(None).unwrap();
        let active = Row { active: Some(true), ..row() };
        assert_eq!(active.applied(Some(&before)).unwrap_err().field(), "price");
        let negative = Row { price: Some("-0.01 EUR".parse().unwrap()), ..row() };
        assert_eq!(negative.applied(Some(&before)), Err(Unfit::Price(BadPrice::Negative)));
    }
}

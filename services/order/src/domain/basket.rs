//! Lines: articles in an order, and what they cost.

use kit::{
    Currency, Fault, Money, Reason,
    id::{ArticleId, Id, LineId},
    money::MoneyError,
};

/// Units of one article in one line at most.
pub const MOST_OF_ONE: i32 = 1_000;
/// Lines of one order at most.
pub const MOST_LINES: usize = 100;

/// An article in an order, with what it cost when it was put there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub id: LineId,
    pub article_id: ArticleId,
    pub code: String,
    pub name: String,
    pub quantity: i32,
    pub unit_price: Money,
    pub tax_rate_basis_points: i32,
    /// Units that came back after they were sold.
    pub returned: i32,
}

impl Line {
    /// What the line costs.
    pub fn total(&self) -> Result<Money, MoneyError> {
        self.unit_price.times(i64::from(self.quantity))
    }

    /// The tax in what is left of it after its share of the discounts.
    pub fn tax_included(&self, share: Money) -> Result<Money, MoneyError> {
        self.total()?.plus(share)?.tax_included(self.tax_rate_basis_points)
    }

    /// Takes over what the catalogue says now. Answers whether the price is another one.
    pub fn refresh(&mut self, offer: &Offer) -> bool {
        let drifted = self.unit_price != offer.price;
        self.code.clone_from(&offer.code);
        self.name.clone_from(&offer.name);
        self.unit_price = offer.price;
        self.tax_rate_basis_points = offer.tax_rate_basis_points;
        drifted
    }
}

/// What the catalogue says about an article.
#[derive(Debug, Clone)]
pub struct Article {
    pub id: ArticleId,
    /// None while it is not for sale.
    pub offer: Option<Offer>,
}

/// What the catalogue says about an article that can be bought.
#[derive(Debug, Clone)]
pub struct Offer {
    pub article_id: ArticleId,
    pub code: String,
    pub name: String,
    pub price: Money,
    pub tax_rate_basis_points: i32,
}

impl Offer {
    /// A line of so many.
    pub fn line(&self, quantity: i32) -> Line {
        Line {
            id: LineId::new(),
            article_id: self.article_id,
            code: self.code.clone(),
            name: self.name.clone(),
            quantity,
            unit_price: self.price,
            tax_rate_basis_points: self.tax_rate_basis_points,
            returned: 0,
        }
    }
}

/// The first line fixes the currency.
pub fn currency(lines: &[Line]) -> Option<Currency> {
    lines.first().map(|line| line.unit_price.currency)
}

/// Puts `quantity` of an article among the lines; what is there already gets more.
pub fn add(lines: &mut Vec<Line>, offer: &Offer, quantity: i32) -> Result<(), Fault> {
    if let Some(currency) = currency(lines)
        && currency != offer.price.currency
        && !(lines.len() == 1 && lines[0].article_id == offer.article_id)
    {
        return Err(currency_mismatch(currency, offer));
    }
    let full = lines.len() >= MOST_LINES;
    match lines.iter_mut().find(|line| line.article_id == offer.article_id) {
        Some(line) => {
            let sum = line.quantity + quantity;
            if sum > MOST_OF_ONE {
                let problem =
                    format!("makes {sum} with the {} there are; at most {MOST_OF_ONE}", line.quantity);
                return Err(Fault::invalid("quantity", problem));
            }
            line.refresh(offer);
            line.quantity = sum;
        }
        None if full => {
            let message = format!("an order has at most {MOST_LINES} lines");
            return Err(Fault::limit_exceeded("lines", MOST_LINES, message));
        }
        None => lines.push(offer.line(quantity)),
    }
    Ok(())
}

/// Refuses lines of several currencies, every article by name that left the one the order was in so far, or of a
/// new order is not in that of the first. An order all of whose articles came to be priced in another currency
/// changes to that.
pub fn one_currency(lines: &[Line], so_far: Option<Currency>) -> Result<(), Fault> {
    let kept = so_far.filter(|so_far| lines.iter().any(|line| line.unit_price.currency == *so_far));
    let Some(currency) = kept.or(currency(lines)) else { return Ok(()) };
    let mut others = lines.iter().filter(|line| line.unit_price.currency != currency).peekable();
    let Some(first) = others.peek() else { return Ok(()) };
    let way_out = if so_far.is_some() { " now: remove it, then check out again" } else { "" };
    let message = format!(
        "the order is in {currency}, {} is priced in {}{way_out}",
        first.code, first.unit_price.currency
    );
    let mut fault = Fault::new(Reason::CurrencyMismatch, message);
    fault.metadata = others
        .map(|line| std::collections::HashMap::from([("article_id".to_owned(), line.article_id.to_string())]))
        .collect();
    Err(fault)
}

/// The article is priced in another currency than the order.
pub fn currency_mismatch(currency: Currency, offer: &Offer) -> Fault {
    let message = format!("the order is in {currency}, {} is priced in {}", offer.code, offer.price.currency);
    Fault::new(Reason::CurrencyMismatch, message).with("article_id", offer.article_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(minor: i64, currency: &str) -> Offer {
        Offer {
            article_id: ArticleId::new(),
            code: "A".to_owned(),
            name: "An article".to_owned(),
            price: Money::new(minor, currency.parse().unwrap()),
            tax_rate_basis_points: 2_300,
        }
    }

    #[test]
    fn the_same_article_merges_and_takes_the_newest_price() {
        let mut lines = Vec::new();
        let mut tea = offer(250, "EUR");
        add(&mut lines, &tea, 2).unwrap();
        tea.price.minor = 300;
        add(&mut lines, &tea, 3).unwrap();
        assert_eq!((lines.len(), lines[0].quantity, lines[0].total().unwrap().minor), (1, 5, 1_500));
    }

    #[test]
    fn a_line_ends_at_a_thousand_and_an_order_at_a_hundred_lines() {
        let mut lines = Vec::new();
        let tea = offer(1, "EUR");
        add(&mut lines, &tea, 1_000).unwrap();
        assert_eq!(add(&mut lines, &tea, 1).unwrap_err().fields[0].0, "quantity");
        for _ in 1..MOST_LINES {
            add(&mut lines, &offer(1, "EUR"), 1).unwrap();
        }
        assert_eq!(add(&mut lines, &offer(1, "EUR"), 1).unwrap_err().reason.as_str(), "LIMIT_EXCEEDED");
    }

    #[test]
    fn the_first_line_fixes_the_currency() {
        let mut lines = Vec::new();
        add(&mut lines, &offer(1, "EUR"), 1).unwrap();
        assert_eq!(add(&mut lines, &offer(1, "USD"), 1).unwrap_err().reason, Reason::CurrencyMismatch);
    }

    #[test]
    fn articles_that_left_the_orders_currency_are_named() {
        let [tea, cup, pot] = [offer(250, "EUR"), offer(900, "USD"), offer(100, "USD")];
        let lines = [tea.line(1), cup.line(1), pot.line(1)];
        let named = |fault: Fault| {
            let ids = fault.metadata.iter().map(|data| data["article_id"].clone());
            ids.collect::<Vec<_>>()
        };
        let eur = "EUR".parse().ok();
        let fault = one_currency(&lines, eur).unwrap_err();
        assert_eq!(fault.reason, Reason::CurrencyMismatch);
        assert_eq!(named(fault), [cup.article_id.to_string(), pot.article_id.to_string()]);
        let fault = one_currency(&lines, "USD".parse().ok()).unwrap_err();
        assert_eq!(named(fault), [tea.article_id.to_string()]);
        let fault = one_currency(&lines, None).unwrap_err();
        assert_eq!(named(fault), [cup.article_id.to_string(), pot.article_id.to_string()], "of a new order");
        one_currency(&lines[1..], eur).unwrap();
        one_currency(&[], eur).unwrap();
    }
}

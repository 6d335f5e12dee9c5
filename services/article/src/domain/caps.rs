//! How much the unpaid orders of one user may reserve: without a limit, one account could keep all stock from all others
//! and never pay.

use std::collections::{BTreeSet, HashMap};

use kit::id::{ArticleId, OrderId};

use super::stock::Line;

/// The limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Orders of a user that may have stock reserved.
    pub orders: u32,
    /// Units of one article that they may have reserved together.
    pub units: u32,
}

/// A reserved line of another of the user's orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    pub order_id: OrderId,
    pub line: Line,
}

/// A limit that would be exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverCap {
    Orders(u32),
    Units { article_id: ArticleId, most: u32 },
}

impl Caps {
    /// The most lines of other orders that may have to be looked at: as many as allowed orders can have.
    pub fn most_lines(self) -> u64 {
        // An order has at most 100 lines.
        u64::from(self.orders) * 100 + 100
    }

    /// Whether a user who has these lines reserved already may reserve some more.
    pub fn check(self, held: &[Held], wanted: &[Line]) -> Result<(), OverCap> {
        let orders: BTreeSet<OrderId> = held.iter().map(|held| held.order_id).collect();
        if orders.len() >= self.orders as usize {
            return Err(OverCap::Orders(self.orders));
        }
        let mut units: HashMap<ArticleId, i64> = HashMap::new();
        for line in held.iter().map(|held| held.line).chain(wanted.iter().copied()) {
            let sum = units.entry(line.article_id).or_default();
            *sum = sum.saturating_add(line.quantity);
        }
        let over = |line: &&Line| units.get(&line.article_id).is_some_and(|sum| *sum > i64::from(self.units));
        match wanted.iter().find(over) {
            Some(line) => Err(OverCap::Units { article_id: line.article_id, most: self.units }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use kit::id::Id;

    use super::*;

    const CAPS: Caps = Caps { orders: 2, units: 10 };

    fn held(order_id: OrderId, article_id: ArticleId, quantity: i64) -> Held {
        Held { order_id, line: Line { article_id, quantity } }
    }

    #[test]
    fn units_of_an_article_count_over_all_orders() {
        let (tea, mug, order) = (ArticleId::new(), ArticleId::new(), OrderId::new());
        let wanted = |article_id, quantity| [Line { article_id, quantity }];
        assert_eq!(CAPS.check(&[], &wanted(tea, 10)), Ok(()));
        assert_eq!(CAPS.check(&[], &wanted(tea, 11)), Err(OverCap::Units { article_id: tea, most: 10 }));
        let other = [held(order, tea, 4), held(order, mug, 10)];
        assert_eq!(CAPS.check(&other, &wanted(tea, 6)), Ok(()));
        assert_eq!(CAPS.check(&other, &wanted(tea, 7)), Err(OverCap::Units { article_id: tea, most: 10 }));
        // What is full already and is not wanted now keeps nothing else back.
        assert_eq!(CAPS.check(&[held(order, mug, 99)], &wanted(tea, 1)), Ok(()));
        assert_eq!(
            CAPS.check(&[held(order, tea, i64::MAX)], &wanted(tea, 1)),
            Err(OverCap::Units { article_id: tea, most: 10 })
        );
    }

    #[test]
    fn orders_count_however_many_lines_they_have() {
        let (tea, mug, one, two) = (ArticleId::new(), ArticleId::new(), OrderId::new(), OrderId::new());
        let wanted = [Line { article_id: ArticleId::new(), quantity: 1 }];
        assert_eq!(CAPS.check(&[held(one, tea, 1), held(one, mug, 1)], &wanted), Ok(()));
        let both = [held(one, tea, 1), held(two, tea, 1)];
        assert_eq!(CAPS.check(&both, &wanted), Err(OverCap::Orders(2)));
    }
}

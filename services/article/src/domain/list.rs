//! Which articles a list shows, to whom, and in which order.

use kit::{Caller, Money, Role, id::ArticleId, words::Asked};
use serde::{Deserialize, Serialize};

/// How much of the catalogue a caller sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Active articles.
    Public,
    /// All but deleted ones.
    Staff,
    /// All; deleted ones by their id alone, for orders that have them.
    Mesh,
}

impl Visibility {
    /// How much this caller sees.
    pub fn of(caller: &Caller) -> Self {
        match caller {
            // It shows articles to others, who are told of deleted ones that they are deleted.
            Caller::Service { role: Role::Mesh, .. } => Visibility::Staff,
            Caller::Service { .. } => Visibility::Mesh,
            caller if caller.is_staff() => Visibility::Staff,
            _ => Visibility::Public,
        }
    }
}

/// What a list is sorted by; the id decides between equals, in the same direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Name,
    Price,
    CreateTime,
}

impl Order {
    /// Reads `order_by`: the order, and whether it is turned round. The oldest come first by default.
    pub fn read(order_by: &str) -> Option<(Order, bool)> {
        let (field, descending) =
            order_by.strip_suffix(" desc").map_or((order_by, false), |field| (field, true));
        match (field, descending) {
            ("", false) => Some((Order::CreateTime, false)),
            ("name", _) => Some((Order::Name, descending)),
            ("price", _) => Some((Order::Price, descending)),
            ("create_time", _) => Some((Order::CreateTime, descending)),
            _ => None,
        }
    }
}

/// The sort key of an article; a page token holds that of the last one seen. Cursors of one order sort as the
/// database sorts them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cursor {
    pub key: Key,
    pub id: ArticleId,
}

/// What an article is sorted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Key {
    Name(String),
    Price(i64),
    CreateTime(i64),
}

impl Key {
    /// The order that it belongs to.
    pub fn order(&self) -> Order {
        match self {
            Key::Name(_) => Order::Name,
            Key::Price(_) => Order::Price,
            Key::CreateTime(_) => Order::CreateTime,
        }
    }
}

/// Which articles to list.
#[derive(Debug, Clone)]
pub struct Filter {
    pub visibility: Visibility,
    /// Words that must all be found. `None` asks for nothing, an empty list is never found.
    pub words: Option<Vec<Asked>>,
    /// Folded; empty for any.
    pub category: String,
    pub min_price: Option<Money>,
    pub max_price: Option<Money>,
    pub in_stock: Option<bool>,
    pub active: Option<bool>,
    pub low_stock: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_orders_are_read() {
        assert_eq!(Order::read(""), Some((Order::CreateTime, false)));
        assert_eq!(Order::read("price desc"), Some((Order::Price, true)));
        for bad in [" desc", "name asc", "Name", "id", "name desc desc", "name,price"] {
            assert_eq!(Order::read(bad), None, "{bad}");
        }
    }
}

//! The ledger in double entry: each movement of money is two entries that sum to zero.
//!
//! The customer's account goes down by what is captured and up by what is refunded. A provider's account is what it
//! holds for the shop. What is refunded outside of any provider comes from neither. A movement has one currency, its
//! own: amounts of different currencies are never added.

use kit::Money;

/// An account of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// Everybody who pays.
    Customer,
    /// What the provider of this name holds for the shop.
    Provider(String),
    /// What was refunded outside of any provider.
    ByHand,
    /// What banks took back by disputes.
    Disputed,
    /// What providers took for disputes, less what they gave back of that.
    DisputeFees,
}

impl Account {
    /// Its name in the contract and in the table.
    pub fn name(&self) -> String {
        match self {
            Account::Customer => "customer".to_owned(),
            Account::Provider(name) => format!("provider:{name}"),
            Account::ByHand => "by_hand".to_owned(),
            Account::Disputed => "disputed".to_owned(),
            Account::DisputeFees => "dispute_fees".to_owned(),
        }
    }
}

/// Money that goes from one account to another; the other way, where its amount is negative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    pub from: Account,
    pub to: Account,
    pub amount: Money,
}

impl Movement {
    pub fn new(from: Account, to: Account, amount: Money) -> Self {
        Self { from, to, amount }
    }

    /// Its entries: what each account gains, in the movement's currency. None, where nothing moves.
    pub fn entries(&self) -> Vec<(String, Money)> {
        let Money { minor, currency } = self.amount;
        match minor {
            0 => Vec::new(),
            _ => vec![
                (self.from.name(), Money::new(-minor, currency)),
                (self.to.name(), Money::new(minor, currency)),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn accounts() -> [Account; 5] {
        use Account::{ByHand, Customer, DisputeFees, Disputed, Provider};
        [Customer, Provider("stripe".to_owned()), ByHand, Disputed, DisputeFees]
    }

    proptest! {
        #[test]
        fn whatever_moves_each_currency_sums_to_zero(
            moves in proptest::collection::vec((0usize..5, 0usize..5, -1_000i64..1_000, 0usize..3), 0..40),
        ) {
            let mut sums = BTreeMap::<String, i64>::new();
            for (from, to, minor, currency) in moves {
                let currency = ["EUR", "USD", "JPY"][currency].parse().unwrap();
                let [from, to] = [from, to].map(|place| accounts()[place].clone());
                let entries = Movement::new(from, to, Money::new(minor, currency)).entries();
                prop_assert!(entries.iter().all(|(_, amount)| amount.currency == currency && amount.minor != 0));
                for (_, amount) in entries {
                    *sums.entry(amount.currency.to_string()).or_default() += amount.minor;
                }
            }
            prop_assert!(sums.values().all(|sum| *sum == 0), "{sums:?}");
        }
    }
}

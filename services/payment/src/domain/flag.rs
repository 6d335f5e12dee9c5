//! What staff should look at of a payment.

use std::{fmt, str::FromStr};

/// A flag, as the contract names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flag {
    /// The provider authorised or captured another amount than it was asked for.
    AmountMismatch,
    /// The same in another currency.
    CurrencyMismatch,
    /// It was voided or declined, and captured all the same.
    CapturedAfterVoid,
    /// Another amount was refunded than was asked for.
    RefundMismatch,
    /// A bank has yet to decide.
    Disputed,
    DisputeLost,
}

const ALL: [(Flag, &str); 6] = [
    (Flag::AmountMismatch, "AMOUNT_MISMATCH"),
    (Flag::CurrencyMismatch, "CURRENCY_MISMATCH"),
    (Flag::CapturedAfterVoid, "CAPTURED_AFTER_VOID"),
    (Flag::RefundMismatch, "REFUND_MISMATCH"),
    (Flag::Disputed, "DISPUTED"),
    (Flag::DisputeLost, "DISPUTE_LOST"),
];

/// The flags of a payment, as its row keeps them: their names in their order, separated by commas.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Flags(Vec<Flag>);

impl Flags {
    pub fn has(&self, flag: Flag) -> bool {
        self.0.contains(&flag)
    }

    pub fn set(&mut self, flag: Flag, on: bool) {
        self.0.retain(|other| *other != flag);
        if on {
            self.0.push(flag);
            self.0.sort_unstable();
        }
    }

    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        ALL.iter().filter(|(flag, _)| self.has(*flag)).map(|(_, name)| *name)
    }
}

impl FromStr for Flags {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = |name: &str| ALL.iter().find(|(_, known)| *known == name).map(|(flag, _)| *flag);
        let mut flags = Self::default();
        text.split(',').filter_map(known).for_each(|flag| flags.set(flag, true));
        Ok(flags)
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.names().collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_survive_the_way_through_the_row_and_all_of_them_fit() {
        let mut flags = Flags::default();
        assert_eq!(flags.to_string(), "");
        for (flag, _) in ALL.iter().rev() {
            flags.set(*flag, true);
            flags.set(*flag, true);
        }
        let text = flags.to_string();
        assert!(text.len() <= 200, "{}", text.len());
        assert_eq!(text.parse(), Ok(flags.clone()));
        flags.set(Flag::Disputed, false);
        assert!(!flags.has(Flag::Disputed) && flags.has(Flag::DisputeLost));
    }
}

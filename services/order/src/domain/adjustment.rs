//! What is added to an order's total and taken off it: by the shop's configuration, and by staff.

use kit::{
    Fault, Money,
    id::{AdjustmentId, Id},
};

/// Adjustments by staff in one order at most.
pub const MOST_BY_STAFF: usize = 20;
/// What staff may add at most, in minor units: twenty of them leave the order's lines all the room that they
/// need in 64 bits. A discount needs no bound, it takes what there is.
pub const MOST_ADDED: i64 = 1_000_000_000_000_000;

/// What an adjustment is for; stored as its number in the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sea_orm::EnumIter, sea_orm::DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum AdjustmentKind {
    Shipping = 1,
    Fee = 2,
    Discount = 3,
}

/// A change of an order's total.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjustment {
    pub id: AdjustmentId,
    pub kind: AdjustmentKind,
    pub label: String,
    /// What it comes to now, in the order's currency: zero or negative for a discount, positive or zero for
    /// everything else. [`fit_adjustments`](super::totals::fit_adjustments) keeps it true to the order's lines.
    pub amount: Money,
    /// What was given, whatever the order has room for: negative for a discount, and for nothing else.
    pub given: Money,
    /// Made by the shop's configuration, which replaces it as the order changes; what staff made stays until
    /// staff removes it.
    pub automatic: bool,
}

impl Adjustment {
    /// One that the shop's configuration makes.
    pub fn automatic(kind: AdjustmentKind, label: &str, amount: Money) -> Self {
        Self {
            id: AdjustmentId::new(),
            kind,
            label: label.to_owned(),
            amount,
            given: amount,
            automatic: true,
        }
    }

    /// One by staff: a discount takes something off, shipping and fees add something.
    pub fn by_staff(kind: AdjustmentKind, label: &str, amount: Money) -> Result<Self, Fault> {
        match kind {
            AdjustmentKind::Discount if amount.minor >= 0 => {
                return Err(Fault::invalid("amount", "of a discount must be negative"));
            }
            AdjustmentKind::Shipping | AdjustmentKind::Fee if amount.minor <= 0 => {
                return Err(Fault::invalid(
                    "amount",
                    "must be more than nothing: only a discount is negative",
                ));
            }
            AdjustmentKind::Shipping | AdjustmentKind::Fee if amount.minor > MOST_ADDED => {
                let most = Money::new(MOST_ADDED, amount.currency);
                return Err(Fault::invalid("amount", format!("must be at most {most}")));
            }
            AdjustmentKind::Shipping | AdjustmentKind::Fee | AdjustmentKind::Discount => {}
        }
        Ok(Self {
            id: AdjustmentId::new(),
            kind,
            label: label.to_owned(),
            amount,
            given: amount,
            automatic: false,
        })
    }

    /// Whether the configuration made it for this.
    pub fn is_automatic(&self, kind: AdjustmentKind) -> bool {
        self.automatic && self.kind == kind
    }

    /// What a history calls it.
    pub fn describe(&self) -> String {
        let what = match self.kind {
            AdjustmentKind::Shipping => "shipping",
            AdjustmentKind::Fee => "fee",
            AdjustmentKind::Discount => "discount",
        };
        format!("{what} of {} ({})", self.given, self.label)
    }
}

/// Refuses one more adjustment by staff than there may be.
pub fn room_for_another(adjustments: &[Adjustment]) -> Result<(), Fault> {
    if adjustments.iter().filter(|adjustment| !adjustment.automatic).count() < MOST_BY_STAFF {
        return Ok(());
    }
    let message = format!("an order has at most {MOST_BY_STAFF} adjustments by staff");
    Err(Fault::limit_exceeded("adjustments", MOST_BY_STAFF, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eur(minor: i64) -> Money {
        Money::new(minor, "EUR".parse().unwrap())
    }

    #[test]
    fn a_discount_is_negative_and_everything_else_positive() {
        use AdjustmentKind::{Discount, Fee, Shipping};
        for (kind, minor, refused) in [
            (Discount, -1, None),
            (Discount, 0, Some("amount")),
            (Discount, 1, Some("amount")),
            (Shipping, 1, None),
            (Shipping, 0, Some("amount")),
            (Fee, -1, Some("amount")),
            (Fee, 1, None),
            (Fee, MOST_ADDED, None),
            (Fee, MOST_ADDED + 1, Some("amount")),
            (Shipping, i64::MAX, Some("amount")),
            (Discount, i64::MIN, None),
        ] {
            let made = Adjustment::by_staff(kind, "x", eur(minor));
            assert_eq!(
                made.err().map(|fault| fault.fields[0].0.clone()).as_deref(),
                refused,
                "{kind:?} {minor}"
            );
        }
    }

    #[test]
    fn staff_make_so_many_beside_what_the_configuration_makes() {
        let mut all = vec![Adjustment::automatic(AdjustmentKind::Shipping, "Shipping", eur(499))];
        for _ in 0..MOST_BY_STAFF {
            room_for_another(&all).unwrap();
            all.push(Adjustment::by_staff(AdjustmentKind::Fee, "x", eur(1)).unwrap());
        }
        assert_eq!(room_for_another(&all).unwrap_err().reason.as_str(), "LIMIT_EXCEEDED");
    }
}

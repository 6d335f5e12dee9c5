//! The tax in what goes with an order's lines.
//!
//! Shipping and fees are taxed like what they are charged for (in the EU's VAT, a supply that is ancillary to
//! another shares its treatment): at the lines' rates, in proportion to what is paid for the lines of each.

use std::collections::BTreeMap;

use kit::{Currency, Money, money::MoneyError};

use super::{
    Adjustment, AdjustmentKind, Line,
    totals::{currency, discounts, divide, shares, spread},
};

/// The tax in what each adjustment adds; none in a discount, which takes tax off the lines.
pub fn taxes(lines: &[Line], adjustments: &[Adjustment]) -> Result<Vec<Money>, MoneyError> {
    let currency = currency(lines, adjustments);
    let mut taxes: Vec<Money> = adjustments
        .iter()
        .map(|adjustment| Money::zero(currency.unwrap_or(adjustment.amount.currency)))
        .collect();
    let mut rates = Rates::of(lines, &shares(lines, adjustments)?)?;
    // What discounts take beyond the lines. They leave the payment type's fee alone.
    let subtotal = lines.iter().try_fold(0i128, |sum, line| Ok(sum + i128::from(line.total()?.minor)))?;
    let beyond = discounts(adjustments) - subtotal;
    let reduced: Vec<i64> = adjustments
        .iter()
        .map(|adjustment| match adjustment.kind {
            AdjustmentKind::Discount => 0,
            _ if adjustment.is_automatic(AdjustmentKind::Fee) => 0,
            _ => adjustment.amount.minor,
        })
        .collect();
    let reductions = spread(beyond, &reduced);
    for ((tax, adjustment), reduction) in taxes.iter_mut().zip(adjustments).zip(reductions) {
        if adjustment.kind != AdjustmentKind::Discount {
            tax.minor = rates.tax_of(adjustment.amount.minor - reduction, tax.currency)?;
        }
    }
    Ok(taxes)
}

/// What is paid at each tax rate.
struct Rates {
    /// By rate: what is paid for its lines and, so far, for what goes with them.
    paid: BTreeMap<i32, i64>,
    /// In proportion to this, what goes with the lines is divided among the rates.
    weights: Vec<i64>,
}

impl Rates {
    fn of(lines: &[Line], shares: &[Money]) -> Result<Self, MoneyError> {
        let mut rates: BTreeMap<i32, [i64; 3]> = BTreeMap::new();
        for (line, share) in lines.iter().zip(shares) {
            let total = line.total()?;
            let rate = rates.entry(line.tax_rate_basis_points).or_default();
            for (sum, part) in
                rate.iter_mut().zip([total.plus(*share)?.minor, total.minor, line.quantity.into()])
            {
                *sum = sum.checked_add(part).ok_or(MoneyError::Overflow)?;
            }
        }
        // Where nothing is paid for the lines, what they cost before discounts; where that is nothing, units.
        let by = (0..3).find(|by| rates.values().any(|sums| sums[*by] > 0)).unwrap_or(0);
        let weights = rates.values().map(|sums| sums[by]).collect();
        Ok(Self { paid: rates.into_iter().map(|(rate, sums)| (rate, sums[0])).collect(), weights })
    }

    /// The tax in an amount that is paid on top: what it adds to the tax in all that is paid at each rate, so
    /// that a single rate gives the tax of the whole, to the last minor unit.
    fn tax_of(&mut self, amount: i64, currency: Currency) -> Result<i64, MoneyError> {
        let mut tax = 0;
        for ((rate, paid), part) in self.paid.iter_mut().zip(divide(amount.into(), &self.weights)) {
            let before = Money::new(*paid, currency).tax_included(*rate)?.minor;
            *paid = paid.checked_add(part).ok_or(MoneyError::Overflow)?;
            tax += Money::new(*paid, currency).tax_included(*rate)?.minor - before;
        }
        Ok(tax)
    }
}

//! What an order costs, and how much of it is tax.
//!
//! Prices include tax, so a discount takes tax away with it: it is spread over the lines in proportion to what
//! they cost, exact to the last minor unit, and each line's tax is reckoned once from what is left of it.
//! What a discount takes beyond the lines comes off shipping and fees.

use kit::{Currency, Money, money::MoneyError};

use super::{Adjustment, AdjustmentKind, Line, basket, tax::taxes};

/// What an order costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    pub subtotal: Money,
    /// The lines and all adjustments.
    pub total: Money,
    /// Without the payment type's fee: what that fee is reckoned from, and what discounts may take at most.
    pub before_fee: Money,
    pub tax_included: Money,
}

/// Adds an order up; `None` while there is nothing in it.
pub fn totals(lines: &[Line], adjustments: &[Adjustment]) -> Result<Option<Totals>, MoneyError> {
    let Some(currency) = currency(lines, adjustments) else { return Ok(None) };
    let zero = Money::zero(currency);
    let subtotal = lines.iter().try_fold(zero, |sum, line| sum.plus(line.total()?))?;
    let (mut total, mut before_fee) = (subtotal, subtotal);
    for adjustment in adjustments {
        total = total.plus(adjustment.amount)?;
        if !adjustment.is_automatic(AdjustmentKind::Fee) {
            before_fee = before_fee.plus(adjustment.amount)?;
        }
    }
    let mut tax_included = zero;
    for (line, share) in lines.iter().zip(shares(lines, adjustments)?) {
        tax_included = tax_included.plus(line.tax_included(share)?)?;
    }
    for tax in taxes(lines, adjustments)? {
        tax_included = tax_included.plus(tax)?;
    }
    Ok(Some(Totals { subtotal, total, before_fee, tax_included }))
}

/// The first line fixes the currency; without lines, what staff has added.
pub fn currency(lines: &[Line], adjustments: &[Adjustment]) -> Option<Currency> {
    basket::currency(lines).or(adjustments.first().map(|adjustment| adjustment.given.currency))
}

/// Brings what adjustments come to up to date with the lines. Discounts take what there is, the first one first:
/// of lines, shipping and staff's fees, not of the payment type's fee. What was given in another currency than
/// the order has come to be in is kept, and comes to nothing.
pub fn fit_adjustments(lines: &[Line], adjustments: &mut [Adjustment]) -> Result<(), MoneyError> {
    let Some(currency) = currency(lines, adjustments) else { return Ok(()) };
    let zero = Money::zero(currency);
    let mut left = lines.iter().try_fold(zero, |sum, line| sum.plus(line.total()?))?;
    let (discounts, others): (Vec<_>, Vec<_>) =
        adjustments.iter_mut().partition(|adjustment| adjustment.kind == AdjustmentKind::Discount);
    for adjustment in others {
        adjustment.amount = if adjustment.given.currency == currency { adjustment.given } else { zero };
        if !adjustment.is_automatic(AdjustmentKind::Fee) {
            left = left.plus(adjustment.amount)?;
        }
    }
    for discount in discounts {
        let takes = if discount.given.currency == currency { discount.given.minor } else { 0 };
        discount.amount = Money { minor: takes.max(-left.minor).min(0), ..zero };
        left = left.plus(discount.amount)?;
    }
    Ok(())
}

/// What discounts take in all, in minor units.
pub(super) fn discounts(adjustments: &[Adjustment]) -> i128 {
    let discounts = adjustments.iter().filter(|adjustment| adjustment.kind == AdjustmentKind::Discount);
    discounts.fold(0i128, |sum, discount| sum - i128::from(discount.amount.minor))
}

/// Each line's share of the discounts, zero or negative.
pub fn shares(lines: &[Line], adjustments: &[Adjustment]) -> Result<Vec<Money>, MoneyError> {
    let Some(currency) = basket::currency(lines) else { return Ok(Vec::new()) };
    let discount = discounts(adjustments);
    let costs = lines.iter().map(|line| Ok(line.total()?.minor)).collect::<Result<Vec<i64>, MoneyError>>()?;
    Ok(spread(discount, &costs).into_iter().map(|share| Money::new(-share, currency)).collect())
}

/// Spreads an amount over parts in proportion to them, at most all of each.
pub(super) fn spread(amount: i128, parts: &[i64]) -> Vec<i64> {
    let whole: i128 = parts.iter().map(|part| i128::from(*part)).sum();
    divide(amount.clamp(0, whole.max(0)), parts)
}

/// Divides an amount in proportion to parts, none of them negative. The shares are whole, and their sum is exact:
/// what rounding down leaves goes, unit by unit, to the largest remainders.
pub(super) fn divide(amount: i128, parts: &[i64]) -> Vec<i64> {
    let whole: i128 = parts.iter().map(|part| i128::from(*part)).sum();
    if amount == 0 || whole == 0 {
        return vec![0; parts.len()];
    }
    let exact = parts.iter().map(|part| amount * i128::from(*part));
    let (mut shares, remainders): (Vec<i128>, Vec<i128>) =
        exact.map(|exact| (exact / whole, exact % whole)).unzip();
    let mut left = amount - shares.iter().sum::<i128>();
    let mut places: Vec<usize> = (0..parts.len()).collect();
    // A stable sort: of equal remainders, the line that came first.
    places.sort_by_key(|place| std::cmp::Reverse(remainders[*place]));
    for place in places {
        if left == 0 {
            break;
        }
        shares[place] += 1;
        left -= 1;
    }
    // A share is at most the amount, which no i64 is too small for.
    shares.into_iter().map(|share| i64::try_from(share).unwrap_or(i64::MAX)).collect()
}

#[cfg(test)]
mod tests;

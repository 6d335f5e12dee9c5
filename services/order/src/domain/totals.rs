//! What an order costs, and how much of it is tax.
//!
//! Prices include tax, so a discount takes tax away with it: it is spread over the lines in proportion to what
//! they cost, exact to the last minor unit, and each line's tax is reckoned once from what is left of it.
//! What a discount takes beyond the lines comes off carriage and fees, which have no tax rate here.

use contracts::order::AdjustmentType;
use kit::{Currency, Money, money::MoneyError};

use super::{Adjustment, Line, basket};

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
        if !adjustment.is_automatic(AdjustmentType::Fee) {
            before_fee = before_fee.plus(adjustment.amount)?;
        }
    }
    let mut tax_included = zero;
    for (line, share) in lines.iter().zip(shares(lines, adjustments)?) {
        tax_included = tax_included.plus(line.tax_included(share)?)?;
    }
    Ok(Some(Totals { subtotal, total, before_fee, tax_included }))
}

/// The first line fixes the currency; without lines, what staff has added.
pub fn currency(lines: &[Line], adjustments: &[Adjustment]) -> Option<Currency> {
    basket::currency(lines).or(adjustments.first().map(|adjustment| adjustment.amount.currency))
}

/// Each line's share of the discounts, zero or negative.
pub fn shares(lines: &[Line], adjustments: &[Adjustment]) -> Result<Vec<Money>, MoneyError> {
    let Some(currency) = basket::currency(lines) else { return Ok(Vec::new()) };
    let discounts = adjustments.iter().filter(|adjustment| adjustment.kind == AdjustmentType::Discount);
    let discount = discounts.fold(0i128, |sum, discount| sum - i128::from(discount.amount.minor));
    let costs = lines.iter().map(|line| Ok(line.total()?.minor)).collect::<Result<Vec<i64>, MoneyError>>()?;
    Ok(spread(discount, &costs).into_iter().map(|share| Money::new(-share, currency)).collect())
}

/// Spreads an amount over parts in proportion to them, at most all of each. The shares are whole, and their sum
/// is exact: what rounding down leaves goes, unit by unit, to the largest remainders.
fn spread(amount: i128, parts: &[i64]) -> Vec<i64> {
    let whole: i128 = parts.iter().map(|part| i128::from(*part)).sum();
    let amount = amount.clamp(0, whole.max(0));
    if amount == 0 {
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
    // A share is at most its part, which is an i64.
    shares.into_iter().map(|share| i64::try_from(share).unwrap_or(i64::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use kit::id::{ArticleId, Id, LineId};
    use proptest::prelude::*;

    use super::*;

    fn eur(minor: i64) -> Money {
        Money::new(minor, "EUR".parse().unwrap())
    }

    fn line(price: i64, quantity: i32, rate: i32) -> Line {
        Line {
            id: LineId::new(),
            article_id: ArticleId::new(),
            code: "A".to_owned(),
            name: "An article".to_owned(),
            quantity,
            unit_price: eur(price),
            tax_rate_basis_points: rate,
        }
    }

    fn discount(minor: i64) -> Adjustment {
        Adjustment::by_staff(AdjustmentType::Discount, "", eur(-minor)).unwrap()
    }

    fn carriage(minor: i64) -> Adjustment {
        Adjustment::automatic(AdjustmentType::Shipping, "", eur(minor))
    }

    #[test]
    fn a_discount_takes_the_tax_of_what_it_takes_off() {
        // 123.00 with 23 % and 106.00 with 6 %: 23.00 and 6.00 of tax.
        let lines = [line(12_300, 1, 2_300), line(10_600, 1, 600)];
        assert_eq!(totals(&lines, &[]).unwrap().unwrap().tax_included, eur(2_900));
        // Half price.
        let half = totals(&lines, &[discount(11_450), carriage(499)]).unwrap().unwrap();
        assert_eq!((half.tax_included, half.total), (eur(1_450), eur(11_450 + 499)));
        let shares = shares(&lines, &[discount(11_450)]).unwrap();
        assert_eq!(shares, [eur(-6_150), eur(-5_300)]);
    }

    #[test]
    fn what_a_discount_takes_beyond_the_lines_comes_off_carriage() {
        let lines = [line(1_000, 1, 2_300)];
        let all = totals(&lines, &[discount(1_400), carriage(499)]).unwrap().unwrap();
        assert_eq!((all.total, all.tax_included), (eur(99), eur(0)));
    }

    #[test]
    fn only_the_payment_fee_is_left_out_of_what_discounts_may_take() {
        let fee = Adjustment::automatic(AdjustmentType::Fee, "", eur(50));
        let by_staff = Adjustment::by_staff(AdjustmentType::Fee, "", eur(70)).unwrap();
        let totals = totals(&[line(1_000, 1, 0)], &[fee, by_staff, discount(100)]).unwrap().unwrap();
        assert_eq!((totals.total, totals.before_fee), (eur(1_020), eur(970)));
    }

    #[test]
    fn without_lines_there_is_what_staff_has_added() {
        assert_eq!(totals(&[], &[]), Ok(None));
        let fee = Adjustment::by_staff(AdjustmentType::Fee, "", eur(70)).unwrap();
        assert_eq!(totals(&[], &[fee]).unwrap().unwrap().total, eur(70));
    }

    #[test]
    fn amounts_beyond_64_bits_and_of_two_currencies_are_an_error() {
        assert_eq!(totals(&[line(i64::MAX / 2, 3, 0)], &[]), Err(MoneyError::Overflow));
        let yen = Adjustment { amount: Money::new(5, "JPY".parse().unwrap()), ..carriage(1) };
        assert_eq!(totals(&[line(1, 1, 0)], &[yen]), Err(MoneyError::Currencies));
        // Discounts that no 64 bits hold are spread no further than the lines go.
        assert_eq!(spread(i128::from(i64::MAX) * 3, &[5, 7]), [5, 7]);
    }

    #[test]
    fn shares_of_the_largest_orders_are_exact() {
        let parts = [i64::MAX / 2, i64::MAX / 2 - 1];
        assert_eq!(spread(i128::from(i64::MAX) - 5, &parts).iter().sum::<i64>(), i64::MAX - 5);
    }

    proptest! {
        #[test]
        fn the_total_is_the_sum_of_lines_and_adjustments(
            parts in prop::collection::vec((0i64..10_000_000, 1i32..=1_000, 0i32..=10_000), 1..20),
            shipping in 0i64..100_000,
            off in 1i64..1_000_000,
        ) {
            let lines: Vec<Line> = parts.iter().map(|(price, quantity, rate)| line(*price, *quantity, *rate)).collect();
            let totals = totals(&lines, &[carriage(shipping), discount(off)]).unwrap().unwrap();
            let expected: i64 = parts.iter().map(|(price, quantity, _)| price * i64::from(*quantity)).sum();
            prop_assert_eq!(totals.subtotal.minor, expected);
            prop_assert_eq!(totals.total.minor, expected + shipping - off);
            prop_assert!((0..=(expected - off).max(0)).contains(&totals.tax_included.minor));
        }

        #[test]
        fn shares_add_up_and_none_is_more_than_its_line(
            parts in prop::collection::vec(0i64..1_000_000_000, 1..100),
            percent in 0i128..=120,
        ) {
            let whole: i64 = parts.iter().sum();
            let amount = i128::from(whole) * percent / 100;
            let shares = spread(amount, &parts);
            prop_assert_eq!(i128::from(shares.iter().sum::<i64>()), amount.min(i128::from(whole)));
            for (share, part) in shares.iter().zip(&parts) {
                prop_assert!((0..=*part).contains(share), "{} of {}", share, part);
                // Within one unit of its exact part.
                let exact = amount.min(i128::from(whole)) * i128::from(*part);
                prop_assert!((i128::from(*share) * i128::from(whole) - exact).abs() < i128::from(whole.max(1)));
            }
        }

        #[test]
        fn each_lines_tax_is_within_what_is_paid_for_it(
            parts in prop::collection::vec((0i64..1_000_000, 1i32..=100, 0i32..=10_000), 1..30),
            off in 1i64..200_000_000,
        ) {
            let lines: Vec<Line> = parts.iter().map(|(price, quantity, rate)| line(*price, *quantity, *rate)).collect();
            let adjustments = [discount(off)];
            let shares = shares(&lines, &adjustments).unwrap();
            let mut sum = 0;
            for (line, share) in lines.iter().zip(shares) {
                let (paid, tax) = (line.total().unwrap().plus(share).unwrap(), line.tax_included(share).unwrap());
                prop_assert!((0..=paid.minor).contains(&tax.minor));
                sum += tax.minor;
            }
            prop_assert_eq!(totals(&lines, &adjustments).unwrap().unwrap().tax_included.minor, sum);
        }
    }
}

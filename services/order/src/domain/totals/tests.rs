//! What orders cost, by example and by property.

use kit::id::{ArticleId, Id, LineId};
use proptest::prelude::*;

use super::{super::tax::taxes, *};

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
        returned: 0,
    }
}

fn discount(minor: i64) -> Adjustment {
    Adjustment::by_staff(AdjustmentKind::Discount, "", eur(-minor)).unwrap()
}

fn shipping(minor: i64) -> Adjustment {
    Adjustment::automatic(AdjustmentKind::Shipping, "", eur(minor))
}

#[test]
fn a_discount_takes_the_tax_of_what_it_takes_off() {
    // 123.00 with 23 % and 106.00 with 6 %: 23.00 and 6.00 of tax.
    let lines = [line(12_300, 1, 2_300), line(10_600, 1, 600)];
    assert_eq!(totals(&lines, &[]).unwrap().unwrap().tax_included, eur(2_900));
    // Half price.
    let half = totals(&lines, &[discount(11_450), shipping(499)]).unwrap().unwrap();
    // 61.50 and 53.00 are left: 4.99 is 2.68 at 23 % and 2.31 at 6 %, of which 0.50 and 0.13 are tax.
    assert_eq!((half.tax_included, half.total), (eur(1_450 + 63), eur(11_450 + 499)));
    let shares = shares(&lines, &[discount(11_450)]).unwrap();
    assert_eq!(shares, [eur(-6_150), eur(-5_300)]);
}

#[test]
fn what_a_discount_takes_beyond_the_lines_comes_off_shipping() {
    let lines = [line(1_000, 1, 2_300)];
    let all = totals(&lines, &[discount(1_400), shipping(499)]).unwrap().unwrap();
    // 0.99 at 23 %.
    assert_eq!((all.total, all.tax_included), (eur(99), eur(19)));
}

#[test]
fn only_the_payment_fee_is_left_out_of_what_discounts_may_take() {
    let fee = Adjustment::automatic(AdjustmentKind::Fee, "", eur(50));
    let by_staff = Adjustment::by_staff(AdjustmentKind::Fee, "", eur(70)).unwrap();
    let totals = totals(&[line(1_000, 1, 0)], &[fee, by_staff, discount(100)]).unwrap().unwrap();
    assert_eq!((totals.total, totals.before_fee), (eur(1_020), eur(970)));
}

#[test]
fn shipping_and_fees_have_the_lines_rates() {
    // 127.99 at 23 % has 23.93 in it.
    let one = totals(&[line(12_300, 1, 2_300)], &[shipping(499)]).unwrap().unwrap();
    assert_eq!((one.total, one.tax_included), (eur(12_799), eur(2_393)));
    // 10.00 with what is half at 20 % and half without tax: 5.00 at 20 %.
    let lines = [line(12_000, 1, 2_000), line(12_000, 1, 0)];
    let fee = Adjustment::by_staff(AdjustmentKind::Fee, "", eur(1_000)).unwrap();
    assert_eq!(taxes(&lines, std::slice::from_ref(&fee)).unwrap(), [eur(83)]);
    // With what is given away the articles' own prices decide, with what costs nothing their number.
    let given_away = [discount(24_000), shipping(1_000)];
    assert_eq!(taxes(&lines, &given_away).unwrap(), [eur(0), eur(83)]);
    let free = [line(0, 1, 2_000), line(0, 3, 0)];
    assert_eq!(taxes(&free, &[shipping(1_000)]).unwrap(), [eur(42)]);
    assert_eq!(taxes(&[], &[fee]).unwrap(), [eur(0)]);
}

#[test]
fn discounts_take_what_there_is_the_first_one_first() {
    let lines = [line(1_000, 1, 0)];
    let amounts = |lines: &[Line], adjustments: &mut Vec<Adjustment>| {
        fit_adjustments(lines, adjustments).unwrap();
        adjustments.iter().map(|adjustment| adjustment.amount.minor).collect::<Vec<_>>()
    };
    let fee = Adjustment::automatic(AdjustmentKind::Fee, "", eur(50));
    let mut all = vec![discount(900), shipping(300), discount(i64::MAX), fee, discount(1)];
    assert_eq!(amounts(&lines, &mut all), [-900, 300, -400, 50, 0]);
    assert_eq!(totals(&lines, &all).unwrap().unwrap().total, eur(50));
    // A price that falls, and one that rises again.
    assert_eq!(amounts(&[line(100, 1, 0)], &mut all), [-400, 300, 0, 50, 0]);
    assert_eq!(amounts(&[line(2_000, 1, 0)], &mut all), [-900, 300, -1_400, 50, 0]);
    assert_eq!(amounts(&[], &mut all), [-300, 300, 0, 50, 0]);
    assert!(all.iter().any(|it| it.given == eur(-i64::MAX)), "what was given is kept");
}

#[test]
fn what_was_given_in_another_currency_comes_to_nothing() {
    let mut yen_line = line(120, 1, 0);
    yen_line.unit_price = Money::new(120, "JPY".parse().unwrap());
    let mut all = [discount(100), shipping(499)];
    fit_adjustments(&[yen_line.clone()], &mut all).unwrap();
    let totals = totals(&[yen_line], &all).unwrap().unwrap();
    assert_eq!(totals.total, Money::new(120, "JPY".parse().unwrap()));
    assert!(all.iter().all(|it| it.amount.to_string() == "0 JPY" && it.given.currency.code() == "EUR"));
    fit_adjustments(&[line(1_000, 1, 0)], &mut all).unwrap();
    assert_eq!(all.map(|it| it.amount), [eur(-100), eur(499)]);
}

#[test]
fn without_lines_there_is_what_staff_has_added() {
    assert_eq!(totals(&[], &[]), Ok(None));
    let fee = Adjustment::by_staff(AdjustmentKind::Fee, "", eur(70)).unwrap();
    assert_eq!(totals(&[], &[fee]).unwrap().unwrap().total, eur(70));
}

#[test]
fn amounts_beyond_64_bits_and_of_two_currencies_are_an_error() {
    assert_eq!(totals(&[line(i64::MAX / 2, 3, 0)], &[]), Err(MoneyError::Overflow));
    let amount = Money::new(5, "JPY".parse().unwrap());
    let yen = Adjustment { amount, given: amount, ..shipping(1) };
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
        cost in 0i64..100_000,
        off in 1i64..1_000_000,
    ) {
        let lines: Vec<Line> = parts.iter().map(|(price, quantity, rate)| line(*price, *quantity, *rate)).collect();
        let mut adjustments = [shipping(cost), discount(off)];
        fit_adjustments(&lines, &mut adjustments).unwrap();
        let totals = totals(&lines, &adjustments).unwrap().unwrap();
        let expected: i64 = parts.iter().map(|(price, quantity, _)| price * i64::from(*quantity)).sum();
        prop_assert_eq!(totals.subtotal.minor, expected);
        prop_assert_eq!(adjustments[1].amount.minor, -off.min(expected + cost));
        prop_assert_eq!(totals.total.minor, (expected + cost - off).max(0));
        prop_assert!((0..=totals.total.minor).contains(&totals.tax_included.minor));
    }

    #[test]
    fn one_line_of_one_rate_has_the_tax_of_the_whole(
        price in 0i64..10_000_000,
        rate in 0i32..=10_000,
        extras in prop::collection::vec(0i64..100_000, 0..5),
    ) {
        let lines = [line(price, 1, rate)];
        let extras: Vec<_> = extras.into_iter().map(shipping).collect();
        let totals = totals(&lines, &extras).unwrap().unwrap();
        prop_assert_eq!(totals.tax_included, totals.total.tax_included(rate).unwrap());
    }

    #[test]
    fn the_tax_of_what_is_added_is_within_it_and_the_sum_is_the_orders(
        parts in prop::collection::vec((0i64..1_000_000, 1i32..=10, 0i32..=10_000), 1..20),
        extras in prop::collection::vec(1i64..100_000, 1..5),
        off in 1i64..2_000_000,
    ) {
        let lines: Vec<Line> = parts.iter().map(|(price, quantity, rate)| line(*price, *quantity, *rate)).collect();
        let mut adjustments: Vec<_> = extras.into_iter().map(shipping).collect();
        adjustments.push(discount(off));
        fit_adjustments(&lines, &mut adjustments).unwrap();
        let taxes = taxes(&lines, &adjustments).unwrap();
        for (tax, adjustment) in taxes.iter().zip(&adjustments) {
            prop_assert!((0..=adjustment.amount.minor.max(0)).contains(&tax.minor), "{:?} in {:?}", tax, adjustment);
        }
        let of_lines = lines.iter().zip(shares(&lines, &adjustments).unwrap())
            .map(|(line, share)| line.tax_included(share).unwrap().minor);
        let sum = of_lines.sum::<i64>() + taxes.iter().map(|tax| tax.minor).sum::<i64>();
        prop_assert_eq!(totals(&lines, &adjustments).unwrap().unwrap().tax_included.minor, sum);
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

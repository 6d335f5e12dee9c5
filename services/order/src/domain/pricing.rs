//! What the shop's configuration adds to an order: shipping, and the payment type's fee.

use kit::{Money, money::MoneyError, payment_types::PaymentType};

use super::{Adjustment, AdjustmentKind, Line, basket, totals, totals::fit_adjustments};

/// The adjustments with the shipping that belongs to these lines: `rates` has its price, once per currency. None
/// without lines, and none in a currency without a rate.
pub fn with_shipping(lines: &[Line], mut adjustments: Vec<Adjustment>, rates: &[Money]) -> Vec<Adjustment> {
    let rate = basket::currency(lines)
        .and_then(|currency| rates.iter().find(|rate| rate.currency == currency && rate.minor > 0));
    let place = adjustments.iter().position(|adjustment| adjustment.is_automatic(AdjustmentKind::Shipping));
    match (rate, place) {
        (Some(rate), Some(place)) => adjustments[place].given = *rate,
        (Some(rate), None) => {
            adjustments.push(Adjustment::automatic(AdjustmentKind::Shipping, "Shipping", *rate));
        }
        (None, Some(place)) => {
            adjustments.remove(place);
        }
        (None, None) => {}
    }
    adjustments
}

/// The same, with what discounts come to then.
pub fn up_to_date(
    lines: &[Line],
    adjustments: Vec<Adjustment>,
    rates: &[Money],
) -> Result<Vec<Adjustment>, MoneyError> {
    let mut adjustments = with_shipping(lines, adjustments, rates);
    fit_adjustments(lines, &mut adjustments)?;
    Ok(adjustments)
}

/// The adjustments with this payment type's fee in place of any other, and what the order costs then; `None` without
/// lines.
pub fn priced_for(
    kind: &PaymentType,
    lines: &[Line],
    mut adjustments: Vec<Adjustment>,
) -> Result<Option<(Vec<Adjustment>, Money)>, MoneyError> {
    adjustments.retain(|adjustment| !adjustment.is_automatic(AdjustmentKind::Fee));
    let Some(without_fee) = totals(lines, &adjustments)? else { return Ok(None) };
    let fee = kind.fee(without_fee.before_fee)?;
    if fee.minor > 0 {
        adjustments.push(Adjustment::automatic(AdjustmentKind::Fee, "Payment fee", fee));
    }
    let total = totals(lines, &adjustments)?.map(|totals| totals.total);
    Ok(total.map(|total| (adjustments, total)))
}

/// The payment type's fee among these adjustments.
pub fn fee_in(adjustments: &[Adjustment]) -> Option<Money> {
    let fee = adjustments.iter().find(|adjustment| adjustment.is_automatic(AdjustmentKind::Fee));
    fee.map(|adjustment| adjustment.amount)
}

#[cfg(test)]
mod tests {
    use kit::id::{ArticleId, Id, LineId};

    use super::*;

    fn money(text: &str) -> Money {
        text.parse().unwrap()
    }

    fn line(price: &str) -> Line {
        Line {
            id: LineId::new(),
            article_id: ArticleId::new(),
            code: "A".to_owned(),
            name: "An article".to_owned(),
            quantity: 1,
            unit_price: money(price),
            tax_rate_basis_points: 0,
            returned: 0,
        }
    }

    #[test]
    fn shipping_is_that_of_the_lines_currency_and_replaces_itself() {
        let rates = [money("4.99 EUR"), money("0.00 USD"), money("500 JPY")];
        let added = with_shipping(&[line("10.00 EUR")], Vec::new(), &rates);
        assert_eq!((added.len(), added[0].given), (1, money("4.99 EUR")));
        let id = added[0].id;
        let changed = with_shipping(&[line("100 JPY")], added, &rates);
        assert_eq!((changed.len(), changed[0].given, changed[0].id), (1, money("500 JPY"), id));
        assert_eq!(with_shipping(&[line("1.00 USD")], changed.clone(), &rates), [], "it costs nothing");
        assert_eq!(with_shipping(&[], changed, &rates), []);
    }

    #[test]
    fn a_payment_type_has_its_own_fee_of_what_the_order_costs_without_one() {
        let mut dear = PaymentType::of("simulated");
        dear.percent_basis_points = 1_000;
        let lines = [line("10.00 EUR")];
        let (adjustments, total) = priced_for(&dear, &lines, Vec::new()).unwrap().unwrap();
        assert_eq!((total, fee_in(&adjustments)), (money("11.00 EUR"), Some(money("1.00 EUR"))));
        // Not of the fee that it replaces.
        let (again, total) = priced_for(&dear, &lines, adjustments).unwrap().unwrap();
        assert_eq!((again.len(), total), (1, money("11.00 EUR")));
        let (free, total) = priced_for(&PaymentType::of("simulated"), &lines, again).unwrap().unwrap();
        assert_eq!((free.len(), total), (0, money("10.00 EUR")));
        assert_eq!(priced_for(&dear, &[], Vec::new()).unwrap(), None);
    }
}

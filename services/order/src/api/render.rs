//! Orders as the contract shows them.

use contracts::{order, user::Address};
use kit::{Currency, Money, id::OrderId};
use prost::Message;

use crate::{
    domain::{Adjustment, Line, State, tax::taxes, totals, totals::shares},
    error::Error,
    store::{View, event, order as row, purchase},
};

/// An order.
pub fn order(view: &View) -> Result<order::Order, Error> {
    let totals = totals(&view.lines, &view.adjustments)?;
    let shares = shares(&view.lines, &view.adjustments)?;
    let taxes = taxes(&view.lines, &view.adjustments)?;
    let row = &view.order;
    let address = row.address.as_deref().map(Address::decode).transpose().map_err(kit::Fault::internal)?;
    Ok(order::Order {
        id: row.id.to_string(),
        number: row.shown_number(),
        user_id: row.user_id.to_string(),
        state: order::OrderState::from(row.state).into(),
        lines: view.lines.iter().zip(shares).map(line).collect::<Result<_, _>>()?,
        adjustments: view.adjustments.iter().zip(taxes).map(adjustment).collect(),
        subtotal: totals.map(|totals| totals.subtotal.into()),
        total: totals.map(|totals| totals.total.into()),
        tax_included: totals.map(|totals| totals.tax_included.into()),
        address,
        // Until the stock is set aside, no payment is asked for.
        payment_id: row
            .payment_id
            .filter(|_| row.state != State::CheckingOut)
            .map(|id| id.to_string())
            .unwrap_or_default(),
        payment_type: row.payment_type,
        payment_action_url: row.payment_action_url.clone(),
        payment_failure: row.payment_failure.clone(),
        tracking_code: row.tracking_code.clone(),
        etag: row.version.to_string(),
        create_time: Some(row.create_time.into()),
        place_time: row.place_time.map(Into::into),
        update_time: Some(row.update_time.into()),
        carrier: row.carrier.clone(),
        refunded: refunded(row, totals.map(|totals| totals.total.currency))?,
        refunding: row.refunding,
    })
}

/// What was given back, in the currency in which it was: by default, the order's.
fn refunded(row: &row::Model, currency: Option<Currency>) -> Result<Option<contracts::Money>, Error> {
    let currency = match &row.refunded_currency {
        Some(code) => Some(code.parse().map_err(|()| kit::Fault::internal("a stored currency is none"))?),
        None => currency,
    };
    Ok(currency.map(|currency| Money::new(row.refunded_minor, currency).into()))
}

fn line((line, discount): (&Line, Money)) -> Result<order::Line, Error> {
    Ok(order::Line {
        id: line.id.to_string(),
        article_id: line.article_id.to_string(),
        code: line.code.clone(),
        name: line.name.clone(),
        quantity: line.quantity,
        unit_price: Some(line.unit_price.into()),
        total: Some(line.total()?.into()),
        tax_rate_basis_points: line.tax_rate_basis_points,
        tax_included: Some(line.tax_included(discount)?.into()),
        discount: Some(discount.into()),
        returned: line.returned,
    })
}

fn adjustment((adjustment, tax): (&Adjustment, Money)) -> order::Adjustment {
    order::Adjustment {
        id: adjustment.id.to_string(),
        r#type: order::AdjustmentType::from(adjustment.kind).into(),
        label: adjustment.label.clone(),
        amount: Some(adjustment.amount.into()),
        automatic: adjustment.automatic,
        given: Some(adjustment.given.into()),
        tax_included: Some(tax.into()),
    }
}

/// What followers are told of a change; `previous` is its state before, if there was one.
pub fn changed(id: OrderId, state: State, previous: Option<State>) -> order::OrderChanged {
    order::OrderChanged {
        order_id: id.to_string(),
        state: order::OrderState::from(state).into(),
        previous_state: previous.map_or(order::OrderState::Unspecified, order::OrderState::from).into(),
    }
}

/// An event of an order's history.
pub fn event(event: &event::Model) -> order::OrderEvent {
    order::OrderEvent {
        order_id: event.order_id.to_string(),
        sequence: event.sequence,
        state: order::OrderState::from(event.state).into(),
        actor: event.actor.clone(),
        note: event.note.clone(),
        create_time: Some(event.create_time.into()),
    }
}

/// What a user has bought of an article.
pub fn purchase(purchase: &purchase::Model) -> order::Purchase {
    order::Purchase {
        article_id: purchase.article_id.to_string(),
        code: purchase.code.clone(),
        name: purchase.name.clone(),
        quantity: purchase.quantity.try_into().unwrap_or(i32::MAX),
        last_time: Some(purchase.last_time.into()),
    }
}

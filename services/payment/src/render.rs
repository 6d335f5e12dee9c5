//! Rows as the contract shows them.

use contracts::payment as wire;
use kit::{Currency, Fault, Money};

use crate::store::{Payment, Refund};

/// A payment; `action_url` is where its customer must act, if she must.
pub fn payment(row: &Payment, action_url: String) -> Result<wire::Payment, Fault> {
    let money = |minor| row.money(minor).map(|money| Some(money.into()));
    Ok(wire::Payment {
        id: row.id.to_string(),
        order_id: row.order_id.to_string(),
        user_id: row.user_id.to_string(),
        state: wire::PaymentState::from(row.state).into(),
        payment_type: row.payment_type,
        provider: row.provider.clone(),
        amount: money(row.amount_minor)?,
        fee: money(row.fee_minor)?,
        authorized: money(row.authorized_minor)?,
        captured: money(row.captured_minor)?,
        voided: money(row.voided_minor)?,
        refunded: money(row.refunded_minor)?,
        failure_reason: row.failure_reason.clone(),
        action_url,
        provider_reference: row.provider_reference.clone(),
        create_time: Some(row.create_time.into()),
        update_time: Some(row.update_time.into()),
    })
}

/// A refund.
pub fn refund(row: &Refund) -> Result<wire::Refund, Fault> {
    let currency: Currency = row
        .currency
        .parse()
        .map_err(|()| Fault::internal(format!("{} has the currency {:?}", row.id, row.currency)))?;
    Ok(wire::Refund {
        id: row.id.to_string(),
        payment_id: row.payment_id.to_string(),
        amount: Some(Money::new(row.amount_minor, currency).into()),
        state: wire::RefundState::from(row.state).into(),
        reason: row.reason.clone(),
        create_time: Some(row.create_time.into()),
    })
}

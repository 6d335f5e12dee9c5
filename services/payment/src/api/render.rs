//! Rows as the contract shows them.

use contracts::payment as wire;
use kit::{
    Fault,
    id::{DisputeFeeId, DisputeId, Id, RefundId},
};

use crate::store::{
    Dispute, Payment, Refund,
    entities::{ledger_entry::Model as Entry, payment_event::Model as Event},
    money,
};

/// A payment; `action_url` is where its customer must act, if that is so.
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
        refund_pending: money(row.refund_pending_minor)?,
        disputed: money(row.disputed_minor)?,
        flags: row.flags().names().map(str::to_owned).collect(),
        failure_reason: row.failure_reason.clone(),
        action_url,
        provider_reference: row.provider_reference.clone(),
        create_time: Some(row.create_time.into()),
        update_time: Some(row.update_time.into()),
    })
}

/// A refund.
pub fn refund(row: &Refund) -> Result<wire::Refund, Fault> {
    Ok(wire::Refund {
        id: row.id.to_string(),
        payment_id: row.payment_id.to_string(),
        amount: Some(money(&row.id, row.amount_minor, &row.currency)?.into()),
        state: wire::RefundState::from(row.state).into(),
        reason: row.reason.clone(),
        create_time: Some(row.create_time.into()),
        by_hand: row.by_hand,
        at_provider: row.at_provider,
    })
}

/// A dispute.
pub fn dispute(row: &Dispute) -> Result<wire::Dispute, Fault> {
    Ok(wire::Dispute {
        id: row.id.to_string(),
        payment_id: row.payment_id.to_string(),
        amount: Some(money(&row.id, row.amount_minor, &row.currency)?.into()),
        state: wire::DisputeState::from(row.state).into(),
        reason: row.reason.clone(),
        withdrawn: row.withdrawn,
        provider_reference: row.provider_reference.clone(),
        create_time: Some(row.create_time.into()),
        update_time: Some(row.update_time.into()),
    })
}

/// Something that happened to a payment.
pub fn event(row: &Event) -> wire::PaymentEvent {
    wire::PaymentEvent {
        payment_id: row.payment_id.to_string(),
        sequence: row.sequence,
        state: wire::PaymentState::from(row.state).into(),
        actor: row.actor.clone(),
        note: row.note.clone(),
        create_time: Some(row.create_time.into()),
    }
}

/// A ledger entry.
pub fn entry(row: &Entry) -> Result<wire::LedgerEntry, Fault> {
    let payment_id = row.payment_id.to_string();
    let (mut refund_id, mut dispute_id) = (String::new(), String::new());
    let transaction_id = match (row.transaction_id, row.dispute_id) {
        (id, Some(dispute)) => {
            dispute_id = dispute.to_string();
            DisputeFeeId(id).to_string()
        }
        (id, None) if row.dispute => {
            dispute_id = DisputeId(id).to_string();
            dispute_id.clone()
        }
        (id, None) if id == row.payment_id.uuid() => payment_id.clone(),
        (id, None) => {
            refund_id = RefundId(id).to_string();
            refund_id.clone()
        }
    };
    Ok(wire::LedgerEntry {
        id: row.id.to_string(),
        transaction_id,
        payment_id,
        refund_id,
        dispute_id,
        account: row.account.clone(),
        provider_reference: row.provider_reference.clone(),
        amount: Some(money(&row.id, row.amount_minor, &row.currency)?.into()),
        create_time: Some(row.create_time.into()),
    })
}

//! What is written beside a payment and never changed: its history, and the ledger's entries. [`Movement`] says what
//! these mean.

use kit::{
    Time, Tx,
    id::{EntryId, Id, PaymentId},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    prelude::Uuid,
};

use super::{
    DisputeFee, Payment,
    entities::{ledger_entry, payment_event},
};
use crate::{
    domain::{Account, Movement, State},
    error::Error,
};

/// The other side of a capture or a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum With {
    Provider,
    Hand,
}

/// What entries are booked for.
#[derive(Debug, Clone, Copy)]
enum Cause<'a> {
    /// A capture or a refund.
    Payment,
    Dispute,
    Fee(&'a DisputeFee),
}

/// Books a capture; a refund, where it is negative.
pub async fn book(
    tx: &Tx,
    payment: &Payment,
    transaction_id: Uuid,
    minor: i64,
    with: With,
) -> Result<(), Error> {
    let other = match with {
        With::Provider => provider(payment),
        With::Hand => Account::ByHand,
    };
    let movement = Movement::new(Account::Customer, other, payment.money(minor)?);
    write(tx, payment, transaction_id, movement, Cause::Payment).await
}

/// Books that a bank took so much back from the shop; gave it back, where it is negative.
pub async fn book_dispute(tx: &Tx, payment: &Payment, dispute: Uuid, minor: i64) -> Result<(), Error> {
    let movement = Movement::new(provider(payment), Account::Disputed, payment.money(minor)?);
    write(tx, payment, dispute, movement, Cause::Dispute).await
}

/// Books a fee of a dispute, in its own currency.
pub async fn book_fee(tx: &Tx, payment: &Payment, fee: &DisputeFee) -> Result<(), Error> {
    let movement = Movement::new(provider(payment), Account::DisputeFees, fee.money()?);
    write(tx, payment, fee.id.uuid(), movement, Cause::Fee(fee)).await
}

fn provider(payment: &Payment) -> Account {
    Account::Provider(payment.provider.clone())
}

async fn write(
    tx: &Tx,
    payment: &Payment,
    transaction_id: Uuid,
    movement: Movement,
    cause: Cause<'_>,
) -> Result<(), Error> {
    let fee = match cause {
        Cause::Fee(fee) => Some(fee),
        Cause::Payment | Cause::Dispute => None,
    };
    let entries = movement.entries().into_iter().map(|(account, amount)| ledger_entry::ActiveModel {
        id: Set(EntryId::new()),
        transaction_id: Set(transaction_id),
        payment_id: Set(payment.id),
        account: Set(account),
        amount_minor: Set(amount.minor),
        currency: Set(amount.currency.to_string()),
        dispute: Set(matches!(cause, Cause::Dispute)),
        dispute_id: Set(fee.map(|fee| fee.dispute_id)),
        provider_reference: Set(fee.map(|fee| fee.provider_reference.clone()).unwrap_or_default()),
        create_time: Set(tx.now()),
    });
    let entries: Vec<_> = entries.collect();
    if entries.is_empty() {
        return Ok(());
    }
    ledger_entry::Entity::insert_many(entries).exec_without_returning(&**tx).await?;
    Ok(())
}

/// Which entries; what is empty does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryFilter {
    pub payment: Option<PaymentId>,
    pub account: Option<String>,
    /// At this time or later.
    pub after: Option<Time>,
    /// Before this time.
    pub before: Option<Time>,
}

/// Entries after one of them, the oldest first.
pub async fn entries(
    db: &impl ConnectionTrait,
    filter: EntryFilter,
    after: Option<EntryId>,
    limit: u64,
) -> Result<Vec<ledger_entry::Model>, Error> {
    let mut rows = ledger_entry::Entity::find().order_by_asc(ledger_entry::Column::Id).limit(limit);
    if let Some(after) = after {
        rows = rows.filter(ledger_entry::Column::Id.gt(after));
    }
    if let Some(payment) = filter.payment {
        rows = rows.filter(ledger_entry::Column::PaymentId.eq(payment));
    }
    if let Some(account) = filter.account {
        rows = rows.filter(ledger_entry::Column::Account.eq(account));
    }
    if let Some(after) = filter.after {
        rows = rows.filter(ledger_entry::Column::CreateTime.gte(after));
    }
    if let Some(before) = filter.before {
        rows = rows.filter(ledger_entry::Column::CreateTime.lt(before));
    }
    Ok(rows.all(db).await?)
}

/// A payment's history after one of its events, the oldest first.
pub async fn events(
    db: &impl ConnectionTrait,
    payment: PaymentId,
    after: i32,
    limit: u64,
) -> Result<Vec<payment_event::Model>, DbErr> {
    let rows = payment_event::Entity::find()
        .filter(payment_event::Column::PaymentId.eq(payment))
        .filter(payment_event::Column::Sequence.gt(after))
        .order_by_asc(payment_event::Column::Sequence);
    rows.limit(limit).all(db).await
}

/// Notes that a payment came to the state it is in, under its `last_sequence`.
pub async fn note(tx: &Tx, payment: &Payment, note: &str) -> Result<(), DbErr> {
    let row = event(tx, payment, note);
    payment_event::Entity::insert(row).exec_without_returning(&**tx).await.map(|_| ())
}

/// Notes that a payment was made and begun, by one transaction.
pub async fn begin(tx: &Tx, payment: &Payment) -> Result<(), DbErr> {
    let begun = event(tx, payment, "");
    let made = payment_event::ActiveModel {
        sequence: Set(payment.last_sequence - 1),
        state: Set(State::Pending),
        ..begun.clone()
    };
    payment_event::Entity::insert_many([made, begun]).exec_without_returning(&**tx).await.map(|_| ())
}

fn event(tx: &Tx, payment: &Payment, note: &str) -> payment_event::ActiveModel {
    payment_event::ActiveModel {
        payment_id: Set(payment.id),
        sequence: Set(payment.last_sequence),
        state: Set(payment.state),
        actor: Set(tx.actor()),
        note: Set(note.chars().take(200).collect()),
        create_time: Set(tx.now()),
    }
}

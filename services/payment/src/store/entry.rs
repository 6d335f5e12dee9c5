//! The ledger's entries; [`Movement`] says what they mean.

use kit::{
    Time, Tx,
    id::{DisputeId, EntryId, Id, PaymentId},
};
use sea_orm::{ActiveValue::Set, EntityTrait, prelude::Uuid};

use super::{Payment, disputes::Fee};
use crate::{
    domain::{Account, Movement},
    error::Error,
};

/// The table.
pub mod row {
    use sea_orm::entity::prelude::*;

    use super::{DisputeId, EntryId, PaymentId, Time};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "ledger_entries")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: EntryId,
        /// The payment's id for its capture, the refund's for a refund and for its coming back, the dispute's, its
        /// fee's: one movement cannot be booked twice.
        pub transaction_id: Uuid,
        pub payment_id: PaymentId,
        pub account: String,
        pub amount_minor: i64,
        pub currency: String,
        /// The transaction is a dispute's.
        pub dispute: bool,
        /// The dispute that the transaction is a fee of.
        pub dispute_id: Option<DisputeId>,
        /// The provider's id of that fee.
        pub provider_reference: String,
        pub create_time: Time,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Where money goes to from the customer, and comes from when it is given back.
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
    Fee(&'a Fee),
}

/// Books that so much went from the customer; back to her, where it is negative.
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
pub async fn book_fee(tx: &Tx, payment: &Payment, fee: &Fee) -> Result<(), Error> {
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
    let entries = movement.entries().into_iter().map(|(account, amount)| row::ActiveModel {
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
    row::Entity::insert_many(entries).exec_without_returning(&**tx).await?;
    Ok(())
}

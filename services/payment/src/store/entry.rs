//! The ledger: every movement of money as two entries that sum to zero. The customer's account goes down by
//! what was captured and up by what was given back; the provider's account is what it holds for the shop; what
//! is given back by hand comes from neither.

use kit::{
    Time, Tx,
    id::{EntryId, Id, PaymentId},
};
use sea_orm::{ActiveValue::Set, DbErr, EntityTrait, prelude::Uuid};

use super::Payment;

/// The account of everybody who pays.
const CUSTOMER: &str = "customer";

/// The table.
pub mod row {
    use sea_orm::entity::prelude::*;

    use super::{EntryId, PaymentId, Time};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "ledger_entries")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: EntryId,
        /// The payment's id for its capture, the refund's for a refund and for its coming back: one movement
        /// cannot be booked twice.
        pub transaction_id: Uuid,
        pub payment_id: PaymentId,
        pub account: String,
        pub amount_minor: i64,
        pub currency: String,
        /// The transaction is a dispute's.
        pub dispute: bool,
        pub create_time: Time,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The account of what is given back outside of any provider.
const BY_HAND: &str = "by_hand";

/// The account of what banks took back from the shop.
const DISPUTED: &str = "disputed";

/// Where money goes to from the customer, and comes from when it is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum With {
    Provider,
    Hand,
}

/// Books that so much went from the customer; back to her, where it is negative.
pub async fn book(
    tx: &Tx,
    payment: &Payment,
    transaction_id: Uuid,
    minor: i64,
    with: With,
) -> Result<(), DbErr> {
    if minor == 0 {
        return Ok(());
    }
    let other = match with {
        With::Provider => provider(payment),
        With::Hand => BY_HAND.to_owned(),
    };
    move_money(tx, payment, transaction_id, (CUSTOMER.to_owned(), other), minor, false).await
}

/// Books that a bank took so much back from the shop; gave it back, where it is negative.
pub async fn book_dispute(tx: &Tx, payment: &Payment, dispute: Uuid, minor: i64) -> Result<(), DbErr> {
    let accounts = (provider(payment), DISPUTED.to_owned());
    move_money(tx, payment, dispute, accounts, minor, true).await
}

fn provider(payment: &Payment) -> String {
    format!("provider:{}", payment.provider)
}

/// Moves so much from the one account to the other.
async fn move_money(
    tx: &Tx,
    payment: &Payment,
    transaction_id: Uuid,
    (from, to): (String, String),
    minor: i64,
    dispute: bool,
) -> Result<(), DbErr> {
    let entry = |account: String, amount_minor: i64| row::ActiveModel {
        id: Set(EntryId::new()),
        transaction_id: Set(transaction_id),
        payment_id: Set(payment.id),
        account: Set(account),
        amount_minor: Set(amount_minor),
        currency: Set(payment.currency.clone()),
        dispute: Set(dispute),
        create_time: Set(tx.now()),
    };
    let entries = [entry(from, -minor), entry(to, minor)];
    row::Entity::insert_many(entries).exec_without_returning(&**tx).await.map(|_| ())
}

//! The ledger: every movement of money as two entries that sum to zero. The customer's account goes down by
//! what was captured and up by what was given back; the provider's account is what it holds for the shop.

use kit::{Time, Tx, id::PaymentId};
use sea_orm::{ActiveValue::Set, DbErr, EntityTrait, prelude::Uuid};

use super::Payment;

/// The account of everybody who pays.
const CUSTOMER: &str = "customer";

/// The table.
pub mod row {
    use sea_orm::entity::prelude::*;

    use super::{PaymentId, Time};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "ledger_entries")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// The payment's id for its capture, the refund's for a refund: one movement cannot be booked twice.
        pub transaction_id: Uuid,
        pub payment_id: PaymentId,
        pub account: String,
        pub amount_minor: i64,
        pub currency: String,
        pub create_time: Time,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Books that so much went from the customer to the provider; back, where it is negative.
pub async fn book(tx: &Tx, payment: &Payment, transaction_id: Uuid, minor: i64) -> Result<(), DbErr> {
    if minor == 0 {
        return Ok(());
    }
    let entry = |account: String, amount_minor: i64| row::ActiveModel {
        id: Set(Uuid::now_v7()),
        transaction_id: Set(transaction_id),
        payment_id: Set(payment.id),
        account: Set(account),
        amount_minor: Set(amount_minor),
        currency: Set(payment.currency.clone()),
        create_time: Set(tx.now()),
    };
    let entries =
        [entry(CUSTOMER.to_owned(), -minor), entry(format!("provider:{}", payment.provider), minor)];
    row::Entity::insert_many(entries).exec_without_returning(&**tx).await.map(|_| ())
}

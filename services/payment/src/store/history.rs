//! A payment's history: a row for every state it came to and every flag, numbered from 1 without gaps.

use kit::{Time, Tx, id::PaymentId};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::Payment;
use crate::domain::State;

/// The table.
pub mod row {
    use sea_orm::entity::prelude::*;

    use super::{PaymentId, State, Time};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "payment_events")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub payment_id: PaymentId,
        #[sea_orm(primary_key, auto_increment = false)]
        pub sequence: i32,
        pub state: State,
        /// A user's id or a service's name.
        pub actor: String,
        pub note: String,
        pub create_time: Time,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A payment's history after one of its events, the oldest first.
pub async fn list(
    db: &impl ConnectionTrait,
    payment: PaymentId,
    after: i32,
    limit: u64,
) -> Result<Vec<row::Model>, DbErr> {
    let rows = row::Entity::find()
        .filter(row::Column::PaymentId.eq(payment))
        .filter(row::Column::Sequence.gt(after))
        .order_by_asc(row::Column::Sequence);
    rows.limit(limit).all(db).await
}

/// Notes that a payment came to the state it is in, under its `last_sequence`.
pub async fn note(tx: &Tx, payment: &Payment, note: &str) -> Result<(), DbErr> {
    let row = row::ActiveModel {
        payment_id: Set(payment.id),
        sequence: Set(payment.last_sequence),
        state: Set(payment.state),
        actor: Set(tx.actor()),
        note: Set(note.chars().take(200).collect()),
        create_time: Set(tx.now()),
    };
    row::Entity::insert(row).exec_without_returning(&**tx).await.map(|_| ())
}

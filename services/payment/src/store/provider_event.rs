//! The webhooks that were taken, so that each counts once.

use kit::{Time, Tx, id::PaymentId, insert_new};
use sea_orm::{ActiveValue::Set, DbErr, EntityTrait};

/// The table.
pub mod row {
    use sea_orm::entity::prelude::*;

    use super::{PaymentId, Time};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "provider_events")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub provider: String,
        /// The provider's id of the event.
        #[sea_orm(primary_key, auto_increment = false)]
        pub event_id: String,
        pub payment_id: PaymentId,
        pub create_time: Time,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Notes that an event was taken; `false` where it was before.
pub async fn note(tx: &Tx, provider: &str, event_id: &str, payment_id: PaymentId) -> Result<bool, DbErr> {
    let row = row::ActiveModel {
        provider: Set(provider.to_owned()),
        event_id: Set(event_id.to_owned()),
        payment_id: Set(payment_id),
        create_time: Set(tx.now()),
    };
    insert_new(&**tx, row, [row::Column::Provider, row::Column::EventId]).await
}

/// Forgets the events that were taken before a time.
pub async fn prune(tx: &Tx, before: Time) -> Result<(), DbErr> {
    use sea_orm::{ColumnTrait, QueryFilter};
    let old = row::Entity::delete_many().filter(row::Column::CreateTime.lt(before));
    old.exec(&**tx).await.map(|_| ())
}

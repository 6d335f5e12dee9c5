//! The webhooks that were taken, so that each counts once.

use std::collections::HashSet;

use kit::{Time, Tx, id::PaymentId, insert_new};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};

/// So many are looked for at a time.
const AT_ONCE: usize = 200;

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

/// Which of these events were taken.
pub async fn known(
    db: &impl ConnectionTrait,
    provider: &str,
    ids: impl Iterator<Item = &str>,
) -> Result<HashSet<String>, DbErr> {
    let ids: Vec<&str> = ids.collect();
    let mut known = HashSet::new();
    for some in ids.chunks(AT_ONCE) {
        let rows = row::Entity::find()
            .select_only()
            .column(row::Column::EventId)
            .filter(row::Column::Provider.eq(provider))
            .filter(row::Column::EventId.is_in(some.iter().copied()));
        known.extend(rows.into_tuple::<String>().all(db).await?);
    }
    Ok(known)
}

/// Forgets the events that were taken before a time.
pub async fn prune(tx: &Tx, before: Time) -> Result<(), DbErr> {
    let old = row::Entity::delete_many().filter(row::Column::CreateTime.lt(before));
    old.exec(&**tx).await.map(|_| ())
}

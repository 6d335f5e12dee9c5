//! The events of providers that were applied, so that each counts once.

use std::collections::HashSet;

use kit::{Time, Tx, id::PaymentId, insert_new};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};

use super::entities::provider_event;

/// So many are looked for at a time.
const AT_ONCE: usize = 200;

/// Records that an event is applied; `false` where it was before. Of two transactions with the same event, the second waits
/// here for the row of the first.
pub async fn note(tx: &Tx, provider: &str, event_id: &str, payment_id: PaymentId) -> Result<bool, DbErr> {
    let row = provider_event::ActiveModel {
        provider: Set(provider.to_owned()),
        event_id: Set(event_id.to_owned()),
        payment_id: Set(payment_id),
        create_time: Set(tx.now()),
    };
    insert_new(&**tx, row, [provider_event::Column::Provider, provider_event::Column::EventId]).await
}

/// Which of these events were applied.
pub async fn known(
    db: &impl ConnectionTrait,
    provider: &str,
    ids: impl Iterator<Item = &str>,
) -> Result<HashSet<String>, DbErr> {
    let ids: Vec<&str> = ids.collect();
    let mut known = HashSet::new();
    for some in ids.chunks(AT_ONCE) {
        let rows = provider_event::Entity::find()
            .select_only()
            .column(provider_event::Column::EventId)
            .filter(provider_event::Column::Provider.eq(provider))
            .filter(provider_event::Column::EventId.is_in(some.iter().copied()));
        known.extend(rows.into_tuple::<String>().all(db).await?);
    }
    Ok(known)
}

/// Deletes the events that were applied before a time.
pub async fn prune(tx: &Tx, before: Time) -> Result<(), DbErr> {
    let old = provider_event::Entity::delete_many().filter(provider_event::Column::CreateTime.lt(before));
    old.exec(&**tx).await.map(|_| ())
}

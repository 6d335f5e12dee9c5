//! Disputes of payments, and the fees for them.

use std::collections::HashSet;

use contracts::payment as wire;
use kit::{
    Fault, Money, Tx,
    id::{DisputeId, PaymentId},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::NotSet, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
};

pub use super::entities::{dispute::Model as Dispute, dispute_fee::Model as DisputeFee};
use super::entities::{
    dispute::{ActiveModel, Column, Entity},
    dispute_fee,
};
use crate::{
    domain::{DisputeRecord, DisputeState},
    error::Error,
};

impl DisputeFee {
    pub fn money(&self) -> Result<Money, Fault> {
        super::money(&self.id, self.amount_minor, &self.currency)
    }
}

impl Dispute {
    pub fn record(&self) -> DisputeRecord {
        DisputeRecord {
            state: self.state,
            was_withdrawn: self.was_withdrawn,
            was_reinstated: self.was_reinstated,
        }
    }
}

/// The dispute that a provider knows by a reference. Its payment is locked, which keeps others off it.
pub async fn find(tx: &Tx, payment: PaymentId, reference: &str) -> Result<Option<Dispute>, Error> {
    let found = Entity::find().filter(Column::PaymentId.eq(payment));
    Ok(found.filter(Column::ProviderReference.eq(reference)).one(&**tx).await?)
}

/// Publishes a dispute as it is now; `previous` is its state before, unless it is new. Its payment is locked.
pub fn publish(tx: &Tx, dispute: &Dispute, previous: Option<DisputeState>) {
    let event = wire::DisputeChanged {
        dispute_id: dispute.id.to_string(),
        payment_id: dispute.payment_id.to_string(),
        state: wire::DisputeState::from(dispute.state).into(),
        previous_state: previous.map_or(wire::DisputeState::Unspecified, Into::into).into(),
    };
    tx.publish(dispute.payment_id, &event);
}

/// Writes a dispute, `new` or not.
pub async fn save(tx: &Tx, dispute: Dispute, new: bool) -> Result<(), Error> {
    let id = dispute.id;
    let mut row = ActiveModel::from(dispute).reset_all();
    if new {
        Entity::insert(row).exec_without_returning(&**tx).await?;
    } else {
        row.id = NotSet;
        Entity::update_many().set(row).filter(Column::Id.eq(id)).exec(&**tx).await?;
    }
    Ok(())
}

/// The provider's ids of a dispute's fees that are booked. Its payment is locked, which keeps others off it.
pub async fn booked_fees(tx: &Tx, dispute: DisputeId) -> Result<HashSet<String>, Error> {
    let references = dispute_fee::Entity::find()
        .select_only()
        .column(dispute_fee::Column::ProviderReference)
        .filter(dispute_fee::Column::DisputeId.eq(dispute));
    Ok(references.into_tuple::<String>().all(&**tx).await?.into_iter().collect())
}

/// Records a fee.
pub async fn insert_fee(tx: &Tx, fee: DisputeFee) -> Result<(), Error> {
    dispute_fee::Entity::insert(dispute_fee::ActiveModel::from(fee).reset_all())
        .exec_without_returning(&**tx)
        .await?;
    Ok(())
}

/// Whether another dispute of a payment is still open.
pub async fn others_open(tx: &Tx, payment: PaymentId, but: DisputeId) -> Result<bool, Error> {
    let open = Entity::find()
        .filter(Column::PaymentId.eq(payment))
        .filter(Column::State.eq(DisputeState::Open))
        .filter(Column::Id.ne(but));
    Ok(open.count(&**tx).await? > 0)
}

/// A payment's disputes after one of them, the oldest first.
pub async fn list(
    db: &impl ConnectionTrait,
    payment: PaymentId,
    after: Option<DisputeId>,
    limit: u64,
) -> Result<Vec<Dispute>, Error> {
    let mut rows = Entity::find().filter(Column::PaymentId.eq(payment)).order_by_asc(Column::Id).limit(limit);
    if let Some(after) = after {
        rows = rows.filter(Column::Id.gt(after));
    }
    Ok(rows.all(db).await?)
}

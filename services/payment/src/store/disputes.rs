//! Disputes of payments, and the fees for them.

use std::collections::HashSet;

use kit::{
    Fault, Money, Time, Tx,
    id::{DisputeFeeId, DisputeId, PaymentId},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::NotSet, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
};

use crate::{
    domain::{DisputeState, Known},
    error::Error,
};

/// The table.
pub mod row {
    use sea_orm::entity::prelude::*;

    use super::{DisputeId, DisputeState, PaymentId, Time};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "disputes")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: DisputeId,
        pub payment_id: PaymentId,
        pub provider_reference: String,
        pub amount_minor: i64,
        pub currency: String,
        pub state: DisputeState,
        /// The provider's word.
        pub reason: String,
        /// The provider told so.
        pub was_withdrawn: bool,
        pub was_reinstated: bool,
        /// The bank has the money, in our books.
        pub withdrawn: bool,
        pub create_time: Time,
        pub update_time: Time,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The table of fees. An event shows all fees that there are by then; a unique index over dispute and reference makes
/// each count once.
pub mod fee {
    use sea_orm::entity::prelude::*;

    use super::{DisputeFeeId, DisputeId, PaymentId, Time};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "dispute_fees")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: DisputeFeeId,
        pub dispute_id: DisputeId,
        pub payment_id: PaymentId,
        /// The provider's id of its own booking.
        pub provider_reference: String,
        /// What the provider took; negative, what it gave back.
        pub amount_minor: i64,
        pub currency: String,
        pub create_time: Time,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub use fee::Model as Fee;
pub use row::Model as Dispute;
use row::{ActiveModel, Column, Entity};

impl Fee {
    pub fn money(&self) -> Result<Money, Fault> {
        super::money(&self.id, self.amount_minor, &self.currency)
    }
}

impl Dispute {
    pub fn known(&self) -> Known {
        Known { state: self.state, was_withdrawn: self.was_withdrawn, was_reinstated: self.was_reinstated }
    }
}

/// The dispute that a provider knows by a reference. Its payment is locked, which keeps others off it.
pub async fn find(tx: &Tx, payment: PaymentId, reference: &str) -> Result<Option<Dispute>, Error> {
    let found = Entity::find().filter(Column::PaymentId.eq(payment));
    Ok(found.filter(Column::ProviderReference.eq(reference)).one(&**tx).await?)
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
    let references = fee::Entity::find()
        .select_only()
        .column(fee::Column::ProviderReference)
        .filter(fee::Column::DisputeId.eq(dispute));
    Ok(references.into_tuple::<String>().all(&**tx).await?.into_iter().collect())
}

/// Records a fee.
pub async fn insert_fee(tx: &Tx, fee: Fee) -> Result<(), Error> {
    fee::Entity::insert(fee::ActiveModel::from(fee).reset_all()).exec_without_returning(&**tx).await?;
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

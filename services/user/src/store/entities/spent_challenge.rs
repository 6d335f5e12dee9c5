//! Challenges that were answered, until they would have expired.

use kit::Time;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "spent_challenges")]
pub struct Model {
    /// The challenge itself.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub expire_time: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! Tokens that were sent by mail and not used yet. Their text is made of the id by a key that is not in the database.

use kit::{Time, id::UserId};
use sea_orm::entity::prelude::*;

use crate::domain::mail::Purpose;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "one_time_tokens")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub user_id: UserId,
    pub purpose: Purpose,
    /// The address that it is for, folded: once the user has another one it counts no more.
    pub email_folded: String,
    pub expire_time: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! Second factors of users.

use kit::{Time, id::UserId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "second_factors")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// Under the key file's key, in base64.
    pub wrapped_secret: String,
    /// None until the first code was right: it does not count before.
    pub confirm_time: Option<Time>,
    /// The step of the last code that was used: it and those before it count no more.
    pub last_step: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! The audit log.

use kit::{
    Time,
    id::{AuditId, UserId},
};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_events")]
pub struct Model {
    /// Made of the time, so that the order of ids is that of the times.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AuditId,
    pub kind: String,
    pub actor: String,
    /// No foreign key: the log outlives the user.
    pub user_id: Option<UserId>,
    pub ip_address: String,
    pub user_agent: String,
    pub request_id: String,
    pub target: String,
    pub detail: String,
    pub create_time: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! Mails to users, a row for each, and what became of them.

use kit::{Time, id::UserId};
use sea_orm::entity::prelude::*;

use crate::domain::mail::{MailKind, MailState};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user_mails")]
pub struct Model {
    /// Of a mail with a token the token's, too.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// None where somebody asked for a reset: whether the address is anybody's is found when it is sent.
    pub user_id: Option<UserId>,
    pub kind: MailKind,
    /// Empty once it is sent or given up.
    pub address: String,
    pub state: MailState,
    pub tries: i32,
    pub next_try: Time,
    /// Who sends it.
    pub claim: String,
    pub problem: String,
    pub create_time: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

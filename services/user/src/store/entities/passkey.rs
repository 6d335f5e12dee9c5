//! Passkeys of users.

use kit::{
    Time,
    id::{PasskeyId, UserId},
};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "passkeys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PasskeyId,
    pub user_id: UserId,
    pub name: String,
    /// SHA-256 of the credential's id, in hexadecimal: ids are too long to be unique by themselves everywhere.
    pub credential_hash: String,
    pub credential_id: Vec<u8>,
    /// With what the authenticator said of its extensions, as `webauthn_rp` encodes them.
    pub public_key: Vec<u8>,
    /// The bits of how clients reach the authenticator.
    pub transports: i16,
    /// 0: only on its device; 1: may be kept elsewhere, too; 2: it is.
    pub backup: i16,
    /// How often it was used, by an authenticator that counts.
    pub sign_count: i64,
    pub create_time: Time,
    pub last_used_time: Option<Time>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

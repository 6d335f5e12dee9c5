//! The keys that sign access tokens.

use kit::Tx;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
};

/// The table.
pub mod signing_key {
    use kit::Time;
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "signing_keys")]
    pub struct Model {
        /// The RFC 7638 thumbprint.
        #[sea_orm(primary_key, auto_increment = false)]
        pub kid: String,
        /// 1 for the first key, and so on: of replicas that make the same one, one succeeds.
        pub slot: i32,
        /// The public key's 32 bytes, in base64url.
        pub public_key: String,
        /// Nonce, then the private key (PKCS#8 version 1) under AES-256-GCM, with the kid beside it.
        pub wrapped_key: Vec<u8>,
        pub create_time: Time,
        /// From then on it neither signs nor verifies.
        pub retire_time: Option<Time>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use signing_key::{Column, Entity, Model};

/// The keys that are not retired, the newest first: that one signs.
pub async fn list(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::RetireTime.is_null()).order_by_desc(Column::Slot).all(db).await
}

/// The slot after the last one taken, retired keys included.
pub async fn next_slot(tx: &Tx) -> Result<i32, DbErr> {
    Ok(Entity::find().order_by_desc(Column::Slot).limit(1).one(&**tx).await?.map_or(1, |last| last.slot + 1))
}

/// Adds a key.
pub async fn insert(tx: &Tx, key: Model) -> Result<(), DbErr> {
    Entity::insert(key.into_active_model().reset_all()).exec_without_returning(&**tx).await.map(|_| ())
}

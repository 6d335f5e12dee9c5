//! The tables.

pub mod audit_event;
pub mod one_time_token;
pub mod passkey;
pub mod recovery_code;
pub mod second_factor;
pub mod spent_challenge;
pub mod user_mail;

/// Users. Folded columns are what is unique or searched without regard to case.
pub mod user {
    use kit::{
        Time,
        id::{RoleId, UserId},
    };
    use sea_orm::entity::prelude::*;

    use crate::credentials::PasswordHash;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "users")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: UserId,
        pub username: String,
        pub username_folded: String,
        pub email: String,
        pub email_folded: String,
        /// Whether mail to the address is known to arrive.
        pub email_verified: bool,
        /// Whether signing in takes a code.
        pub second_factor: bool,
        pub password_hash: PasswordHash,
        /// Whether the password was generated and shown, so that who has seen it has it.
        pub password_printed: bool,
        pub first_name: String,
        pub first_name_folded: String,
        pub last_name: String,
        pub last_name_folded: String,
        pub customer: bool,
        pub staff: bool,
        pub admin: bool,
        pub disabled: bool,
        /// The role that an administrator made.
        pub role_id: Option<RoleId>,
        /// Access tokens of an older version are refused.
        pub token_version: i64,
        /// The etag.
        pub version: i64,
        pub create_time: Time,
        pub update_time: Time,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The words by which users are found.
pub mod word {
    use kit::id::UserId;
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "user_words")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub user_id: UserId,
        #[sea_orm(primary_key, auto_increment = false)]
        pub word: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Address books.
pub mod address {
    use kit::{
        Time,
        id::{AddressId, UserId},
    };
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "addresses")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: AddressId,
        pub user_id: UserId,
        pub recipient: String,
        /// One under the other: a line has no line break.
        pub street_lines: String,
        pub postal_code: String,
        pub city: String,
        pub region: String,
        pub country_code: String,
        pub phone: String,
        /// The etag.
        pub version: i64,
        pub create_time: Time,
        pub update_time: Time,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Sessions.
pub mod session {
    use kit::{
        Time,
        id::{PasskeyId, SessionId, UserId},
    };
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "sessions")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: SessionId,
        pub user_id: UserId,
        pub create_time: Time,
        /// When it was last refreshed.
        pub last_time: Time,
        pub expire_time: Time,
        pub ended_time: Option<Time>,
        /// What it began with, where that was no password.
        pub passkey_id: Option<PasskeyId>,
        /// Of the client that signed in or refreshed last.
        pub user_agent: String,
        pub ip_address: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The hashes of refresh tokens, used ones included.
pub mod refresh_token {
    use kit::{Time, id::SessionId};
    use sea_orm::entity::prelude::*;

    use crate::credentials::TokenHash;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "refresh_tokens")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub hash: String,
        pub session_id: SessionId,
        pub used_time: Option<Time>,
    }

    impl Model {
        /// A token that was not used yet.
        pub fn fresh(hash: TokenHash, session_id: SessionId) -> Self {
            Self { hash: hash.0, session_id, used_time: None }
        }
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Roles that administrators made.
pub mod role {
    use kit::{Time, id::RoleId};
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "roles")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: RoleId,
        pub name: String,
        pub name_folded: String,
        /// The bits of `kit::permissions::Permissions`.
        pub permissions: i64,
        /// The etag. What is known of an older version counts no more.
        pub version: i64,
        pub create_time: Time,
        pub update_time: Time,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// API keys.
pub mod api_key {
    use kit::{
        Time,
        id::{ApiKeyId, UserId},
    };
    use sea_orm::entity::prelude::*;

    #[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "api_keys")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: ApiKeyId,
        pub user_id: UserId,
        pub name: String,
        pub prefix: String,
        /// SHA-256 in hexadecimal, as the next one.
        pub secret_hash: String,
        /// Of the secret before, which lives on until a time.
        pub old_hash: Option<String>,
        pub old_expire_time: Option<Time>,
        /// The bits of `kit::permissions::Scopes`.
        pub scopes: i64,
        /// Raised when the secret changes.
        pub version: i64,
        pub create_time: Time,
        pub expire_time: Option<Time>,
        pub last_used_time: Option<Time>,
    }

    impl std::fmt::Debug for Model {
        fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(out, "ApiKey({})", self.id)
        }
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Failed sign-ins by login.
pub mod sign_in_failure {
    use kit::Time;
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "sign_in_failures")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub login: String,
        pub window_start: Time,
        pub failures: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The keys that sign access tokens.
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
        /// From then on it signs, until a newer one does.
        pub sign_time: Option<Time>,
        /// From then on it neither signs nor verifies.
        pub retire_time: Option<Time>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

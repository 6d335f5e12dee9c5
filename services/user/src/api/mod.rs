//! The contract's services: each call is parsed, decided by the domain, stored, and rendered.

mod addresses;
mod administrator;
mod auth;
mod passwords;
mod read;
pub mod render;
mod revoke;
mod user;

use std::sync::Arc;

use kit::{Identity, Writer};

pub use self::revoke::Revocations;

use crate::{
    credentials::{Hasher, KeyRing},
    domain::{bucket::Bucket, throttle::Limit},
    error::Error,
};

/// What both services work with.
pub struct Shared {
    pub db: Writer<Error>,
    pub identity: Identity,
    pub hasher: Hasher,
    pub keys: KeyRing,
    pub limit: Limit,
    pub username_checks: Bucket,
}

/// `UserService`.
#[derive(Clone)]
pub struct Users(pub Arc<Shared>);

/// `AdministratorService`.
#[derive(Clone)]
pub struct Administrators(pub Arc<Shared>);

/// `AuthService`.
#[derive(Clone)]
pub struct Auth(pub Arc<Shared>);

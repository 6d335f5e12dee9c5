//! The contract's services: each call is parsed, decided by the domain, stored, and rendered.

mod addresses;
mod administrator;
mod auth;
mod passwords;
mod read;
mod refresh;
pub mod render;
mod revoke;
mod sessions;
mod user;

use std::sync::Arc;

use kit::{Identity, Writer};

pub use self::revoke::Revocations;

use crate::{
    credentials::{Hasher, KeyRing, Successor},
    domain::{bucket::Bucket, throttle::Limit},
    error::Error,
};

/// What both services work with.
pub struct Shared {
    pub db: Writer<Error>,
    pub identity: Identity,
    pub hasher: Hasher,
    pub keys: KeyRing,
    /// Makes refresh tokens.
    pub successor: Successor,
    /// The most sessions that a user has at a time.
    pub sessions_per_user: u32,
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

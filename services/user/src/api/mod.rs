//! The contract's services: each call is parsed, decided by the domain, stored, and rendered.

mod addresses;
mod administrator;
mod api_keys;
mod audit;
mod auth;
mod notices;
mod passkeys;
mod passwords;
mod read;
mod records;
mod recovery;
mod refresh;
mod register;
pub mod render;
mod revoke;
mod roles;
mod second_factor;
mod sessions;
mod sign_in;
mod user;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use kit::{Identity, Writer};
use tokio::sync::Notify;

pub use self::{notices::PerDay, revoke::Revocations};

use crate::{
    credentials::{Hasher, KeyRing, OneTimeTokens, SecondFactors, Successor, passkeys::RelyingParty},
    domain::{
        bucket::Buckets,
        flood::Minute,
        throttle::{Limit, SignInLimits},
    },
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
    pub username_checks: Buckets,
    /// What anybody can add to the audit log.
    pub flood: Mutex<Minute>,
    /// What is recorded of accounts in any case.
    pub grave: Mutex<Minute>,
    pub audit_retention: Duration,
    /// Tokens that are sent by mail.
    pub one_time: OneTimeTokens,
    pub mails_per_day: PerDay,
    /// Wakes the sender of mails.
    pub mail_due: Notify,
    pub second_factors: SecondFactors,
    pub relying_party: RelyingParty,
    /// Whether staff without a second factor has no rights of staff.
    pub require_second_factor: bool,
    /// Whether staff whose password was printed has no rights of staff until it is changed.
    pub require_password_change: bool,
    pub sign_in_limits: SignInLimits,
    /// Accounts that one source makes.
    pub registrations: Limit,
    /// As the passwords of users must not be called.
    pub shop_name: String,
    /// How long a sign-in counts for what changes who can get in.
    pub reauthentication_window: Duration,
}

impl Shared {
    /// Whether a user has no rights of staff for now, whatever the roles say, and however it proves who it is: who must
    /// have a second factor and has none, and whose password others may have read, where it must be changed first.
    /// A passkey is both factors.
    pub fn is_bare(&self, user: &crate::store::entities::user::Model, by_passkey: bool) -> bool {
        (self.require_second_factor && !user.second_factor && !by_passkey)
            || (self.require_password_change && user.password_printed)
    }
}

/// `UserService`.
#[derive(Clone)]
pub struct Users(pub Arc<Shared>);

/// `AdministratorService`.
#[derive(Clone)]
pub struct Administrators(pub Arc<Shared>);

/// `AuditService`.
#[derive(Clone)]
pub struct AuditLog(pub Arc<Shared>);

/// `PasskeyService`.
#[derive(Clone)]
pub struct Passkeys(pub Arc<Shared>);

/// `AuthService`.
#[derive(Clone)]
pub struct Auth(pub Arc<Shared>);

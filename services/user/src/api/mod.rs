//! The contract's services: each call is parsed, decided by the domain, stored, and rendered.

mod addresses;
mod administrator;
mod auth;
mod passwords;
pub mod render;
mod revoke;
mod user;

use std::{sync::Arc, time::Duration};

use kit::{Call, Db, Identity, Role, Tx};

pub use self::revoke::Revocations;

use crate::{
    credentials::{Hasher, KeyRing},
    domain::{bucket::Bucket, session, throttle::Limit},
    error::Error,
    store::{failures, sessions},
};

/// What both services work with.
pub struct Shared {
    pub db: Db,
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

impl Shared {
    /// Forgets sessions that have been over for so long, and what no longer counts of failed sign-ins.
    pub async fn prune(&self, keep_sessions: Duration) -> Result<(), Error> {
        let call = Call::of_service(Role::User, "forget old sessions");
        let window = self.limit.window;
        kit::transact(&self.db, &call, move |tx: Tx| async move {
            let now = tx.now();
            // A used token is remembered for as long as its copy may turn up in a session that idles.
            sessions::prune(&tx, now - keep_sessions, now - session::IDLE).await?;
            failures::prune(&tx, now - window).await?;
            Ok::<_, Error>(())
        })
        .await
    }
}

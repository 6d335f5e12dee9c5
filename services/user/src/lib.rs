//! The user service: users and their address books, how they sign in, and the keys that prove it.

mod administrators;
mod api;
mod credentials;
mod domain;
mod error;
mod migration;
mod options;
mod store;
mod work;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use contracts::user::{
    administrator_service_server::{self, AdministratorServiceServer},
    auth_service_server::{self, AuthServiceServer},
    user_service_server::{self, UserServiceServer},
};
use kit::{Role, StartError};

use crate::{
    api::Shared,
    credentials::{KeyRing, Successor},
    domain::{bucket::Bucket, throttle::Limit},
};

pub use crate::{
    administrators::{
        first::{AdminOutcome, FirstAdministrator, USERNAME, generate_password, placeholder_email},
        operator::Offline,
        show::Show,
    },
    migration::Migrator,
    options::{AdminPassword, Hashing, Options, password_in},
};
pub use kit::Secret;

/// The started service.
pub struct Started {
    pub service: kit::Service,
    /// To be made when nothing can fail any more.
    pub first_administrator: FirstAdministrator,
}

/// Finds what keeps the service from starting, before anything is made.
pub fn check(options: &Options) -> Result<(), StartError> {
    options.hashing.hasher()?;
    options.admin.given().map(|_| ())
}

/// Starts the service on an opened, migrated database. `wrapping_key` is the content of FEIRA_KEY_FILE.
pub async fn start(
    options: &Options,
    db: kit::Db,
    context: kit::Context,
    wrapping_key: [u8; 32],
) -> Result<Started, StartError> {
    let (hasher, given) = (options.hashing.hasher()?, options.admin.given()?);
    let keys = KeyRing::open(db.clone(), &wrapping_key).await?;
    context.identity.learn(&keys.jwks());
    let first_administrator = FirstAdministrator { db: db.clone(), hasher: hasher.clone(), given };
    let shared = Arc::new(Shared {
        db: db.clone().into(),
        identity: context.identity.clone(),
        hasher,
        keys,
        successor: Successor::new(&wrapping_key),
        sessions_per_user: options.sessions_per_user,
        limit: Limit { attempts: options.sign_in_attempts, window: options.sign_in_window },
        username_checks: Bucket::new(options.username_checks_per_second),
    });
    work::start(&shared, &context.tasks);
    let routes =
        tonic::service::Routes::new(kit::compressed!(UserServiceServer::new(api::Users(shared.clone()))))
            .add_service(kit::compressed!(AuthServiceServer::new(api::Auth(shared.clone()))))
            .add_service(kit::compressed!(AdministratorServiceServer::new(api::Administrators(shared))));
    let names = vec![
        user_service_server::SERVICE_NAME,
        auth_service_server::SERVICE_NAME,
        administrator_service_server::SERVICE_NAME,
    ];
    let service = kit::Service { role: Role::User, routes, names, db, audit: None };
    Ok(Started { service, first_administrator })
}

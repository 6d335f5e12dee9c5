//! The user service: users and their address books, how they sign in, and the keys that prove it.

mod administrators;
mod api;
mod credentials;
mod domain;
mod error;
mod mail;
mod migration;
mod options;
mod store;
mod work;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};

use contracts::user::{
    administrator_service_server::{self, AdministratorServiceServer},
    audit_service_server::{self, AuditServiceServer},
    auth_service_server::{self, AuthServiceServer},
    user_service_server::{self, UserServiceServer},
};
use kit::{Role, StartError, mail::MailOptions};
use tokio::sync::Notify;

use crate::{
    api::Shared,
    credentials::{KeyRing, OneTimeTokens, SecondFactors, Successor},
    domain::{
        bucket::Buckets,
        throttle::{Limit, SignInLimits},
    },
};

pub use crate::{
    administrators::{
        first::{AdminOutcome, FirstAdministrator, USERNAME, generate_password, placeholder_email},
        operator::Offline,
        show::Show,
    },
    migration::Migrator,
    options::{AdminPassword, Hashing, Options, SecondFactor, password_in},
};
pub use kit::Secret;

/// The started service.
pub struct Started {
    pub service: kit::Service,
    /// To be made when nothing can fail any more.
    pub first_administrator: FirstAdministrator,
}

/// What the service is given beside its own options.
#[derive(Debug, Clone, Default)]
pub struct Around {
    pub mail: MailOptions,
    /// How clients reach the REST edge, if that is known: for links in mails.
    pub public_url: Option<String>,
}

/// Finds what keeps the service from starting, before anything is made.
pub fn check(options: &Options, mail: &MailOptions) -> Result<(), StartError> {
    mail.check()?;
    options.hashing.hasher()?;
    options.admin.given().map(|_| ())
}

/// Starts the service on an opened, migrated database. `wrapping_key` is the content of FEIRA_KEY_FILE.
pub async fn start(
    options: &Options,
    around: Around,
    db: kit::Db,
    context: kit::Context,
    wrapping_key: [u8; 32],
) -> Result<Started, StartError> {
    let (hasher, given) = (options.hashing.hasher()?, options.admin.given()?);
    let keys = KeyRing::open(db.clone(), &wrapping_key).await?;
    context.identity.learn(&keys.jwks());
    let first_administrator = FirstAdministrator { db: db.clone(), hasher: hasher.clone(), given };
    let limit = |attempts| Limit { attempts, window: options.sign_in_window };
    let shared = Arc::new(Shared {
        db: db.clone().into(),
        identity: context.identity.clone(),
        hasher,
        keys,
        successor: Successor::new(&wrapping_key),
        sessions_per_user: options.sessions_per_user,
        limit: limit(options.sign_in_attempts),
        username_checks: Buckets::new(options.username_checks_per_second),
        flood: Mutex::default(),
        audit_retention: options.audit_retention,
        one_time: OneTimeTokens::new(&wrapping_key),
        mails_per_day: api::PerDay(around.mail.mails_per_day),
        mail_due: Notify::new(),
        reauthentication_window: options.reauthentication_window,
        second_factors: SecondFactors::new(&wrapping_key, &options.shop_name)?,
        require_second_factor: options.require_second_factor == SecondFactor::Staff,
        sign_in_limits: SignInLimits {
            account_and_source: limit(options.sign_in_attempts),
            source: limit(options.sign_in_attempts_per_source),
            account: limit(options.sign_in_attempts_per_account),
        },
        registrations: Limit {
            attempts: options.registrations_per_hour,
            window: std::time::Duration::from_secs(3_600),
        },
        shop_name: options.shop_name.clone(),
    });
    work::start(&shared, around, &context.tasks).await?;
    let routes =
        tonic::service::Routes::new(kit::compressed!(UserServiceServer::new(api::Users(shared.clone()))))
            .add_service(kit::compressed!(AuthServiceServer::new(api::Auth(shared.clone()))))
            .add_service(kit::compressed!(AuditServiceServer::new(api::AuditLog(shared.clone()))))
            .add_service(kit::compressed!(AdministratorServiceServer::new(api::Administrators(shared))));
    let names = vec![
        user_service_server::SERVICE_NAME,
        auth_service_server::SERVICE_NAME,
        audit_service_server::SERVICE_NAME,
        administrator_service_server::SERVICE_NAME,
    ];
    let service = kit::Service { role: Role::User, routes, names, db, audit: None };
    Ok(Started { service, first_administrator })
}

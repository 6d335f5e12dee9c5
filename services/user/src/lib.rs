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
    passkey_service_server::{self, PasskeyServiceServer},
    user_service_server::{self, UserServiceServer},
};
use kit::{Role, StartError, mail::MailOptions};
use tokio::sync::Notify;

use crate::{
    api::Shared,
    credentials::{
        KeyRing, OneTimeTokens, SecondFactors, Successor,
        passkeys::{Party, RelyingParty},
        rewrap,
    },
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
    credentials::{
        KeyFile,
        key_rotation::{Rotation, Withdrawn},
    },
    migration::Migrator,
    options::{AdminPassword, Hashing, Options, SecondFactor, SigningKeySchedule, password_in},
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
    /// How browsers on this machine reach it, where that is not known: for passkeys.
    pub local_url: Option<String>,
}

/// Finds what keeps the service from starting, before anything is made.
pub fn check(options: &Options, mail: &MailOptions) -> Result<(), StartError> {
    mail.check()?;
    options.hashing.hasher()?;
    options.signing_keys.check()?;
    options.admin.given().map(|_| ())
}

/// What there is in a user database.
#[derive(Debug, Clone, Copy)]
pub struct Holds {
    /// Users; there is always one, the administrator, in a shop that was ready once.
    pub users: bool,
    /// Something that only the key file it was wrapped by unwraps.
    pub wrapped: bool,
}

/// Finds out what there is in an opened, migrated database.
pub async fn holds(db: &kit::Db) -> Result<Holds, StartError> {
    let db = db.read();
    let wrapped = store::keys::any(db).await? || store::second_factors::any(db).await?;
    Ok(Holds { users: store::users::any(db).await?, wrapped })
}

/// Finds out whether a key file opens what is wrapped in an opened, migrated database.
pub async fn check_key_file(db: &kit::Db, file: &KeyFile) -> Result<(), StartError> {
    let wrapping = file.keys();
    let live = store::keys::live(db.read(), db.clock().now()).await?;
    if live.iter().any(|key| wrapping.unwrap(&key.kid, &key.wrapped_key).is_none()) {
        return Err(credentials::cannot_unwrap("signing keys"));
    }
    rewrap::check(&db.clone().into(), &SecondFactors::new(file.clone(), "")).await
}

/// Starts the service on an opened, migrated database, with the keys of FEIRA_KEY_FILE.
pub async fn start(
    options: &Options,
    around: Around,
    db: kit::Db,
    context: kit::Context,
    key_file: KeyFile,
) -> Result<Started, StartError> {
    let (hasher, given) = (options.hashing.hasher()?, options.admin.given()?);
    let keys = KeyRing::open(db.clone(), key_file.clone(), options.signing_keys.schedule()).await?;
    let second_factors = SecondFactors::new(key_file.clone(), &options.shop_name);
    rewrap::check(&db.clone().into(), &second_factors).await?;
    context.identity.learn(&keys.jwks());
    let first_administrator = FirstAdministrator { db: db.clone(), hasher: hasher.clone(), given };
    let limit = |name, attempts| Limit { name, attempts, window: options.sign_in_window };
    let shared = Arc::new(Shared {
        db: db.clone().into(),
        identity: context.identity.clone(),
        hasher,
        keys,
        successor: Successor::new(key_file.clone()),
        sessions_per_user: options.sessions_per_user,
        limit: limit("tries", options.sign_in_attempts),
        username_checks: Buckets::new(options.username_checks_per_second),
        flood: Mutex::default(),
        grave: Mutex::default(),
        audit_retention: options.audit_retention,
        one_time: OneTimeTokens::new(key_file.clone()),
        mails_per_day: api::PerDay(around.mail.mails_per_day),
        mail_due: Notify::new(),
        reauthentication_window: options.reauthentication_window,
        second_factors,
        relying_party: RelyingParty::new(key_file.clone(), &options.shop_name, party(&around)),
        require_second_factor: options.require_second_factor == SecondFactor::Staff,
        require_password_change: options.require_password_change,
        sign_in_limits: SignInLimits {
            account_and_source: limit("sign-in-tries", options.sign_in_attempts),
            source: limit("sign-in-tries-of-source", options.sign_in_attempts_per_source),
            account: limit("sign-in-tries-of-account", options.sign_in_attempts_per_account),
        },
        registrations: Limit {
            name: "registrations",
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
            .add_service(kit::compressed!(PasskeyServiceServer::new(api::Passkeys(shared.clone()))))
            .add_service(kit::compressed!(AdministratorServiceServer::new(api::Administrators(shared))));
    let names = vec![
        user_service_server::SERVICE_NAME,
        auth_service_server::SERVICE_NAME,
        audit_service_server::SERVICE_NAME,
        passkey_service_server::SERVICE_NAME,
        administrator_service_server::SERVICE_NAME,
    ];
    let service = kit::Service { role: Role::User, routes, names, db, audit: None };
    Ok(Started { service, first_administrator })
}

/// Whom passkeys are made for, if for anybody.
fn party(around: &Around) -> Option<Party> {
    let url = around.public_url.as_ref().or(around.local_url.as_ref());
    let party = url.and_then(|url| Party::at(url));
    match party.as_ref().map(Party::names) {
        Some((host, origin)) => tracing::info!(host, origin, "passkeys.on"),
        None => tracing::info!(url, "passkeys.off"),
    }
    party
}

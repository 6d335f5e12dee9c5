//! The user service: users and their address books, how they sign in, and the keys that prove it.

mod administrators;
mod api;
mod credentials;
mod domain;
mod error;
mod migration;
mod store;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use contracts::user::{
    administrator_service_server::{self, AdministratorServiceServer},
    auth_service_server::{self, AuthServiceServer},
    user_service_server::{self, UserServiceServer},
};
use kit::{Role, StartError};

use crate::{
    api::Shared,
    credentials::{Hasher, KeyRing},
    domain::{bucket::Bucket, throttle::Limit},
};

pub use crate::{
    administrators::{
        first::{
            AdminOutcome, AdminPassword, FirstAdministrator, USERNAME, generate_password, password_in,
            placeholder_email,
        },
        operator::Offline,
        show::Show,
    },
    migration::Migrator,
};
pub use kit::Secret;

/// What can be set.
#[derive(clap::Args, Debug, Clone)]
#[group(skip)]
pub struct Options {
    #[command(flatten)]
    pub admin: AdminPassword,
    /// Failed sign-ins of one login within the window before more are refused; 0 is without limit
    #[arg(long, env = "FEIRA_SIGN_IN_ATTEMPTS", default_value_t = 10, value_name = "COUNT")]
    pub sign_in_attempts: u32,
    /// How long failed sign-ins count, from the first of them on
    #[arg(long, env = "FEIRA_SIGN_IN_WINDOW", default_value = "15m", value_parser = kit::duration, value_name = "TIME")]
    pub sign_in_window: Duration,
    /// Checks of usernames a second and process, with five seconds' worth at once; 0 is without limit
    #[arg(long, env = "FEIRA_USERNAME_CHECKS_PER_SECOND", default_value_t = 0, value_name = "COUNT")]
    pub username_checks_per_second: u32,
    #[command(flatten)]
    pub hashing: Hashing,
}

/// What hashing a password costs.
#[derive(clap::Args, Debug, Clone)]
#[group(skip)]
pub struct Hashing {
    /// Memory that hashing one password takes, in KiB (argon2id); less is for tests only
    #[arg(long, env = "FEIRA_PASSWORD_MEMORY_KIB", default_value_t = 19_456, value_name = "KIB", hide_short_help = true,
        value_parser = clap::value_parser!(u32).range(8..))]
    pub password_memory_kib: u32,
    /// Iterations of hashing a password (argon2id); fewer is for tests only
    #[arg(long, env = "FEIRA_PASSWORD_ITERATIONS", default_value_t = 2, value_name = "COUNT", hide_short_help = true,
        value_parser = clap::value_parser!(u32).range(1..))]
    pub password_iterations: u32,
}

/// The started service.
pub struct Started {
    pub service: kit::Service,
    /// To be made when nothing can fail any more.
    pub first_administrator: FirstAdministrator,
}

impl Hashing {
    fn hasher(&self) -> Result<Hasher, StartError> {
        Hasher::new(self.password_memory_kib, self.password_iterations)
    }
}

/// Finds what keeps the service from starting, before anything is made.
pub fn check(options: &Options) -> Result<(), StartError> {
    options.hashing.hasher()?;
    options.admin.given().map(|_| ())
}

/// How often the signing keys are read again, and how often old records are forgotten.
const RELOAD_KEYS: Duration = Duration::from_secs(60);
const PRUNE: Duration = Duration::from_secs(600);
/// How long an ended or expired session is kept, for people to look at.
const KEEP_SESSIONS: Duration = Duration::from_secs(7 * 24 * 3600);

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
        db: db.clone(),
        identity: context.identity.clone(),
        hasher,
        keys,
        limit: Limit { attempts: options.sign_in_attempts, window: options.sign_in_window },
        username_checks: Bucket::new(options.username_checks_per_second),
    });
    start_tasks(&shared, &context.tasks);
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

fn start_tasks(shared: &Arc<Shared>, tasks: &kit::Tasks) {
    let reloading = shared.clone();
    tasks.every("user.keys", RELOAD_KEYS, move || {
        let shared = reloading.clone();
        async move { shared.keys.reload().await.map(|_| ()) }
    });
    let pruning = shared.clone();
    tasks.every("user.sessions", PRUNE, move || {
        let shared = pruning.clone();
        async move { shared.prune(KEEP_SESSIONS).await.map(|_| ()) }
    });
}

//! Opening the databases of the roles that run here.

use std::time::Duration;

use futures::future::try_join_all;
use kit::{
    Clock, Db, Role,
    db::{DatabaseOptions, OpenError},
    identity::MeshSecret,
};
use tokio::time::Instant;

use crate::{
    data,
    error::Error,
    roles::{self, Schema},
    settings::{DataDir, Databases},
};

/// How often a database server that does not answer is tried again.
const PAUSE: Duration = Duration::from_millis(500);
/// How often it is warned of one and the same reason to wait.
const WARN: Duration = Duration::from_secs(5);

/// Finds what keeps the databases from being used, before anything is made: connects to those that there are. An
/// embedded one that is not there yet is made later.
pub async fn check(settings: &Databases, data: &DataDir, here: &[Role]) -> Result<(), Error> {
    let mut all = Vec::new();
    for role in here.iter().filter(|role| Role::SERVICES.contains(role)) {
        let options = options(settings, data, *role, here, None)?;
        if kit::db::exists(&options.url) {
            all.push(options);
        }
    }
    let connect = |options: DatabaseOptions| async move {
        patiently(&options, settings.database_wait, async || {
            // Only connected: what it is to hold is judged when it is opened for use, after the secrets have been
            // made.
            Db::open(options.clone()).await?.close().await;
            Ok(())
        })
        .await
    };
    try_join_all(all.into_iter().map(connect)).await?;
    Ok(())
}

/// Opens the databases of roles and brings their schemas up to date, all at the same time.
pub async fn open(
    settings: &Databases,
    data: &DataDir,
    here: &[Role],
    secret: &MeshSecret,
) -> Result<Vec<Db>, Error> {
    let mut all = Vec::new();
    for role in here.iter().filter(|role| Role::SERVICES.contains(role)) {
        let options = options(settings, data, *role, here, Some(secret))?;
        data::make_folder_for(&options.url, data)?;
        // All are claimed before the first is opened: where another process has one of them, nothing is migrated.
        match kit::db::claim(&options.url) {
            Ok(true) => all.push(options),
            Ok(false) => return Err(in_use(*role, &options.url, "another process uses it")),
            Err(error) => return Err(in_use(*role, &options.url, &error.to_string())),
        }
    }
    let opened = all.into_iter().map(|options| open_and_migrate(options, settings.database_wait));
    let opened = try_join_all(opened).await?;
    let applied: usize = opened.iter().map(|(_, applied)| applied).sum();
    if applied > 0 {
        let schemas = opened.iter().filter(|(_, applied)| *applied > 0).count();
        tracing::info!(applied, schemas, "migrations.applied");
    }
    Ok(opened.into_iter().map(|(db, _)| db).collect())
}

pub fn in_use(role: Role, url: &str, problem: &str) -> Error {
    OpenError::unfit(role, &kit::db::location(url), problem).into()
}

/// What a role's database is opened with. `secret` is needed by all but the schema's own commands.
pub fn options(
    settings: &Databases,
    data: &DataDir,
    role: Role,
    here: &[Role],
    secret: Option<&MeshSecret>,
) -> Result<DatabaseOptions, Error> {
    let url = settings.url(role, here, data)?;
    Ok(DatabaseOptions {
        role,
        url,
        max_connections: settings.database_connections,
        clock: Clock::system(),
        fingerprint_key: secret.map_or([0; 32], |secret| secret.derive(&format!("idempotency {role}"))),
        page_keys: secret
            .map(|secret| secret.derive_all(&format!("page tokens {role}")).collect())
            .unwrap_or_default(),
        answers_per_user: u64::from(settings.answers_per_user) << 20,
    })
}

/// Answers also with how many migrations it applied.
pub async fn open_and_migrate(options: DatabaseOptions, wait: Duration) -> Result<(Db, usize), OpenError> {
    patiently(&options, wait, async || {
        let db = Db::open(options.clone()).await?;
        let migrations = roles::migrations(&db, Schema::Apply).await?;
        let applied = migrations.iter().filter(|(_, applied_before)| !applied_before);
        let applied = applied.inspect(|(migration, _)| {
            tracing::debug!(role = %db.role(), migration, "migration.applied");
        });
        let applied = applied.count();
        Ok((db, applied))
    })
    .await
}

/// Tries until it succeeds, as long as waiting may help.
pub async fn patiently<T>(
    options: &DatabaseOptions,
    wait: Duration,
    work: impl AsyncFn() -> Result<T, OpenError>,
) -> Result<T, OpenError> {
    let until = Instant::now() + wait;
    let mut warned: Option<(Instant, String)> = None;
    loop {
        match work().await {
            // The end is checked before the pause, so that the last error is told, not that time is over.
            Err(error) if may_pass(options, &error) && Instant::now() + PAUSE < until => {
                let said = error.to_string();
                let is_news = |(at, before): &(Instant, String)| at.elapsed() >= WARN || *before != said;
                if warned.as_ref().is_none_or(is_news) {
                    tracing::warn!(%error, role = %options.role, "database.waiting");
                    warned = Some((Instant::now(), said));
                }
                tokio::time::sleep(PAUSE).await;
            }
            done => return done,
        }
    }
}

/// Whether an error looks like a server that starts, fails over, or is busy with another starter's migrations.
fn may_pass(options: &DatabaseOptions, error: &OpenError) -> bool {
    let passes = match error {
        OpenError::Unreachable { passes, .. } | OpenError::Migration { passes, .. } => *passes,
        OpenError::Url { .. } => false,
    };
    // A file that cannot be opened stays so until somebody does something about it.
    passes && !options.url.starts_with("sqlite:")
}

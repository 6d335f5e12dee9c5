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

/// Opens the databases of roles and brings their schemas up to date, all at the same time.
pub async fn open(
    settings: &Databases,
    data: &DataDir,
    here: &[Role],
    secret: &MeshSecret,
) -> Result<Vec<Db>, Error> {
    let mut all = Vec::new();
    for role in here.iter().filter(|role| Role::SERVICES.contains(role)) {
        all.push(options(settings, data, *role, here, Some(secret))?);
    }
    Ok(try_join_all(all.into_iter().map(|options| open_and_migrate(options, settings.database_wait))).await?)
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
    if url.starts_with("sqlite:") {
        data::make_folder(&data.path)?;
    }
    Ok(DatabaseOptions {
        role,
        url,
        max_connections: settings.database_connections,
        clock: Clock::system(),
        fingerprint_key: secret.map_or([0; 32], |secret| secret.derive(&format!("idempotency {role}"))),
    })
}

async fn open_and_migrate(options: DatabaseOptions, wait: Duration) -> Result<Db, OpenError> {
    patiently(&options, wait, async || {
        let db = Db::open(options.clone()).await?;
        let migrations = roles::migrations(&db, Schema::Apply).await?;
        for (name, _) in migrations.iter().filter(|(_, applied_before)| !applied_before) {
            tracing::info!(role = %db.role(), name, "migration.applied");
        }
        Ok(db)
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
    loop {
        match work().await {
            Err(error) if may_pass(options, &error) && Instant::now() + PAUSE < until => {
                tracing::warn!(%error, role = %options.role, "database.waiting");
                tokio::time::sleep(PAUSE).await;
            }
            done => return done,
        }
    }
}

/// Whether an error looks like a server that starts, or is busy with another starter's migrations.
fn may_pass(options: &DatabaseOptions, error: &OpenError) -> bool {
    if options.url.starts_with("sqlite:") {
        return false;
    }
    let text = error.to_string().to_lowercase();
    let says = |signs: &[&str]| signs.iter().any(|sign| text.contains(sign));
    match error {
        OpenError::Unreachable { .. } => {
            !says(&["authentication failed", "access denied", "does not exist", "unknown database"])
        }
        OpenError::Migration(..) => says(&["timeout", "timed out", "connection", "connect"]),
        OpenError::Url { .. } => false,
    }
}

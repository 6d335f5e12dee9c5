//! The databases of the roles that run here: where they are, and opening them.

use std::{path::PathBuf, time::Duration};

use futures::future::try_join_all;
use kit::{
    Clock, Db, Role, Secret,
    db::{DatabaseOptions, OpenError},
    identity::MeshSecret,
};
use tokio::time::Instant;
use url::Url;

use crate::{
    data,
    error::Error,
    roles::{self, Schema},
    settings::DataDir,
};

/// How often a database server that does not answer is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// Where each role's database is.
#[derive(clap::Args, Debug, Clone)]
#[group(skip)]
pub struct Databases {
    /// Database of the one service that runs here: sqlite:PATH, postgres://USER:PASSWORD@HOST/NAME,
    /// mysql://USER:PASSWORD@HOST/NAME or mariadb://… (default: sqlite:DATA_DIR/ROLE.db)
    #[arg(long, env = "FEIRA_DATABASE_URL", value_name = "URL")]
    database_url: Option<String>,
    /// File that holds the URL of the one service's database, and so its password
    #[arg(long, env = "FEIRA_DATABASE_URL_FILE", value_name = "FILE")]
    database_url_file: Option<PathBuf>,
    /// Database of the user service
    #[arg(long, env = "FEIRA_USER_DATABASE_URL", value_name = "URL")]
    user_database_url: Option<String>,
    /// Database of the article service
    #[arg(long, env = "FEIRA_ARTICLE_DATABASE_URL", value_name = "URL")]
    article_database_url: Option<String>,
    /// Database of the order service
    #[arg(long, env = "FEIRA_ORDER_DATABASE_URL", value_name = "URL")]
    order_database_url: Option<String>,
    /// Database of the payment service
    #[arg(long, env = "FEIRA_PAYMENT_DATABASE_URL", value_name = "URL")]
    payment_database_url: Option<String>,
    /// Database of the mesh service
    #[arg(long, env = "FEIRA_MESH_DATABASE_URL", value_name = "URL")]
    mesh_database_url: Option<String>,

    /// Connections to a database at the most, for each role
    #[arg(long, env = "FEIRA_DATABASE_CONNECTIONS", value_name = "COUNT", default_value_t = 16,
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub database_connections: u32,

    /// How long to wait at start for a database server that does not answer yet
    #[arg(long, env = "FEIRA_DATABASE_WAIT", value_name = "TIME", default_value = "30s", value_parser = kit::duration)]
    pub database_wait: Duration,
}

impl Databases {
    /// The database URL of a role that runs here, checked as far as that goes without connecting.
    pub fn url(&self, role: Role, here: &[Role], data: &DataDir) -> Result<String, Error> {
        let (flag, own) = match role {
            Role::User => ("--user-database-url", &self.user_database_url),
            Role::Article => ("--article-database-url", &self.article_database_url),
            Role::Order => ("--order-database-url", &self.order_database_url),
            Role::Payment => ("--payment-database-url", &self.payment_database_url),
            Role::Mesh => ("--mesh-database-url", &self.mesh_database_url),
            Role::Gateway => return Err(Error::usage("the role gateway has no database")),
        };
        let single = match (&self.database_url, &self.database_url_file) {
            (Some(_), Some(_)) => {
                return Err(Error::usage(
                    "--database-url and --database-url-file contradict each other: give one",
                ));
            }
            (Some(_), None) => Some("--database-url"),
            (None, Some(_)) => Some("--database-url-file"),
            (None, None) => None,
        };
        match (single, own) {
            (Some(single), _) if here.iter().filter(|role| Role::SERVICES.contains(role)).count() != 1 => {
                Err(Error::usage(format!(
                    "{single} is for a process that runs a single service: name one by --role, or use --ROLE-database-url"
                )))
            }
            (Some(single), Some(_)) => {
                Err(Error::usage(format!("{single} and {flag} contradict each other: give one")))
            }
            (Some(single), None) => database_url(single, &self.single()?),
            (None, Some(url)) => database_url(flag, url),
            (None, None) => {
                let path = data.path.join(format!("{role}.db"));
                match path.to_str() {
                    Some(path) if !path.contains(['?', '%', '#']) => Ok(format!("sqlite:{path}")),
                    _ => Err(Error::usage(
                        "--data-dir: must be UTF-8 without ?, % and #, where databases are embedded",
                    )),
                }
            }
        }
    }

    /// The URL of the one service's database, as it was given or as it is in its file.
    fn single(&self) -> Result<String, Error> {
        match (&self.database_url, &self.database_url_file) {
            (None, Some(file)) => {
                let url = Secret::read("--database-url-file", file).map_err(Error::usage)?;
                Ok(url.expose().trim().to_owned())
            }
            (url, _) => Ok(url.clone().unwrap_or_default()),
        }
    }
}

/// Checks a database URL. Its text may hold a password, so it is not repeated.
fn database_url(flag: &str, text: &str) -> Result<String, Error> {
    let wrong = |problem: &str| Err(Error::usage(format!("{flag}: {problem}")));
    match text.split_once(':') {
        Some(("sqlite", "" | "//" | "///")) => wrong("a sqlite: URL needs the path of a file"),
        Some(("sqlite", _)) => Ok(text.to_owned()),
        Some(("postgres" | "postgresql" | "mysql" | "mariadb", _)) => match Url::parse(text) {
            Err(problem) => wrong(&format!("not a URL: {problem}")),
            Ok(url) if url.host_str().is_none_or(str::is_empty) && url.query().is_none() => {
                wrong("the URL names no host")
            }
            Ok(url) if !url.scheme().starts_with("postgres") && url.path().trim_matches('/').is_empty() => {
                wrong("the URL names no database: mysql://USER:PASSWORD@HOST/NAME")
            }
            Ok(_) => Ok(text.to_owned()),
        },
        _ => wrong("must begin with sqlite:, postgres://, mysql:// or mariadb://"),
    }
}

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

/// Whether an error looks like a server that starts, fails over, or is busy with another starter's migrations.
fn may_pass(options: &DatabaseOptions, error: &OpenError) -> bool {
    let passes = match error {
        OpenError::Unreachable { passes, .. } | OpenError::Migration { passes, .. } => *passes,
        OpenError::Url { .. } => false,
    };
    passes && !options.url.starts_with("sqlite:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_a_single_services_database_may_be_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("url");
        let url_of = |database_url: Option<&str>, here: &[Role]| {
            let databases = Databases {
                database_url: database_url.map(str::to_owned),
                database_url_file: Some(file.clone()),
                user_database_url: None,
                article_database_url: None,
                order_database_url: None,
                payment_database_url: None,
                mesh_database_url: None,
                database_connections: 1,
                database_wait: Duration::ZERO,
            };
            let url = databases.url(Role::Order, here, &DataDir { path: folder.path().to_owned() });
            url.map_err(|error| error.to_string())
        };
        let here = [Role::Order, Role::Gateway];
        assert!(url_of(None, &here).unwrap_err().starts_with("--database-url-file: "));
        std::fs::write(&file, "postgres://u:hunter22@db/orders\n").unwrap();
        assert_eq!(url_of(None, &here).unwrap(), "postgres://u:hunter22@db/orders");
        for (database_url, here, said) in [
            (Some("sqlite:x.db"), &here[..], "contradict"),
            (None, &[Role::Order, Role::User], "a single service"),
        ] {
            assert!(url_of(database_url, here).unwrap_err().contains(said));
        }
        std::fs::write(&file, "db:hunter22").unwrap();
        let problem = url_of(None, &here).unwrap_err();
        assert!(
            problem.starts_with("--database-url-file: must") && !problem.contains("hunter22"),
            "{problem}"
        );
    }

    #[test]
    fn a_bad_database_url_names_the_flag_and_shows_no_password() {
        for wrong in [
            "postgres://u:hunter22@db:port/user",
            "hunter22",
            "redis://:hunter22@db",
            "sqlite:",
            "postgres://",
            "mysql://u:hunter22@db",
            "mariadb://u:hunter22@db/",
        ] {
            let problem = database_url("--user-database-url", wrong).unwrap_err().to_string();
            assert!(
                problem.starts_with("--user-database-url: ") && !problem.contains("hunter22"),
                "{problem}"
            );
        }
        for right in [
            "sqlite:/data/user.db",
            "postgres://u:p@db/user",
            "postgresql:///user?host=/run/postgresql",
            "mysql://db/user",
            "mariadb://u:p@db:3307/user?ssl-mode=VERIFY_IDENTITY",
        ] {
            assert!(database_url("--x", right).is_ok(), "{right}");
        }
    }
}

//! Where the roles' databases are.

use std::time::Duration;

use kit::{Role, SecretSource};
use url::Url;

use super::{
    DataDir,
    by_role::{ByRole, PerRole},
};
use crate::error::Error;

kit::secret_setting! {
    /// The database of the one service that runs here.
    SingleUrl: "database-url", "FEIRA_DATABASE_URL", "URL",
        "Database of the one service that runs here: sqlite:PATH, postgres://USER:PASSWORD@HOST/NAME, mysql://USER:PASSWORD@HOST/NAME or mariadb://… (default: sqlite:DATA_DIR/ROLE.db)",
        "File that holds the URL of the one service's database, and so its password";
}

/// The database of a service.
#[derive(Debug, Clone, Copy)]
enum OwnUrl {}

impl PerRole for OwnUrl {
    const SUFFIX: &'static str = "database-url";
    const VALUE: &'static str = "URL";

    fn help(role: Role) -> String {
        format!("Database of the {role} service")
    }

    /// Checked by [`Databases::url`], which says nothing of what may hold a password.
    fn check(text: &str) -> Result<String, String> {
        Ok(text.to_owned())
    }
}

/// Where each role's database is.
#[derive(clap::Args, Debug, Clone)]
#[group(skip)]
pub struct Databases {
    #[command(flatten)]
    single: SecretSource<SingleUrl>,
    #[command(flatten)]
    own: ByRole<OwnUrl>,

    /// Connections to a database at the most, for each role
    #[arg(long, env = "FEIRA_DATABASE_CONNECTIONS", value_name = "COUNT", default_value_t = 16,
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub database_connections: u32,

    /// How many MiB a day the answers may take that are stored for one user's calls with idempotency keys, in each process;
    /// 0 is without limit
    #[arg(long, env = "FEIRA_ANSWERS_PER_USER", value_name = "MIB", default_value_t = 256)]
    pub answers_per_user: u32,

    /// How long to wait at start for a database server that does not answer yet
    #[arg(long, env = "FEIRA_DATABASE_WAIT", value_name = "TIME", default_value = "30s", value_parser = kit::duration)]
    pub database_wait: Duration,
}

impl Databases {
    /// The database URL of a role that runs here, checked as far as that goes without connecting.
    pub fn url(&self, role: Role, here: &[Role], data: &DataDir) -> Result<String, Error> {
        let own = self.own.of(role);
        let flag = format!("--{}", ByRole::<OwnUrl>::flag(role));
        match (self.single.flag(), own) {
            (Some(single), _) if here.iter().filter(|role| Role::SERVICES.contains(role)).count() != 1 => {
                Err(Error::usage(format!(
                    "--{single} is for a process that runs a single service: name one by --role, or use --ROLE-database-url"
                )))
            }
            (Some(single), Some(_)) => {
                Err(Error::usage(format!("--{single} and {flag} contradict each other: give one")))
            }
            (Some(single), None) => {
                let url = self.single.read().map_err(Error::usage)?;
                let url = url.map(|(_, url)| url.expose().trim().to_owned());
                database_url(&format!("--{single}"), &url.unwrap_or_default())
            }
            (None, Some(url)) => database_url(&flag, url),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_a_single_services_database_may_be_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("url");
        let url_of = |here: &[Role]| {
            let databases = Databases {
                single: SecretSource::file(file.clone()),
                own: ByRole::default(),
                database_connections: 1,
                answers_per_user: 0,
                database_wait: Duration::ZERO,
            };
            let url = databases.url(Role::Order, here, &DataDir { path: folder.path().to_owned() });
            url.map_err(|error| error.to_string())
        };
        let here = [Role::Order, Role::Gateway];
        assert!(url_of(&here).unwrap_err().starts_with("FEIRA_DATABASE_URL_FILE: "));
        std::fs::write(&file, "postgres://u:hunter22@db/orders\n").unwrap();
        assert_eq!(url_of(&here).unwrap(), "postgres://u:hunter22@db/orders");
        assert!(url_of(&[Role::Order, Role::User]).unwrap_err().contains("a single service"));
        std::fs::write(&file, "db:hunter22").unwrap();
        let problem = url_of(&here).unwrap_err();
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

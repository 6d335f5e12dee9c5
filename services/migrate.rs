//! `feira migrate`: the databases' schemas.

use std::{fmt::Write, path::Path};

use kit::{Db, Role, db};

use crate::{
    banner, data, databases,
    error::Error,
    roles::{self, Schema},
    settings::{ConfigFile, DataDir, Databases, Roles},
};

/// Shows and applies migrations.
#[derive(clap::Args, Debug)]
pub struct Migrate {
    #[command(flatten)]
    roles: Roles,

    #[command(flatten)]
    data: DataDir,

    #[command(flatten)]
    databases: Databases,

    #[command(flatten)]
    _config: ConfigFile,

    /// Only show what is applied and what is missing
    #[arg(long, visible_alias = "status")]
    dry_run: bool,
}

/// Shows the migrations of each role's database, and applies those that are missing.
pub async fn migrate(migrate: Migrate) -> Result<(), Error> {
    let here: Vec<Role> = migrate.roles.get().into_iter().filter(|role| *role != Role::Gateway).collect();
    let schema = if migrate.dry_run { Schema::Show } else { Schema::Apply };
    for role in &here {
        let options = databases::options(&migrate.databases, &migrate.data, *role, &here, None)?;
        let location = db::location(&options.url);
        let file = options.url.strip_prefix("sqlite:").map(|path| path.trim_start_matches("//"));
        let migrations = match file {
            // To look is no reason to make a file.
            Some(file) if migrate.dry_run && !Path::new(file).exists() => {
                roles::known_migrations(*role).into_iter().map(|name| (name, false)).collect()
            }
            _ => {
                data::make_folder_for(&options.url, &migrate.data)?;
                let work = async || {
                    let db = Db::open(options.clone()).await?;
                    let migrations = roles::migrations(&db, schema).await;
                    db.close().await;
                    migrations
                };
                databases::patiently(&options, migrate.databases.database_wait, work).await?
            }
        };
        banner::print(&table(*role, &location, &migrations, schema))?;
    }
    Ok(())
}

fn table(role: Role, location: &str, migrations: &[(String, bool)], schema: Schema) -> String {
    let mut text = format!("{role} ({location})\n");
    for (name, applied_before) in migrations {
        let word = match (applied_before, schema) {
            (true, _) => "applied before",
            (false, Schema::Apply) => "applied now",
            (false, Schema::Show) => "missing",
        };
        let _ = writeln!(text, "  {word:<14}  {name}");
    }
    text
}

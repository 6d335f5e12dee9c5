//! Databases: reachable, writable, of a schema that this program knows, with a clock that agrees.

use std::time::Duration;

use kit::{
    Db, Role,
    db::{self, DatabaseOptions},
};

use super::{Patient, report::Report};
use crate::{
    data, databases,
    roles::{self, Schema},
};

/// How long a database may take for all that is asked of it.
const PATIENCE: Duration = Duration::from_secs(10);
/// A difference of clocks that deserves a look.
const APART: Duration = Duration::from_secs(1);

pub async fn check(patient: &Patient<'_>, report: &mut Report) {
    for (role, url) in patient.urls() {
        let name = format!("database.{role}");
        if !db::exists(&url) {
            report.ok(&name, format!("{} will be made", db::location(&url)));
            continue;
        }
        let settings = patient.settings;
        let options =
            databases::options(&settings.databases, &settings.process.data, role, &patient.here, None);
        let Ok(options) = options else { continue };
        let location = db::location(&url);
        if tokio::time::timeout(PATIENCE, look(patient, role, options, report)).await.is_err() {
            let advice = "see whether the server is up and lets this machine in";
            report.problem(&name, format!("{location}: no answer in {PATIENCE:?}"), advice);
        }
    }
}

async fn look(patient: &Patient<'_>, role: Role, options: DatabaseOptions, report: &mut Report) {
    let name = format!("database.{role}");
    let (wanted, embedded) = (options.max_connections, options.url.starts_with("sqlite:"));
    let db = match Db::open(options).await {
        Ok(db) => db,
        Err(problem) => {
            let advice = match embedded {
                true => "see whether its disk has room and works, and who may write there",
                false => "see whether it is up, the URL, its user and password",
            };
            return report.problem(name, problem, advice);
        }
    };
    examine(patient, &name, &db, wanted, report).await;
    db.close().await;
}

async fn examine(patient: &Patient<'_>, name: &str, db: &Db, wanted: u32, report: &mut Report) {
    let location = db.location().to_owned();
    if let Err(problem) = db.ready().await {
        let advice = "it must take writes: a standby, a full disk or missing rights keep it from that";
        return report.problem(name, format!("{location}: {problem}"), advice);
    }
    let found = match db.examine().await {
        Ok(found) => found,
        Err(problem) => {
            let advice = "its user must be allowed to make tables and to write to them";
            return report.problem(name, format!("{location}: {problem}"), advice);
        }
    };
    let migrations = match roles::migrations(db, Schema::Show).await {
        Ok(migrations) => migrations,
        Err(problem) => {
            let advice = "a newer program has upgraded it: use that one, or restore the backup from before";
            return report.problem(name, format!("{location}: {problem}"), advice);
        }
    };
    let missing = migrations.iter().filter(|(_, applied)| !applied).count();
    let schema = migrations.iter().rev().find(|(_, applied)| *applied).map_or("none yet", |(name, _)| name);
    let said = format!("{location}, {}, schema {schema}", found.version);
    match missing {
        0 => report.ok(name, said),
        // A new one is made at the first start.
        _ if missing == migrations.len() => report.ok(name, format!("{said}, which will be made")),
        _ => report.warning(
            name,
            format!("{said}: {missing} migrations are missing"),
            "`feira serve` applies them, or `feira migrate`; back up before",
        ),
    }
    if let Some(most) = found.max_connections.filter(|most| *most < wanted + 5) {
        let found = format!("the server takes {most} connections, and one process may want {wanted}");
        report.warning(
            format!("{name} connections"),
            found,
            "raise its max_connections, or lower --database-connections",
        );
    }
    clock(patient, name, db, report);
    if db.role() == Role::User && missing < migrations.len() {
        keys(patient, db, report).await;
    }
}

fn clock(patient: &Patient<'_>, name: &str, db: &Db, report: &mut Report) {
    if db.location().starts_with("sqlite:") {
        return;
    }
    let (theirs, ours) = (db.clock().now(), db.machine_clock().now());
    let apart = theirs.since(ours).max(ours.since(theirs));
    let (name, found) = (format!("{name} clock"), format!("{apart:.1?} apart from this machine's"));
    let advice = "have both machines follow a time server (NTP)";
    if apart > patient.settings.process.clock_leeway {
        report.problem(name, found, advice);
    } else if apart > APART {
        report.warning(name, found, advice);
    } else {
        report.ok(name, found);
    }
}

/// Whether the key file opens what is wrapped in the user database.
async fn keys(patient: &Patient<'_>, db: &Db, report: &mut Report) {
    let name = "keys";
    let wrapped = match user::holds(db).await {
        Ok(holds) => holds.wrapped,
        Err(problem) => return report.problem(name, problem, "the user database cannot be read"),
    };
    if !wrapped {
        return;
    }
    let (given, folder) = (&patient.settings.secrets.key_file, &patient.settings.process.data.path);
    let done = match data::key_file_of(given, folder) {
        Ok(file) => user::check_key_file(db, &file).await.map_err(|problem| problem.to_string()),
        Err(problem) => Err(problem.to_string()),
    };
    let advice = "put back the key file that belongs to this database, or add its key as a line of the file";
    report.judge(name, done, "the key file opens what is wrapped in the user database", advice);
}

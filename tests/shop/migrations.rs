//! Migrations: shown, applied once however many start together, and finished after they were killed halfway.

use std::{net::TcpListener, path::Path};

use rustix::process::Signal;
use tempfile::tempdir;

use crate::support::{
    Backend, Setup, at_once,
    databases::{Databases, ROLES},
    mesh::{ADMIN_PASSWORD, client_of},
    process::{Process, Start, serve},
};

tests!(migrations_are_shown_and_applied);
each!(on_postgres: Setup::default().on(Backend::Postgres);
    five_starting_at_once_migrate_once, migrations_killed_anywhere_are_finished_by_the_next_start,
    databases_that_cannot_be_used_are_told_at_once);
each!(on_mysql: Setup::default().on(Backend::MySql);
    five_starting_at_once_migrate_once, migrations_killed_anywhere_are_finished_by_the_next_start,
    migrations_can_run_again_from_any_step, databases_that_cannot_be_used_are_told_at_once);

/// Fresh databases of a setup.
async fn databases(setup: Setup) -> Databases {
    let create = move || Databases::create(setup.backend).expect("there is a server");
    tokio::task::spawn_blocking(create).await.unwrap()
}

/// Drops them, off the test's own runtime.
async fn drop_all(databases: Vec<Databases>) {
    tokio::task::spawn_blocking(|| drop(databases)).await.unwrap();
}

/// A command that is told where they are.
fn on(databases: &Databases, mut start: Start) -> Start {
    for role in ROLES {
        start = start.env(&format!("FEIRA_{}_DATABASE_URL", role.to_uppercase()), &databases.url(role));
    }
    start
}

/// Migrates them all, to the end.
async fn migrate(databases: &Databases, folder: &Path) {
    let (start, folder) = (on(databases, Start::of("migrate")), folder.to_owned());
    let ended = tokio::task::spawn_blocking(move || start.run(&folder)).await.unwrap();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

/// What their schemas have: columns, indexes, constraints.
async fn schema(databases: &Databases) -> Vec<String> {
    let of = |what: &str, table: &str| {
        format!(
            "SELECT CONCAT_WS(' ', {what}) FROM information_schema.{table} \
             WHERE table_schema IN (DATABASE_NAME, 'public') ORDER BY 1"
        )
    };
    let mut all = Vec::new();
    for role in ROLES {
        let columns = of(
            "table_name, column_name, data_type, character_maximum_length, is_nullable, collation_name",
            "columns",
        );
        let constraints = of("table_name, constraint_name, constraint_type", "table_constraints");
        let mut queries = vec![columns];
        let name = if databases.url(role).starts_with("postgres") {
            queries.push("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1".to_owned());
            // PostgreSQL names what says NOT NULL by numbers of its own.
            queries.push(constraints.replace("ORDER", "AND constraint_name NOT LIKE '%not_null' ORDER"));
            "current_database()"
        } else {
            queries.push(of("table_name, index_name, seq_in_index, column_name, non_unique", "statistics"));
            queries.push(constraints);
            "DATABASE()"
        };
        for query in queries {
            all.extend(databases.ask(role, &query.replace("DATABASE_NAME", name)).await);
        }
    }
    all
}

/// How many tables there are in all of them.
async fn tables(databases: &Databases) -> usize {
    let mut count = 0;
    for role in ROLES {
        let query = "SELECT table_name AS found FROM information_schema.tables WHERE table_schema IN (NAME, 'public')";
        let name =
            if databases.url(role).starts_with("postgres") { "current_database()" } else { "DATABASE()" };
        count += databases.ask(role, &query.replace("NAME", name)).await.len();
    }
    count
}

/// Covers: mesh.databases.
async fn migrations_are_shown_and_applied(_: Setup) {
    let folder = tempdir().unwrap();
    let migrate = |words: &str| {
        let data = folder.path().join("data");
        Start::of(words).env("FEIRA_DATA_DIR", data.to_str().unwrap()).run(folder.path())
    };
    let missing = migrate("migrate --dry-run");
    assert_eq!(missing.code, Some(0), "{missing:?}");
    let applied = migrate("migrate");
    assert_eq!(applied.code, Some(0), "{applied:?}");
    let shown = migrate("migrate --dry-run");
    for role in ["user", "article", "order", "payment"] {
        assert!(format!("{}{}", shown.stdout, shown.stderr).contains(role), "{shown:?}");
    }
    assert_ne!(missing.stdout + &missing.stderr, shown.stdout + &shown.stderr);
    let mesh = Process::start(&serve(&folder.path().join("data")), folder.path());
    mesh.ready();
}

/// Covers: mesh.databases.
async fn five_starting_at_once_migrate_once(setup: Setup) {
    let databases = databases(setup).await;
    let folder = tempdir().unwrap();
    let key = folder.path().join("signing.key");
    std::fs::write(&key, "what wraps the signing keys of all five").unwrap();
    let starts = (0..5).map(|number| {
        let start = serve(&folder.path().join(format!("data-{number}")))
            .env("FEIRA_ADMIN_PASSWORD", ADMIN_PASSWORD)
            .env("FEIRA_MESH_SECRET", "a secret of all five of them")
            .env("FEIRA_DATABASE_CONNECTIONS", "4")
            .env("FEIRA_KEY_FILE", key.to_str().unwrap());
        on(&databases, start)
    });
    let path = folder.path().to_owned();
    let processes = starts.map(|start| Process::start(&start, &path)).collect::<Vec<_>>();
    let urls = processes.iter().map(|process| process.ready().1).collect::<Vec<_>>();
    // Each takes the tokens that any other signed.
    let clients = urls.iter().map(|url| client_of(url)).collect::<Vec<_>>();
    let admin = clients[0].sign_in_as("admin", ADMIN_PASSWORD).await.expect("one administrator");
    let answers = at_once(5, |number| {
        let client = clients[number].signed_in(&admin.tokens.access_token);
        async move { client.list_users(Default::default()).await }
    })
    .await;
    for answer in answers {
        assert_eq!(answer.unwrap().users.len(), 1);
    }
    drop((admin, clients));
    processes.iter().for_each(Process::ask_to_stop);
    drop(processes);
    drop_all(vec![databases]).await;
}

/// Covers: mesh.databases.
async fn migrations_killed_anywhere_are_finished_by_the_next_start(setup: Setup) {
    let folder = tempdir().unwrap();
    let whole = databases(setup.clone()).await;
    migrate(&whole, folder.path()).await;
    let (expected, all) = (schema(&whole).await, tables(&whole).await);
    let mut used = vec![whole];
    for part in 1..5 {
        let some = databases(setup.clone()).await;
        let process = Process::start(&on(&some, Start::of("migrate")), folder.path());
        while tables(&some).await < all * part / 5 && process.runs() {}
        process.signal(Signal::KILL);
        process.ended();
        migrate(&some, folder.path()).await;
        assert_eq!(schema(&some).await, expected, "killed when there were {part}/5 of the tables");
        used.push(some);
    }
    drop_all(used).await;
}

/// Where DDL commits by itself, a migration meets what it made before it was killed.
///
/// Covers: mesh.databases.
async fn migrations_can_run_again_from_any_step(setup: Setup) {
    let folder = tempdir().unwrap();
    let databases = databases(setup).await;
    migrate(&databases, folder.path()).await;
    let expected = schema(&databases).await;
    for role in ROLES {
        databases.ask(role, "DELETE FROM seaql_migrations").await;
    }
    migrate(&databases, folder.path()).await;
    assert_eq!(schema(&databases).await, expected);
    drop_all(vec![databases]).await;
}

/// Covers: mesh.databases.
async fn databases_that_cannot_be_used_are_told_at_once(setup: Setup) {
    let server = Databases::server(setup.backend).expect("there is a server");
    let (scheme, host) = server.split_once("://").unwrap();
    let host = host.rsplit('@').next().unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let secret = "pa55word";
    for (url, said) in [
        (format!("{server}/no_such_database"), "no_such_database"),
        (format!("{scheme}://nobody:{secret}@{host}/user"), "nobody"),
        (format!("{scheme}://feira:{secret}@{nobody}/user"), &*nobody.to_string()),
    ] {
        let start = Start::of("migrate --role user")
            .env("FEIRA_USER_DATABASE_URL", &url)
            .env("FEIRA_DATABASE_WAIT", "100ms");
        let folder = tempdir().unwrap();
        let ended = start.run(folder.path());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(4), ""), "{ended:?}");
        assert!(ended.stderr.contains(said) && !ended.stderr.contains(secret), "{said}: {}", ended.stderr);
    }
}

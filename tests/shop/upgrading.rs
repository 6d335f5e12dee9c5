//! Two releases on one database: a process of the older one goes on, and starts again, on a schema that lets it be. (With two real
//! programs: `tests/drills/upgrade`.)

use contracts::order::OrderState;

use crate::support::{
    Backend, Mesh, Setup,
    databases::ROLES,
    eur,
    process::{Process, Start},
};

each!(on_sqlite: Setup::default(); the_program_says_what_it_is);
each!(on_postgres: Setup::default().on(Backend::Postgres).replicas(2);
    an_older_program_lives_with_a_schema_that_lets_it_be);
each!(on_mysql: Setup::default().on(Backend::MySql).replicas(2);
    an_older_program_lives_with_a_schema_that_lets_it_be);

/// What a newer program's migration leaves: a column that it needs, and its name.
async fn migrate(mesh: &Mesh, name: &str) {
    for role in ROLES {
        let column = format!("ALTER TABLE outbox ADD COLUMN {name} bigint NOT NULL DEFAULT 7");
        mesh.tell(role, &column).await;
        let row = format!("INSERT INTO seaql_migrations (version, applied_at) VALUES ('{name}', 1)");
        mesh.tell(role, &row).await;
    }
}

/// Covers: mesh.upgrade.
async fn an_older_program_lives_with_a_schema_that_lets_it_be(setup: Setup) {
    let mut mesh = setup.start().await;
    let tea = mesh.admin().await.stocked(eur(100), 100).await;
    let ada = mesh.shopper().await;
    let buy = async |mesh: &Mesh, place: usize| {
        let again =
            mesh.client().at(place).sign_in_as(&ada.user.username, crate::support::shop::PASSWORD).await;
        let again = again.unwrap().patient();
        let order = again.order(&tea.id, 1, "sim_approve").await.unwrap().body;
        again.until(&order.id, OrderState::Paid).await;
    };
    buy(&mesh, 0).await;
    // The newer one migrates while both run.
    migrate(&mesh, "m000900_a_column_since_1").await;
    buy(&mesh, 0).await;
    buy(&mesh, 1).await;
    // Rolled back: the older one starts on it.
    for name in ["feira-0", "feira-1"] {
        mesh.stop(name);
        mesh.restart(name);
        assert!(mesh.process(name).stderr().contains("schema.newer"), "{}", mesh.process(name).stderr());
        buy(&mesh, 0).await;
        buy(&mesh, 1).await;
    }
    let shown =
        mesh.as_operator(Start::of("status")).arg("--url", &mesh.grpc_url("feira-0")).run(mesh.folder());
    assert_eq!(shown.code, Some(0), "{shown:?}");

    // What it knows nothing of, and cannot live with.
    migrate(&mesh, "m000901_another_column").await;
    let start = mesh.start_of("feira-1");
    mesh.stop("feira-1");
    let refused = Process::start(&start, mesh.folder());
    assert_eq!(refused.ended().unwrap().code(), Some(4), "{}", refused.stderr());
    let said = refused.stderr();
    assert!(said.contains("m000901_another_column") && said.contains("newer program"), "{said}");
    buy(&mesh, 0).await;
    for role in ROLES {
        mesh.tell(role, "DELETE FROM seaql_migrations WHERE version = 'm000901_another_column'").await;
    }
    mesh.restart("feira-1");
}

/// Covers: mesh.upgrade, mesh.program.
async fn the_program_says_what_it_is(setup: Setup) {
    let mesh = setup.start().await;
    let said = Start::of("--version").run(mesh.folder()).stdout;
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], format!("feira {}", env!("CARGO_PKG_VERSION")));
    assert!(lines[1].starts_with("commit: "), "{said}");
    for role in ROLES {
        assert!(
            lines.iter().any(|line| line.starts_with(&format!("schema of {role}: m0000"))),
            "{role}: {said}"
        );
    }
    let short = Start::of("-V").run(mesh.folder()).stdout;
    assert_eq!(short.trim(), lines[0]);
}

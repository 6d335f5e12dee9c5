//! Probes by HTTP at the admin listener, for orchestrators whose probes of gRPC speak no TLS.

use tonic_health::pb::health_check_response::ServingStatus;

use crate::{
    failover::until_status,
    full_disk::room,
    support::{Backend, Code, KnownBy, Mesh, Refused, Setup, rest::Rest, shop::registration, until},
};

tests!(
    readiness_follows_the_databases_and_life_does_not,
    a_process_that_drains_lives_and_is_not_ready,
    roles_with_certificates_are_asked_without_one,
);
each!(on_postgres: Setup::default().on(Backend::Postgres); a_standby_behind_one_role_is_named);

fn observed(setup: Setup) -> Setup {
    setup.env("FEIRA_ADMIN_LISTEN", "127.0.0.1:0")
}

async fn probe(mesh: &Mesh, process: &str, path: &str) -> (u16, String) {
    let answer = Rest::new(&mesh.process(process).admin()).get(path).await;
    (answer.status.as_u16(), answer.text())
}

fn well() -> (u16, String) {
    (200, "ok\n".to_owned())
}

/// Covers: mesh.health.
async fn readiness_follows_the_databases_and_life_does_not(setup: Setup) {
    let mesh = observed(setup).start().await;
    assert_eq!(probe(&mesh, "feira-0", "/readyz").await, well());
    assert_eq!(probe(&mesh, "feira-0", "/livez").await, well());
    // What customers reach has neither.
    for path in ["/readyz", "/livez"] {
        assert_eq!(mesh.http().get(path).await.status, 404, "{path}");
    }

    room(&mesh, Some(4_096));
    // Nobody knows of it before somebody writes.
    mesh.client().create_user(registration("late")).await.refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    let said = until("it is not ready", || async {
        let (status, said) = probe(&mesh, "feira-0", "/readyz").await;
        (status == 503).then_some(said)
    })
    .await;
    assert!(said.contains("user: "), "whose database it is, and what is wrong: {said}");
    assert_eq!(probe(&mesh, "feira-0", "/livez").await, well(), "restarting would not help");
    room(&mesh, None);
    until("it is ready again", || async {
        (probe(&mesh, "feira-0", "/readyz").await == well()).then_some(())
    })
    .await;
    until_status(&mesh, ServingStatus::Serving).await;
}

/// Covers: mesh.health, mesh.drain.
async fn a_process_that_drains_lives_and_is_not_ready(setup: Setup) {
    let mesh = observed(setup).env("FEIRA_DRAIN_DELAY", "2s").start().await;
    assert_eq!(probe(&mesh, "feira-0", "/readyz").await, well());
    mesh.main().ask_to_stop();
    let said = until("it says so", || async {
        let (status, said) = probe(&mesh, "feira-0", "/readyz").await;
        (status == 503).then_some(said)
    })
    .await;
    assert_eq!(said, "it is going away\n");
    assert_eq!(probe(&mesh, "feira-0", "/livez").await, well());
    mesh.stop("feira-0");
}

/// Covers: mesh.health, mesh.tls, mesh.kubernetes.
async fn roles_with_certificates_are_asked_without_one(setup: Setup) {
    let mesh = observed(setup.split().known_by(KnownBy::Certificates)).start().await;
    for process in ["user", "article", "order", "payment", "mesh", "gateway"] {
        until("it is ready", || async { (probe(&mesh, process, "/readyz").await == well()).then_some(()) })
            .await;
        assert_eq!(probe(&mesh, process, "/livez").await, well(), "{process}");
    }
}

/// Covers: mesh.health, mesh.databases.
async fn a_standby_behind_one_role_is_named(setup: Setup) {
    let mesh = observed(setup.split()).start().await;
    mesh.set_of_database("order", "default_transaction_read_only = on").await;
    mesh.end_sessions().await;
    let said = until("order is not ready", || async {
        let (status, said) = probe(&mesh, "order", "/readyz").await;
        (status == 503).then_some(said)
    })
    .await;
    assert_eq!(said, "order: it takes reads alone\n");
    for process in ["user", "gateway"] {
        until("others are", || async { (probe(&mesh, process, "/readyz").await == well()).then_some(()) })
            .await;
    }
    mesh.set_of_database("order", "default_transaction_read_only = off").await;
    until("order is again", || async { (probe(&mesh, "order", "/readyz").await == well()).then_some(()) })
        .await;
}

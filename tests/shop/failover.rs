//! Databases that answer and are of no use: sessions that have ended, standbys behind the name, frozen servers,
//! statements that take too long, poolers that lose what they are told.

use std::time::{Duration, Instant};

use contracts::{
    article::ListArticlesRequest,
    order::{ListOrdersRequest, OrderState},
};
use sea_orm::{ConnectionTrait, Database, TransactionTrait};
use tempfile::tempdir;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::support::{
    Backend, Code, Edge, Mesh, Refused, Setup,
    databases::{Databases, ROLES},
    eur,
    mesh::channel,
    process::{Ended, Start},
    servers::Server,
    until,
};

each!(on_postgres: Setup::default().on(Backend::Postgres);
    sessions_that_have_ended_cost_no_call, a_standby_behind_the_name_is_not_ready_and_costs_nothing_afterwards,
    what_takes_too_long_is_no_internal_error, a_pooler_that_loses_statements_is_refused_at_start);
each!(on_mysql: Setup::default().on(Backend::MySql); sessions_that_have_ended_cost_no_call);
tests!(a_frozen_mariadb_is_not_ready, a_mariadb_that_takes_only_short_statements_is_refused_at_start);

async fn status(mesh: &Mesh, service: &str) -> ServingStatus {
    let mut client = HealthClient::new(channel(&mesh.grpc_url("feira-0")));
    client.check(HealthCheckRequest { service: service.into() }).await.unwrap().into_inner().status()
}

const ORDER: &str = "feira.order.v1.OrderService";

/// Waits until the order service is as expected.
pub async fn until_status(mesh: &Mesh, expected: ServingStatus) {
    until(&format!("the order service is {expected:?}"), || async {
        (status(mesh, ORDER).await == expected).then_some(())
    })
    .await;
}

/// Covers: mesh.databases.
async fn sessions_that_have_ended_cost_no_call(setup: Setup) {
    let mesh = setup.over(Edge::Rest).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 1000).await;
    for round in 0..3 {
        // So that there are several sessions to lose.
        let together = (0..8).map(|_| ada.list_orders(ListOrdersRequest::default()));
        for answer in futures::future::join_all(together).await {
            answer.unwrap();
        }
        mesh.end_sessions().await;
        for call in 0..12 {
            let what = format!("round {round}, call {call}");
            match call % 4 {
                0 => drop(ada.add(&article.id, 1).await.expect(&what)),
                1 => drop(ada.list_articles(ListArticlesRequest::default()).await.expect(&what)),
                2 => {
                    let key = format!("key-{round}-{call}");
                    let order = ada.keyed(&key).order(&article.id, 1, "sim_approve").await.expect(&what);
                    ada.until(&order.id, OrderState::Paid).await;
                }
                _ => drop(ada.list_orders(ListOrdersRequest::default()).await.expect(&what)),
            }
        }
    }
}

/// The short form of a failover: new sessions of the order service's database take reads alone, and old ones end.
/// Then the primary is behind the name again, and sessions to the standby are left.
///
/// Covers: mesh.databases, mesh.health.
async fn a_standby_behind_the_name_is_not_ready_and_costs_nothing_afterwards(setup: Setup) {
    let mesh = setup.over(Edge::Rest).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 1000).await;
    let basket = ada.add(&article.id, 1).await.unwrap().body;
    until_status(&mesh, ServingStatus::Serving).await;

    mesh.set_of_database("order", "default_transaction_read_only = on").await;
    mesh.end_sessions().await;
    let asked = Instant::now();
    let refusal = ada.add(&article.id, 1).await.refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    assert_eq!(refusal.http.unwrap().as_u16(), 503);
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    ada.keyed("k-1").pay("open", "").await.refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    assert_eq!(ada.see(&basket.id).await.lines, basket.lines, "reads go on, and nothing has changed");
    until_status(&mesh, ServingStatus::NotServing).await;
    assert_eq!(status(&mesh, "feira.article.v1.ArticleService").await, ServingStatus::Serving);
    // Several sessions that take reads alone.
    let together = (0..8).map(|_| ada.list_orders(ListOrdersRequest::default()));
    futures::future::join_all(together).await.into_iter().for_each(|answer| drop(answer.unwrap()));

    mesh.set_of_database("order", "default_transaction_read_only = off").await;
    for _ in 0..12 {
        ada.add(&article.id, 1).await.expect("sessions to the standby are not used again");
    }
    until_status(&mesh, ServingStatus::Serving).await;
    let order = ada.keyed("k-1").pay("open", "").await.unwrap();
    ada.until(&order.id, OrderState::Paid).await;
}

/// Covers: mesh.databases.
async fn what_takes_too_long_is_no_internal_error(setup: Setup) {
    let mesh = setup.over(Edge::Rest).start().await;
    let ada = mesh.shopper().await;
    let (url, orders) = (mesh.database_url("order"), || ada.list_orders(ListOrdersRequest::default()));
    let operator = Database::connect(url).await.unwrap();
    let held = operator.begin().await.unwrap();
    held.execute_unprepared("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let cancelled = async {
        let cancel = "SELECT pg_cancel_backend(pid)::text FROM pg_stat_activity \
                      WHERE wait_event_type = 'Lock' AND datname = current_database()";
        until("a call waits, and is cancelled", || async {
            (!mesh.ask("order", cancel).await.is_empty()).then_some(())
        })
        .await;
    };
    let (answer, ()) = tokio::join!(orders(), cancelled);
    answer.refused(Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    // Nobody cancels this one: the wait for the lock ends by itself.
    orders().await.refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    held.rollback().await.unwrap();
    operator.close().await.unwrap();
    orders().await.unwrap();
}

/// `feira migrate` on databases at another address than their own.
async fn migrate_at(databases: &Databases, server: &str) -> Ended {
    let mut start = Start::of("migrate").env("FEIRA_DATABASE_WAIT", "5s");
    for role in ROLES {
        let name = databases.url(role).rsplit_once('/').unwrap().1.to_owned();
        start =
            start.env(&format!("FEIRA_{}_DATABASE_URL", role.to_uppercase()), &format!("{server}/{name}"));
    }
    let folder = tempdir().unwrap();
    tokio::task::spawn_blocking(move || start.run(folder.path())).await.unwrap()
}

/// Covers: mesh.databases, mesh.program.
async fn a_pooler_that_loses_statements_is_refused_at_start(setup: Setup) {
    let postgres = Databases::server(setup.backend).unwrap();
    let start = move || {
        let databases = Databases::create(setup.backend).unwrap();
        Some((
            Server::pgbouncer(&postgres, "transaction")?,
            Server::pgbouncer(&postgres, "session")?,
            databases,
        ))
    };
    let Some((transaction, session, databases)) = tokio::task::spawn_blocking(start).await.unwrap() else {
        return;
    };
    let at = |server: &Server| format!("postgres://postgres@127.0.0.1:{}", server.port);
    let ended = migrate_at(&databases, &at(&transaction)).await;
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(ended.stderr.contains("prepared statements") && ended.stderr.contains("pool_mode"), "{ended:?}");

    let ended = migrate_at(&databases, &at(&session)).await;
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(ended.stderr.contains("ALTER DATABASE") && ended.stderr.contains("lock_timeout"), "{ended:?}");
    for role in ROLES {
        let name = databases.url(role).rsplit_once('/').unwrap().1.to_owned();
        for setting in [
            "lock_timeout = '4s'",
            "idle_in_transaction_session_timeout = '15s'",
            "statement_timeout = '10s'",
        ] {
            databases.tell(role, &format!("ALTER DATABASE {name} SET {setting}")).await;
        }
    }
    // PgBouncer keeps sessions that know nothing of that.
    drop(session);
    let postgres = Databases::server(setup.backend).unwrap();
    let session = tokio::task::spawn_blocking(move || Server::pgbouncer(&postgres, "session").unwrap());
    let session = session.await.unwrap();
    let ended = migrate_at(&databases, &at(&session)).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    tokio::task::spawn_blocking(move || drop((transaction, session, databases))).await.unwrap();
}

/// A MariaDB of the test's own, its port, and the operator's connection to it.
async fn own_mariadb() -> Option<(Server, sea_orm::DatabaseConnection)> {
    let server = tokio::task::spawn_blocking(Server::mariadb).await.unwrap()?;
    let operator = Database::connect(format!("mysql://root@127.0.0.1:{}/mysql", server.port)).await.unwrap();
    Some((server, operator))
}

/// Covers: mesh.databases, mesh.health.
async fn a_frozen_mariadb_is_not_ready(setup: Setup) {
    let Some((server, operator)) = own_mariadb().await else { return };
    for statement in [
        "CREATE DATABASE orders",
        "CREATE USER shop@'127.0.0.1' IDENTIFIED BY 'x'",
        "GRANT ALL ON orders.* TO shop@'127.0.0.1'",
    ] {
        operator.execute_unprepared(statement).await.unwrap();
    }
    let url = format!("mysql://shop:x@127.0.0.1:{}/orders", server.port);
    let mesh = setup.over(Edge::Rest).env("FEIRA_ORDER_DATABASE_URL", &url).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    let basket = ada.add(&article.id, 1).await.unwrap().body;
    until_status(&mesh, ServingStatus::Serving).await;

    operator.execute_unprepared("SET GLOBAL read_only = 1").await.unwrap();
    ada.add(&article.id, 1).await.refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    ada.keyed("k-1").order(&article.id, 1, "").await.refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    assert_eq!(ada.see(&basket.id).await.lines, basket.lines);
    until_status(&mesh, ServingStatus::NotServing).await;

    operator.execute_unprepared("SET GLOBAL read_only = 0").await.unwrap();
    ada.add(&article.id, 1).await.unwrap();
    until_status(&mesh, ServingStatus::Serving).await;
    drop(mesh);
    operator.close().await.unwrap();
    drop(server);
}

/// Covers: mesh.databases, mesh.program.
async fn a_mariadb_that_takes_only_short_statements_is_refused_at_start(_: Setup) {
    let Some((server, operator)) = own_mariadb().await else { return };
    operator.execute_unprepared("CREATE DATABASE payments").await.unwrap();
    operator.execute_unprepared("SET GLOBAL max_allowed_packet = 1048576").await.unwrap();
    let url = format!("mysql://root@127.0.0.1:{}/payments", server.port);
    let start = Start::of("serve --role payment --grpc-listen 127.0.0.1:0")
        .env("FEIRA_DATABASE_URL", &url)
        .env("FEIRA_ALLOW_SIMULATED_PAYMENTS", "true")
        .env("FEIRA_MESH_SECRET", "a secret of this test alone")
        .env("FEIRA_USER_URL", "http://127.0.0.1:1");
    let folder = tempdir().unwrap();
    let ended = tokio::task::spawn_blocking(move || start.run(folder.path())).await.unwrap();
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(ended.stderr.contains("max_allowed_packet is 1048576"), "{ended:?}");
    operator.close().await.unwrap();
}

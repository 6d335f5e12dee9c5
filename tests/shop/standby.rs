//! Failover to a real PostgreSQL standby, behind one name.

use std::time::{Duration, Instant};

use contracts::order::{ListOrdersRequest, OrderState};
use tonic_health::pb::health_check_response::ServingStatus;

use crate::{
    failover::until_status,
    support::{
        Code, Edge, Refused, Setup, eur,
        standby::{self, Name},
        until,
    },
};

tests!(a_standby_that_becomes_the_primary);

/// First the name leads to the standby for a while; then the primary is lost, and its standby promoted.
///
/// Covers: mesh.databases, mesh.health.
async fn a_standby_that_becomes_the_primary(setup: Setup) {
    let Some((primary, second)) = tokio::task::spawn_blocking(standby::pair).await.unwrap() else { return };
    standby::ask(&primary, "CREATE DATABASE orders").await;
    let name = Name::of(&primary).await;
    let url = format!("postgres://postgres@127.0.0.1:{}/orders", name.port);
    let mesh = setup.over(Edge::Rest).env("FEIRA_ORDER_DATABASE_URL", &url).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 1000).await;
    let basket = ada.add(&article.id, 1).await.unwrap().body;
    until_status(&mesh, ServingStatus::Serving).await;
    let reads = || async {
        let together = (0..8).map(|_| ada.list_orders(ListOrdersRequest::default()));
        futures::future::join_all(together).await.into_iter().for_each(|answer| drop(answer.unwrap()));
    };
    let followed = || async {
        until("the standby has all that was written", || async {
            let query = "SELECT 1::text FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()";
            standby::ask(&primary, query).await
        })
        .await;
    };
    let refused = || async {
        for call in 0..3 {
            let asked = Instant::now();
            let refusal = ada.add(&article.id, 1).await.refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
            assert_eq!(refusal.http.unwrap().as_u16(), 503);
            assert!(asked.elapsed() < Duration::from_secs(3), "call {call}: {:?}", asked.elapsed());
        }
        reads().await;
        until_status(&mesh, ServingStatus::NotServing).await;
    };
    let written = || async {
        for call in 0..12 {
            ada.add(&article.id, 1).await.unwrap_or_else(|refusal| panic!("call {call}: {refusal:?}"));
        }
        until_status(&mesh, ServingStatus::Serving).await;
    };

    followed().await;
    name.moves_to(&second);
    let end = "SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity WHERE datname = 'orders'";
    standby::ask(&primary, end).await;
    refused().await;
    assert_eq!(ada.see(&basket.id).await.lines, basket.lines, "reads go on, and nothing has changed");
    name.moves_to(&primary);
    written().await;

    followed().await;
    tokio::task::spawn_blocking(move || drop(primary)).await.unwrap();
    name.moves_to(&second);
    refused().await;
    assert_eq!(standby::ask(&second, "SELECT pg_promote()::text").await.as_deref(), Some("true"));
    written().await;
    assert_eq!(ada.see(&basket.id).await.lines[0].quantity, 1 + 12 + 12);
    let order = ada.pay("open", "").await.unwrap();
    ada.until(&order.id, OrderState::Paid).await;
    drop(mesh);
    tokio::task::spawn_blocking(move || drop(second)).await.unwrap();
}

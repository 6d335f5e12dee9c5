//! A disk that is full under the embedded databases: refused, not half-written, and over when there is room again.

use contracts::{
    article::{Article, CreateArticleRequest, ListArticlesRequest},
    order::OrderState,
    user::SignInRequest,
};
use rustix::process::{Resource, Rlimit, prlimit};
use tonic_health::pb::health_check_response::ServingStatus;

use crate::{
    failover::until_status,
    support::{Code, Edge, Mesh, Refused, Setup, eur, mesh::ADMIN_PASSWORD, until},
};

tests!(a_full_disk_refuses_what_writes_and_breaks_nothing);

/// Lets the process write no file beyond so many bytes, or as it likes: to SQLite it is a disk without room.
pub fn room(mesh: &Mesh, bytes: Option<u64>) {
    let limit = Rlimit { current: bytes, maximum: None };
    prlimit(Some(mesh.main().pid()), Resource::Fsize, limit).expect("the limit can be set");
}

/// Covers: mesh.databases, mesh.health.
async fn a_full_disk_refuses_what_writes_and_breaks_nothing(setup: Setup) {
    let mesh = setup.over(Edge::Rest).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let ball = staff.stocked(eur(100), 100).await;
    let basket = ada.add(&ball.id, 1).await.unwrap().body;
    until_status(&mesh, ServingStatus::Serving).await;

    // While an order is paid, too.
    let slow = ada.keyed("k-slow");
    let (_, ()) = tokio::join!(slow.order(&ball.id, 2, "sim_slow"), async {
        until("its payment is under way", || async { (staff.stock(&ball.id).await.1 == 2).then_some(()) })
            .await;
        room(&mesh, Some(4_096));
    });
    for call in 0..3 {
        let refusal = ada.add(&ball.id, 1).await.refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
        assert_eq!(refusal.http.unwrap().as_u16(), 503, "call {call}");
        let full = Article { code: "full".to_owned(), name: "Full".to_owned(), ..Default::default() };
        let create = CreateArticleRequest { article: Some(full) };
        staff.create_article(create).await.refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
        let order = ada.keyed("k-1").order(&ball.id, 1, "sim_approve").await;
        order.refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
        let sign_in = SignInRequest {
            login: "admin".to_owned(),
            password: ADMIN_PASSWORD.to_owned(),
            ..Default::default()
        };
        mesh.client().sign_in(sign_in).await.refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    }
    assert_eq!(ada.see(&basket.id).await.lines, basket.lines, "reads go on, and nothing has changed");
    ada.list_articles(ListArticlesRequest::default()).await.unwrap();
    until_status(&mesh, ServingStatus::NotServing).await;

    room(&mesh, None);
    until_status(&mesh, ServingStatus::Serving).await;
    ada.add(&ball.id, 1).await.unwrap();
    let order = ada.keyed("k-1").order(&ball.id, 1, "sim_approve").await.unwrap();
    ada.until(&order.id, OrderState::Paid).await;
    let slow =
        until("what was under way ends well", || async { slow.order(&ball.id, 2, "sim_slow").await.ok() });
    ada.until(&slow.await.id, OrderState::Paid).await;
    staff.until_stock(&ball.id, (97, 0, 3)).await;
}

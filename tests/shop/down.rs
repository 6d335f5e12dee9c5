//! A role that is down costs only its own functions.

use contracts::{
    article::ListArticlesRequest,
    order::{GetOpenOrderRequest, ListOrdersRequest, OrderState},
    user::GetUserRequest,
};

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{Backend, Code, Edge, Refused, Setup, eur, shop::new_order, until};

tests!(
    without_payment_browsing_and_baskets_go_on,
    without_article_orders_can_still_be_read,
    without_user_those_who_are_signed_in_go_on,
    without_order_the_catalogue_goes_on,
    what_was_begun_is_finished_when_the_role_is_back,
    without_the_gateway_grpc_goes_on,
    a_wrong_mesh_secret_is_an_outage_and_signs_nobody_out,
    a_restart_while_user_is_down_signs_nobody_out,
);

each!(on_postgres: Setup::default().on(Backend::Postgres);
    a_database_that_is_gone_is_told_within_five_seconds, a_replica_that_is_stopped_costs_a_moment_and_no_call);

/// Covers: mesh.down.
async fn without_payment_browsing_and_baskets_go_on(setup: Setup) {
    let mut mesh = setup.split().over(Edge::Rest).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    mesh.kill("payment");

    assert_eq!(ada.list_articles(ListArticlesRequest::default()).await.unwrap().articles.len(), 1);
    let basket = ada.add(&article.id, 2).await.unwrap().body;
    let before = ada.history(&basket.id).await;
    let refusal = ada.pay("open", "sim_approve").await.refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    assert_eq!((refusal.info("service"), refusal.http.unwrap().as_u16()), ("payment", 503));
    let after = ada.get_open_order(GetOpenOrderRequest {}).await.unwrap().body;
    assert_eq!((after.state(), &after.lines, &after.total), (OrderState::Open, &basket.lines, &basket.total));
    assert_eq!(staff.stock(&article.id).await, (10, 0, 0), "nothing is reserved");
    assert_eq!(ada.history(&basket.id).await, before, "nothing happened to the order");
    let refusal = ada.create_order(new_order(&article.id, 1, "")).await.unwrap_err();
    assert_eq!(refusal.code, Code::Unavailable);
    assert_eq!(staff.stock(&article.id).await, (10, 0, 0));
    let refusal =
        ada.list_payments(Default::default()).await.refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    assert!(refusal.info("service").contains("payment"), "{refusal:?}");

    mesh.restart("payment");
    let order = until("checkout works again", || async { ada.pay("open", "sim_approve").await.ok() }).await;
    ada.until(&order.id, OrderState::Paid).await;
    assert_eq!(staff.stock(&article.id).await, (8, 0, 2));
}

/// Covers: mesh.down.
async fn without_article_orders_can_still_be_read(setup: Setup) {
    let mesh = setup.split().over(Edge::Rest).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    ada.add(&article.id, 2).await.unwrap();
    mesh.kill("article");
    let basket = ada.get_open_order(GetOpenOrderRequest {}).await.unwrap().body;
    assert_eq!(basket.lines[0].name, article.name);
    ada.article(&article.id).await.refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    let refusal = ada.add(&article.id, 1).await.refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    assert_eq!(refusal.info("service"), "article");
    ada.pay("open", "").await.refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    assert_eq!(ada.get_open_order(GetOpenOrderRequest {}).await.unwrap().state(), OrderState::Open);
}

/// Covers: mesh.down.
async fn without_user_those_who_are_signed_in_go_on(setup: Setup) {
    let mut mesh = setup.split().over(Edge::Rest).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    ada.add(&article.id, 1).await.unwrap();
    mesh.kill("user");
    let order = ada.order(&article.id, 2, "sim_approve").await.unwrap();
    ada.until(&order.id, OrderState::Paid).await;
    ada.get_user(GetUserRequest { id: "me".into() }).await.refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    assert_eq!(mesh.client().sign_in_as("admin", "x").await.unwrap_err().code, Code::Unavailable);
    mesh.restart("user");
    until("she is known again", || async { ada.get_user(GetUserRequest { id: "me".into() }).await.ok() })
        .await;
}

/// Covers: mesh.down.
async fn without_order_the_catalogue_goes_on(setup: Setup) {
    let mesh = setup.split().over(Edge::Rest).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    mesh.kill("order");
    assert_eq!(ada.article(&article.id).await.unwrap().available, 10);
    staff.adjust(&article.id, 1, contracts::article::StockReason::Received).await.unwrap();
    ada.list_orders(ListOrdersRequest::default()).await.refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
}

/// Covers: mesh.down.
async fn what_was_begun_is_finished_when_the_role_is_back(setup: Setup) {
    let mut mesh = setup.split().env("FEIRA_SIMULATOR_SLOW", "2s").start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    let order = ada.add(&article.id, 1).await.unwrap().body;
    let paying = tokio::spawn({
        let (ada, id) = (ada.clone(), order.id.clone());
        async move { ada.pay(&id, "sim_slow").await }
    });
    until("the stock is reserved and the payment begun", || async {
        ada.payments(&order.id).await.first().cloned()
    })
    .await;
    mesh.kill("payment");
    let answer = paying.await.unwrap();
    assert!(answer.is_ok() || answer.as_ref().unwrap_err().code == Code::Unavailable, "{answer:?}");
    assert_ne!(ada.see(&order.id).await.state(), OrderState::Paid);
    mesh.restart("payment");
    ada.until(&order.id, OrderState::Paid).await;
    assert_eq!(ada.payments(&order.id).await.len(), 1, "it is not charged again");
    assert_eq!(staff.stock(&article.id).await, (9, 0, 1));
}

/// Covers: mesh.down.
async fn without_the_gateway_grpc_goes_on(setup: Setup) {
    let mesh = setup.split().start().await;
    mesh.kill("gateway");
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    let order = ada.order(&article.id, 1, "").await.unwrap();
    ada.until(&order.id, OrderState::Paid).await;
}

/// Covers: mesh.down.
async fn a_wrong_mesh_secret_is_an_outage_and_signs_nobody_out(setup: Setup) {
    let mut mesh = setup.split().over(Edge::Rest).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    let basket = ada.add(&article.id, 2).await.unwrap().body;
    mesh.kill("payment");
    mesh.restart_with("payment", "FEIRA_MESH_SECRET", "a secret that nobody else in this mesh has");

    let refusal = ada.pay("open", "").await.refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    assert_eq!((refusal.info("service"), refusal.http.unwrap().as_u16()), ("payment", 503));
    assert_eq!(ada.see(&basket.id).await.state(), OrderState::Open);
    assert_eq!(staff.stock(&article.id).await, (10, 0, 0));
    // It cannot ask for the users' keys either; that is no reason to call a good token bad.
    ada.list_payments(Default::default()).await.refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    // Nor can the mesh ask it anything.
    mesh.stop("payment");
}

/// Covers: mesh.down, user.keys.
async fn a_restart_while_user_is_down_signs_nobody_out(setup: Setup) {
    let mut mesh = setup.split().over(Edge::Rest).start().await;
    let ada = mesh.shopper().await;
    mesh.kill("user");
    mesh.kill("order");
    mesh.restart("order");
    let list = || ada.list_orders(ListOrdersRequest::default());
    let refusal = list().await.refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    assert_eq!((refusal.info("service"), refusal.http.unwrap().as_u16()), ("user", 503));
    mesh.restart("user");
    until("she is known again, by the same token", || async { list().await.ok() }).await;
}

/// Covers: mesh.down, mesh.split.
async fn a_replica_that_is_stopped_costs_a_moment_and_no_call(setup: Setup) {
    let mesh = setup.split().doubled("article").over(Edge::Rest).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 1000).await;
    // Both are found.
    for _ in 0..20 {
        ada.article(&article.id).await.unwrap();
    }
    mesh.process("article-2").signal(Signal::STOP);
    let (mut answered, mut slowest) = (0, Duration::ZERO);
    let stop = Instant::now() + Duration::from_secs(6);
    while Instant::now() < stop {
        let begun = Instant::now();
        let reads = (0..4).map(|_| ada.article(&article.id));
        for answer in futures::future::join_all(reads).await {
            answer.expect("a read is sent to the other one");
            answered += 1;
        }
        slowest = slowest.max(begun.elapsed());
    }
    println!(
        "{answered} reads answered while one of two replicas was stopped, the slowest after {slowest:?}"
    );
    assert!(answered > 100, "{answered}");
    assert!(slowest < Duration::from_secs(4), "{slowest:?}");
    // What changes something goes to the one that lives: at once, for nobody expects the other to answer.
    let begun = Instant::now();
    let order = ada.order(&article.id, 1, "sim_approve").await.unwrap();
    ada.until(&order.id, OrderState::Paid).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    mesh.process("article-2").signal(Signal::CONT);
    mesh.kill("article");
    until("the one that goes on gets calls again", || async { ada.article(&article.id).await.ok() }).await;
}

/// Covers: mesh.down, mesh.databases.
async fn a_database_that_is_gone_is_told_within_five_seconds(setup: Setup) {
    let mesh = setup.over(Edge::Rest).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    ada.add(&article.id, 2).await.unwrap();
    mesh.admit("article", false);

    let in_time = |asked: Instant| assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    let asked = Instant::now();
    ada.article(&article.id).await.refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    in_time(asked);
    let asked = Instant::now();
    ada.pay("open", "").await.refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    in_time(asked);
    assert_eq!(ada.get_open_order(GetOpenOrderRequest {}).await.unwrap().state(), OrderState::Open);

    mesh.admit("article", true);
    let order = until("checkout works again", || async { ada.pay("open", "").await.ok() }).await;
    ada.until(&order.id, OrderState::Paid).await;
    assert_eq!(staff.stock(&article.id).await, (8, 0, 2));
}

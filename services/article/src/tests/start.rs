//! The service as a process starts it.

use std::{collections::HashMap, time::Duration};

use contracts::article::StockReason;
use kit::{
    Context, Db, Identity, Mesh, Tasks,
    access::Methods,
    conn::Local,
    id::{Id, OrderId},
    identity::MeshSecret,
};

use super::support::*;

#[tokio::test]
async fn a_started_service_names_what_it_serves_and_ends_what_is_overdue() {
    let shop = Shop::open().await;
    let article = shop.stocked("a", 1).await;
    shop.reserve(OrderId::new(), 1, &[(&article, 1)]).await.unwrap();
    shop.clock.advance(Duration::from_secs(601));

    let identity = Identity::new(MeshSecret::new("secret"), shop.clock.clone()).unwrap();
    let methods = Methods::read(contracts::pool()).unwrap();
    let mesh = Mesh::new(&[], &Local::default(), &HashMap::new(), identity.clone(), methods).unwrap();
    let context = Context { clock: shop.clock.clone(), mesh, identity, tasks: Tasks::default() };
    let options = crate::Options {
        max_unpaid_orders: 20,
        max_unpaid_units: 1_000,
        reservation_sweep: Duration::from_secs(1),
        image_limit: 4_000_000,
    };
    let service = crate::start(&options, Db::clone(&shop.db), context.clone()).await.unwrap();
    assert_eq!(service.names, ["feira.article.v1.ArticleService", "feira.article.v1.StockService"]);

    let swept = async {
        while shop.adjust(&article, -1, StockReason::Correction).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), swept).await.unwrap();
    context.tasks.drain();
    context.tasks.drained().await;
}

//! The service as a process starts it.

use std::{collections::HashMap, time::Duration};

use contracts::article::StockReason;
use kit::{
    Context, Identity, Mesh, Tasks, Time,
    access::Methods,
    conn::Local,
    id::{ArticleId, Id, OrderId},
    identity::MeshSecret,
};
use sea_orm::{ActiveValue::NotSet, EntityTrait, QueryOrder};
use sea_orm_migration::MigratorTrait;

use super::support::*;
use crate::{
    Migrator,
    store::table::{article, stock},
};

#[tokio::test]
async fn a_started_service_names_what_it_serves_and_ends_what_is_overdue() {
    let shop = Shop::open().await;
    let article = shop.stocked("a", 1).await;
    shop.reserve(OrderId::new(), 1, &[(&article, 1)]).await.unwrap();
    shop.clock.advance(Duration::from_secs(601));

    let identity = Identity::new(MeshSecret::new("secret"), shop.clock.clone());
    let methods = Methods::read(contracts::pool()).unwrap();
    let mesh = Mesh::new(&[], &Local::default(), &HashMap::new(), identity.clone(), methods).unwrap();
    let context = Context { clock: shop.clock.clone(), mesh, identity, tasks: Tasks::default() };
    let options = crate::Options { reservation_sweep_seconds: 1, image_limit: 4_000_000 };
    let service = crate::start(&options, shop.db.clone(), context.clone()).await.unwrap();
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

#[tokio::test]
async fn articles_from_before_there_were_shelves_come_to_stand_on_theirs() {
    let shop = Shop::without_tables().await;
    let db = shop.db.read();
    Migrator::up(db, Some(6)).await.unwrap();
    let cases = [
        (false, true, 0, 4),
        (false, true, 3, 5),
        (false, true, 4, 6),
        (false, false, 3, 2),
        (true, false, 9, 0),
    ];
    let mut expected = Vec::new();
    for (deleted, active, free, shelf) in cases {
        let id = ArticleId::new();
        let row = article::Model {
            id,
            code: "a".into(),
            code_folded: id.to_string(),
            name: "a".into(),
            name_folded: "a".into(),
            description: String::new(),
            category: String::new(),
            category_folded: String::new(),
            price_minor: Some(1),
            currency: Some("EUR".into()),
            price_order: 10,
            tax_rate_basis_points: 0,
            image_url: String::new(),
            active,
            low_stock_threshold: 3,
            shelf,
            version: 1,
            create_time: Time(1),
            update_time: Time(1),
            deleted_time: deleted.then_some(Time(1)),
        };
        expected.push(row.clone());
        let row = article::ActiveModel { shelf: NotSet, ..row.into() };
        article::Entity::insert(row).exec_without_returning(db).await.unwrap();
        let row = stock::Model { article_id: id, free, reserved: 0, sold: 0, movements: 0 };
        stock::Entity::insert(stock::ActiveModel::from(row)).exec_without_returning(db).await.unwrap();
    }
    Migrator::up(db, None).await.unwrap();
    let found = article::Entity::find().order_by_asc(article::Column::Id).all(db).await.unwrap();
    assert_eq!(found, expected);
}

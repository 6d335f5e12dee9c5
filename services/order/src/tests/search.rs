//! What staff search by, of orders that were there before.

use std::collections::HashSet;

use kit::id::{Id, OrderId, UserId};
use sea_orm::{ConnectionTrait, DatabaseBackend, EntityTrait, Statement, sea_query::Query};

use super::{Shop, insert_old};
use crate::{
    Migrator,
    domain::number::number_of,
    store::{
        Search, order,
        search::{owing, plain},
    },
};

#[tokio::test]
async fn orders_from_before_get_numbers_of_their_own() {
    let shop = Shop::before("m000013_search").await;
    let db = shop.db.read();
    let first = OrderId::new();
    // Of another time, but with the same end.
    let twin: OrderId = format!("ord_00{}", &first.to_string()[6..]).parse().unwrap();
    assert_eq!(number_of(first), number_of(twin));
    for id in [first, twin] {
        insert_old(db, id, vec![("tracking_code", "RR-12 3/PT".into())]).await;
    }
    for _ in 0..300 {
        insert_old(db, OrderId::new(), vec![]).await;
    }
    shop.db.migrate::<Migrator>().await.unwrap();
    let orders = order::Entity::find().all(db).await.unwrap();
    let numbers: HashSet<_> = orders.iter().filter_map(|order| order.number.clone()).collect();
    assert_eq!(numbers.len(), 302, "each has one, and no two the same");
    let usual = orders.iter().filter(|order| order.number == Some(number_of(order.id))).count();
    assert_eq!(usual, 301, "all but one of the twins");
    assert_eq!(orders.iter().filter(|order| order.tracking_folded == "rr123pt").count(), 2);
}

#[tokio::test]
async fn a_search_reads_no_more_than_it_finds() {
    let shop = Shop::open().await;
    let mut search = Search::read("0K1Z9ABC");
    search.customers = vec![UserId::new(), UserId::new()];
    for condition in [search.condition(plain), owing()] {
        let query = Query::select().column("id").from(order::Entity).cond_where(condition).to_owned();
        let query = DatabaseBackend::Sqlite.build(&query).to_string();
        let explain = Statement::from_string(DatabaseBackend::Sqlite, format!("EXPLAIN QUERY PLAN {query}"));
        let steps = shop.db.read().query_all_raw(explain).await.unwrap();
        let steps: Vec<String> = steps.iter().map(|row| row.try_get("", "detail").unwrap()).collect();
        let through = |step: &String| step.starts_with("SCAN order");
        assert!(!steps.iter().any(through), "{steps:#?}");
    }
}

//! What users have bought.

use std::collections::BTreeMap;

use contracts::order::ListPurchasesRequest;
use kit::{
    Page,
    id::{ArticleId, Id, OrderId, UserId},
};

use super::{Shop, line};
use crate::{
    domain::State,
    store::{self, purchase},
};

/// An order, whose it is, and what is in it.
type Bought = (OrderId, UserId, Vec<(ArticleId, String, i32)>);

async fn purchases(shop: &Shop, user: UserId) -> Vec<purchase::Model> {
    let page = Page::of(&ListPurchasesRequest::default()).unwrap();
    store::purchases(shop.db.read(), user, &page).await.unwrap()
}

#[tokio::test]
async fn whatever_is_paid_and_cancelled_purchases_are_what_the_paid_orders_hold() {
    let shop = Shop::open().await;
    let users = [UserId::new(), UserId::new()];
    let articles: Vec<ArticleId> = (0..4).map(|_| ArticleId::new()).collect();
    let mut orders: Vec<Bought> = Vec::new();
    // A fixed sequence that looks like chance.
    let mut seed = 7u32;
    let mut chance = |below: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) % below
    };
    for round in 0..120 {
        if !orders.is_empty() && chance(3) == 0 {
            let (id, ..) = orders.remove(chance(orders.len() as u32) as usize);
            shop.cancel(id).await;
        } else {
            let user = users[chance(2) as usize];
            let first = chance(4) as usize;
            let lines: Vec<_> = (first..=(first + chance(3) as usize).min(3))
                .map(|place| (articles[place], format!("name {round}"), 1 + chance(5) as i32))
                .collect();
            let rows = lines.iter().map(|(id, name, quantity)| line(*id, name, *quantity)).collect();
            orders.push((shop.order(user, rows, State::Paid).await, user, lines));
        }
        for user in users {
            let mut expected: BTreeMap<ArticleId, (String, i64)> = BTreeMap::new();
            for (_, _, lines) in orders.iter().filter(|(_, of, _)| *of == user) {
                for (article, name, quantity) in lines {
                    let entry = expected.entry(*article).or_default();
                    *entry = (name.clone(), entry.1 + i64::from(*quantity));
                }
            }
            let found = purchases(&shop, user).await;
            assert!(found.is_sorted_by(|a, b| a.last_time >= b.last_time), "{found:#?}");
            let found = found.into_iter().map(|row| (row.article_id, (row.name, row.quantity))).collect();
            assert_eq!(expected, found, "round {round}");
        }
    }
}

#[tokio::test]
async fn an_order_that_is_never_paid_is_no_purchase() {
    let shop = Shop::open().await;
    let user = UserId::new();
    shop.order(user, vec![line(ArticleId::new(), "x", 1)], State::Cancelled).await;
    assert!(purchases(&shop, user).await.is_empty());
}

//! What users have bought.

use std::collections::BTreeMap;

use contracts::order::ListPurchasesRequest;
use kit::{
    Call, Role,
    id::{ArticleId, Id, OrderId, UserId},
};

use super::{Shop, line};
use crate::{
    domain::{Refunds, State},
    store::{self, purchase},
};

/// An order, whose it is, what is in it and did not come back, and whether all of its money went back.
type Bought = (OrderId, UserId, Vec<(ArticleId, String, i32)>, bool);

async fn purchases(shop: &Shop, user: UserId) -> Vec<purchase::Model> {
    let call = Call::of_service(Role::Order, "test");
    let page = shop.db.page(&call, &ListPurchasesRequest::default()).unwrap();
    store::purchases(shop.db.read(), user, &page).await.unwrap()
}

#[tokio::test]
async fn whatever_is_paid_cancelled_refunded_and_returned_purchases_are_what_is_kept() {
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
    for round in 0..240 {
        let some = chance(orders.len().max(1) as u32) as usize;
        if !orders.is_empty() && chance(4) == 0 {
            // Its money goes back, or came back after all.
            let (id, .., refunded) = &mut orders[some];
            *refunded = !*refunded;
            let refunds = if *refunded { Refunds::Full } else { Refunds::None };
            shop.change(*id, move |record| record.order.refunds = refunds).await;
        } else if !orders.is_empty() && chance(4) == 0 {
            let (id, _, lines, _) = &mut orders[some];
            let back = chance(lines.len() as u32) as usize;
            if lines[back].2 > 0 {
                lines[back].2 -= 1;
                shop.change(*id, move |record| record.lines[back].returned += 1).await;
            }
        } else if !orders.is_empty() && chance(3) == 0 {
            let (id, ..) = orders.remove(chance(orders.len() as u32) as usize);
            shop.cancel(id).await;
        } else {
            let user = users[chance(2) as usize];
            let first = chance(4) as usize;
            let lines: Vec<_> = (first..=(first + chance(3) as usize).min(3))
                .map(|place| (articles[place], format!("name {round}"), 1 + chance(5) as i32))
                .collect();
            let rows = lines.iter().map(|(id, name, quantity)| line(*id, name, *quantity)).collect();
            orders.push((shop.order(user, rows, State::Paid).await, user, lines, false));
        }
        for user in users {
            let mut expected: BTreeMap<ArticleId, (String, i64)> = BTreeMap::new();
            for (_, _, lines, _) in orders.iter().filter(|(_, of, _, refunded)| *of == user && !refunded) {
                for (article, name, quantity) in lines.iter().filter(|(.., quantity)| *quantity > 0) {
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

//! Orders with what belongs to them, as they were written, on each kind of database that the test run has.

use kit::{
    Clock, Money, Role, Scope, Time,
    id::{AdjustmentId, ArticleId, Id, PaymentId, UserId},
    testing::Database,
};

use super::{Shop, line};
use crate::{
    Migrator,
    domain::{Adjustment, AdjustmentKind, Line, Refunds},
    error::Error,
    store::{self, Filter, Record, View},
};

async fn each() -> Vec<Shop> {
    let mut shops = Vec::new();
    for database in Database::of_each_kind(Role::Order).await {
        let db = database.migrated::<Migrator>(Clock::system()).await.into();
        shops.push(Shop { db, _database: database });
    }
    shops
}

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

fn adjustments() -> Vec<Adjustment> {
    let adjustment = |kind, label: &str, amount: &str, automatic| Adjustment {
        id: AdjustmentId::new(),
        kind,
        label: label.to_owned(),
        amount: money(amount),
        given: money(amount),
        automatic,
    };
    vec![
        adjustment(AdjustmentKind::Shipping, "by post", "4.90 EUR", true),
        adjustment(AdjustmentKind::Discount, "for a friend", "-1.00 EUR", false),
    ]
}

fn lines() -> Vec<Line> {
    let line = |name: &str, quantity, minor, tax, returned| Line {
        unit_price: Money { minor, ..money("1.00 EUR") },
        tax_rate_basis_points: tax,
        returned,
        ..line(ArticleId::new(), name, quantity)
    };
    vec![line("Chá", 2, 1299, 2300, 0), line("b", 3, 5, 600, 1), line("c", 1, 700, 0, 0)]
}

/// An order of whose columns no two have the same value, as far as that can be.
async fn order(shop: &Shop, user: UserId) -> View {
    shop.transact((lines(), adjustments()), move |tx, input| async move {
        let mut record = store::direct(&tx, user);
        (record.lines, record.adjustments) = (*input).clone();
        let order = &mut record.order;
        order.address = Some(vec![1, 2, 3, 0, 255]);
        order.payment_id = Some(PaymentId::new());
        (order.refunded_minor, order.refunded_currency) = (77, Some("USD".to_owned()));
        (order.refunds, order.refunding, order.user_erased) = (Refunds::Partial, true, true);
        (order.payment_type, order.attempt, order.fence) = (2, 3, 4);
        for (number, text) in [
            &mut order.payment_method,
            &mut order.payment_failure,
            &mut order.payment_action_url,
            &mut order.carrier,
            &mut order.tracking_code,
        ]
        .into_iter()
        .enumerate()
        {
            *text = format!("text {number}");
        }
        order.claim = Some("claim".to_owned());
        (order.lease_until, order.expire_time, order.place_time) = (Time(5), Some(Time(6)), Some(Time(7)));
        record.save().await
    })
    .await
}

/// Everything of an order.
fn whole(view: &View) -> String {
    format!("{view:#?}")
}

#[tokio::test]
async fn an_order_is_read_as_it_was_written_alone_and_in_lists() {
    for shop in each().await {
        let (user, db) = (UserId::new(), shop.db.read());
        let (first, second) = (order(&shop, user).await, order(&shop, user).await);
        let id = first.order.id;
        for scope in [Scope::All, Scope::Owner(user)] {
            assert_eq!(whole(&store::find_view(db, id, scope).await.unwrap()), whole(&first));
            let rows = store::list(db, scope, &Filter::default(), None, 10).await.unwrap();
            let views = store::views(db, rows).await.unwrap();
            assert_eq!(views.iter().map(whole).collect::<Vec<_>>(), [whole(&second), whole(&first)]);
        }
        // As it is read under lock, too.
        let locked = shop.transact((), move |tx, _| async move {
            let Record { order, lines, adjustments, .. } = Record::lock(&tx, id, Scope::All).await?;
            Ok(View { order, lines, adjustments })
        });
        assert_eq!(whole(&locked.await), whole(&first));
        let foreign = store::find_view(db, id, Scope::Owner(UserId::new())).await;
        assert!(matches!(foreign, Err(Error::NotFound("order"))));
    }
}

#[tokio::test]
async fn an_order_without_anything_is_whole_and_a_basket_is_its_users() {
    for shop in each().await {
        let (user, db) = (UserId::new(), shop.db.read());
        assert!(matches!(store::find_basket_view(db, user).await, Err(Error::NotFound("basket"))));
        let basket = shop
            .transact((), move |tx, _| async move { store::create_basket(&tx, user).await?.save().await });
        let basket = basket.await;
        assert!(basket.lines.is_empty() && basket.adjustments.is_empty());
        order(&shop, user).await;
        assert_eq!(whole(&store::find_basket_view(db, user).await.unwrap()), whole(&basket));
        assert!(store::find_basket_view(db, UserId::new()).await.is_err());
        assert!(store::views(db, Vec::new()).await.unwrap().is_empty());
    }
}

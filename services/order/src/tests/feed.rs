//! What followers are told.

use contracts::order::{OrderChanged, OrderState};
use kit::{Scope, outbox::event};
use prost::{Message, Name};
use sea_orm::{EntityTrait, QueryOrder};

use super::*;

/// What was told of orders, as the state before and the state after; nothing else is told.
async fn told(shop: &Shop) -> Vec<(OrderState, OrderState)> {
    let events = event::Entity::find().order_by_asc(event::Column::Id).all(shop.db.read()).await.unwrap();
    let read = |event: event::Model| {
        assert_eq!(event.kind, OrderChanged::full_name());
        let changed = OrderChanged::decode(event.data.as_slice()).unwrap();
        assert_eq!(changed.order_id, event.aggregate_id);
        (changed.previous_state(), changed.state())
    };
    events.into_iter().map(read).collect()
}

#[tokio::test]
async fn each_step_of_an_order_is_told_with_the_state_before_it() {
    use OrderState::*;
    let shop = Shop::open().await;
    let id = shop.order(UserId::new(), vec![line(ArticleId::new(), "x", 1)], State::Paid).await;
    shop.change(id, |record| record.note("a word of hers")).await;
    shop.change(id, |record| record.apply(Event::Ship, "another").unwrap()).await;
    let steps = [
        (Unspecified, CheckingOut),
        (CheckingOut, AwaitingPayment),
        (AwaitingPayment, Paid),
        (Paid, Paid),
        (Paid, Shipped),
    ];
    assert_eq!(told(&shop).await, steps);
    let events = event::Entity::find().all(shop.db.read()).await.unwrap();
    let word = |event: &event::Model| String::from_utf8_lossy(&event.data).contains("another");
    assert!(!events.iter().any(word), "notes are no part of it");
}

#[tokio::test]
async fn what_is_in_a_basket_is_told_once_a_change_and_what_nobody_sees_is_not() {
    use OrderState::*;
    let shop = Shop::open().await;
    let user = UserId::new();
    let add = |code: &'static str| {
        shop.transact((), move |tx, _| async move {
            let mut record = store::create_basket(&tx, user).await?;
            record.lines.push(line(ArticleId::new(), code, 2));
            record.save().await
        })
    };
    let view = add("a").await;
    assert_eq!(told(&shop).await, [(Unspecified, Open), (Open, Open)]);
    let stored = shop.db.read();
    let read =
        store::view(stored, store::by_id(stored, view.order.id, Scope::All).await.unwrap()).await.unwrap();
    assert_eq!(
        (read.order, read.lines),
        (view.order.clone(), view.lines),
        "what is answered is what is stored"
    );
    let view = add("b").await;
    assert_eq!(told(&shop).await.len(), 3);
    let stored = store::by_id(shop.db.read(), view.order.id, Scope::All).await.unwrap();
    assert_eq!((stored.version, stored.total_minor), (view.order.version, view.order.total_minor));
    shop.change(view.order.id, |record| record.lease(kit::Time(5))).await;
    shop.change(view.order.id, |_| ()).await;
    assert_eq!(told(&shop).await.len(), 3);
}

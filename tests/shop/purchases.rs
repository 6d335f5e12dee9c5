//! What a user has bought.

use contracts::{
    article::{Article, UpdateArticleRequest},
    order::{DeliverOrderRequest, ListPurchasesRequest, Order, OrderLine, OrderState, Purchase},
};

use crate::support::{Client, Code, Refused, Setup, at_once, eur, shop::new_order, until};

on_both_edges!(
    purchases_are_what_paid_orders_hold_the_last_first,
    a_cancelled_order_is_no_purchase,
    purchases_are_read_page_by_page_by_their_owner_and_staff,
);
on_every_database!(orders_paid_and_cancelled_at_once_are_counted_exactly);

async fn purchases(client: &Client, user: &str) -> Vec<Purchase> {
    let request = ListPurchasesRequest { user_id: user.into(), page_size: 1000, ..Default::default() };
    client.list_purchases(request).await.expect("purchases").body.purchases
}

fn quantities(purchases: &[Purchase]) -> Vec<(&str, i32)> {
    purchases.iter().map(|it| (it.article_id.as_str(), it.quantity)).collect()
}

/// Covers: order.purchases.
async fn purchases_are_what_paid_orders_hold_the_last_first(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let (tea, cup) = (staff.stocked(eur(100), 50).await, staff.stocked(eur(200), 50).await);
    assert!(purchases(&ada, "me").await.is_empty());
    let mut both = new_order(&tea.id, 2, "sim_approve");
    both.lines.push(OrderLine { article_id: cup.id.clone(), quantity: 3 });
    let first = ada.create_order(both).await.unwrap();
    let first = ada.until(&first.id, OrderState::Paid).await;
    let bought = purchases(&ada, "me").await;
    assert_eq!(bought.len(), 2);
    assert!(bought.iter().all(|it| it.last_time == first.place_time), "{bought:?}");
    // What is not paid for is not bought.
    ada.add(&tea.id, 9).await.unwrap();
    let waiting = ada.order(&tea.id, 9, "sim_decline").await.unwrap();
    ada.at_rest(&waiting.id).await;
    assert_eq!(purchases(&ada, "me").await, bought);

    // Renamed meanwhile, it has the name under which it was bought last; shipped and delivered, it counts on.
    let article = Some(Article { id: tea.id.clone(), name: "Green tea".into(), ..Default::default() });
    staff.update_article(UpdateArticleRequest { article, update_mask: None }).await.unwrap();
    let second = ada.order(&tea.id, 5, "sim_approve").await.unwrap();
    let second = ada.until(&second.id, OrderState::Paid).await;
    staff.ship(&second.id).await.unwrap();
    staff.deliver_order(DeliverOrderRequest { id: second.id.clone(), ..Default::default() }).await.unwrap();
    let bought = purchases(&ada, "me").await;
    assert_eq!(quantities(&bought), [(tea.id.as_str(), 7), (cup.id.as_str(), 3)]);
    assert_eq!((bought[0].name.as_str(), bought[0].code.as_str()), ("Green tea", tea.code.as_str()));
    assert_eq!((bought[1].name.as_str(), bought[0].last_time), (cup.name.as_str(), second.place_time));
    assert_eq!(purchases(&staff, &ada.user.id).await, bought);
}

/// Covers: order.purchases.
async fn a_cancelled_order_is_no_purchase(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let (tea, cup) = (staff.stocked(eur(100), 50).await, staff.stocked(eur(200), 50).await);
    let mut orders = Vec::new();
    for (name, quantity) in [("Black tea", 1), ("White tea", 2), ("Red tea", 4)] {
        let article = Some(Article { id: tea.id.clone(), name: name.into(), ..Default::default() });
        staff.update_article(UpdateArticleRequest { article, update_mask: None }).await.unwrap();
        let mut request = new_order(&tea.id, quantity, "sim_approve");
        if quantity == 4 {
            request.lines.push(OrderLine { article_id: cup.id.clone(), quantity: 1 });
        }
        let order = ada.create_order(request).await.unwrap();
        orders.push(ada.until(&order.id, OrderState::Paid).await);
    }
    let seen = async || {
        let bought = purchases(&ada, "me").await.into_iter();
        bought.map(|it| (it.name, it.quantity, it.last_time)).collect::<Vec<_>>()
    };
    assert_eq!(seen().await.len(), 2);
    // An older one of three: the last one stays the last.
    ada.cancel(&orders[0].id).await.unwrap();
    assert_eq!(
        seen().await.iter().find(|it| it.0.ends_with("tea")),
        Some(&("Red tea".to_owned(), 6, orders[2].place_time))
    );
    // The last one: the one before it is the last now, and what only it had is gone.
    ada.cancel(&orders[2].id).await.unwrap();
    assert_eq!(seen().await, [("White tea".to_owned(), 2, orders[1].place_time)]);
    ada.cancel(&orders[1].id).await.unwrap();
    assert!(seen().await.is_empty());
}

/// Covers: order.purchases.
async fn purchases_are_read_page_by_page_by_their_owner_and_staff(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada, eve) = (mesh.admin().await, mesh.shopper().await, mesh.shopper().await);
    let mut request = new_order(&staff.stocked(eur(100), 9).await.id, 1, "sim_approve");
    for _ in 1..5 {
        let article_id = staff.stocked(eur(100), 9).await.id;
        request.lines.push(OrderLine { article_id, quantity: 1 });
    }
    // All at the same moment: the articles' ids decide.
    let order = ada.create_order(request).await.unwrap();
    ada.until(&order.id, OrderState::Paid).await;
    let later = staff.stocked(eur(100), 9).await;
    let order = ada.order(&later.id, 1, "sim_approve").await.unwrap();
    ada.until(&order.id, OrderState::Paid).await;
    let all = purchases(&ada, "me").await;
    assert_eq!((all.len(), &all[0].article_id), (6, &later.id));
    let mut request = ListPurchasesRequest { user_id: "me".into(), page_size: 2, ..Default::default() };
    let mut seen = Vec::new();
    for _ in 0..3 {
        let page = ada.list_purchases(request.clone()).await.unwrap().body;
        seen.extend(page.purchases);
        request.page_token = page.next_page_token;
    }
    assert_eq!((seen, request.page_token.as_str()), (all, ""));

    let of = |user: &str| ListPurchasesRequest { user_id: user.into(), ..Default::default() };
    eve.list_purchases(of(&ada.user.id)).await.missing();
    eve.list_purchases(of("usr_01h455vb4pex5vsknk084sn02q")).await.missing();
    assert!(purchases(&eve, "me").await.is_empty());
    mesh.client().list_purchases(of(&ada.user.id)).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    ada.list_purchases(of("42")).await.names("user_id");
    ada.list_purchases(ListPurchasesRequest { page_size: -1, ..of("me") }).await.names("page_size");
    ada.list_purchases(ListPurchasesRequest { page_token: "x".into(), ..of("me") }).await.names("page_token");
    let page = ada.list_purchases(ListPurchasesRequest { page_size: 2, ..of("me") }).await.unwrap();
    let foreign =
        ListPurchasesRequest { page_token: page.next_page_token.clone(), ..of(&ada.user.id.clone()) };
    staff.list_purchases(foreign).await.names("page_token");
}

/// Covers: order.purchases.
async fn orders_paid_and_cancelled_at_once_are_counted_exactly(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let (tea, cup) = (staff.stocked(eur(100), 500).await, staff.stocked(eur(200), 500).await);
    at_once(8, |number| {
        let (ada, tea, cup) = (ada.at(number), tea.id.clone(), cup.id.clone());
        async move {
            // Both articles in opposite orders: nobody waits for each other for ever.
            let (one, other) = if number % 2 == 0 { (tea, cup) } else { (cup, tea) };
            let mut request = new_order(&one, 1, "sim_approve");
            request.lines.push(OrderLine { article_id: other, quantity: 2 });
            // On a busy machine an answer may come too late; the order goes on by itself.
            let Ok(order) = ada.create_order(request).await else { return };
            let order = ada.at_rest(&order.id).await;
            if number % 3 == 0 {
                ada.cancel(&order.id).await.expect("a cancellation");
            }
        }
    })
    .await;
    let orders = until("all orders are paid or cancelled", || async {
        let orders =
            ada.list_orders(contracts::order::ListOrdersRequest::default()).await.unwrap().body.orders;
        let over = |order: &Order| matches!(order.state(), OrderState::Paid | OrderState::Cancelled);
        orders.iter().all(over).then_some(orders)
    })
    .await;
    let paid = orders.iter().filter(|order| order.state() == OrderState::Paid);
    let lines = paid.flat_map(|order| &order.lines).collect::<Vec<_>>();
    for article in [&tea, &cup] {
        let bought: i32 =
            lines.iter().filter(|line| line.article_id == article.id).map(|line| line.quantity).sum();
        let listed = purchases(&ada, "me").await;
        let listed = listed.iter().find(|it| it.article_id == article.id).unwrap();
        assert_eq!(listed.quantity, bought);
        let last = orders.iter().filter(|order| order.state() == OrderState::Paid);
        let last = last.map(|order| order.place_time.map(|it| (it.seconds, it.nanos))).max().unwrap();
        assert_eq!(listed.last_time.map(|it| (it.seconds, it.nanos)), last);
    }
}

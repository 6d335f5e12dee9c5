//! What one user's unpaid orders may hold.

use std::sync::Arc;

use kit::id::{Id, OrderId, UserId};
use tonic::Code;

use super::{
    races::{at_once, check_books, won},
    support::*,
};

#[tokio::test]
async fn unpaid_orders_of_one_user_reserve_so_much_and_no_more() {
    let shop = Shop::open().await;
    let (tea, mug) = (shop.stocked("a", 50).await, shop.stocked("b", 50).await);
    let (ada, bob) = (UserId::new().to_string(), UserId::new().to_string());
    let orders: Vec<OrderId> = (0..4).map(|_| OrderId::new()).collect();
    shop.reserve_for(&ada, orders[0], 1, &[(&tea, 8), (&mug, 1)]).await.unwrap();
    let fault = shop.reserve_for(&ada, orders[1], 1, &[(&mug, 1), (&tea, 3)]).await.unwrap_err();
    assert_eq!((fault.code, fault.reason.as_str()), (Code::FailedPrecondition, "LIMIT_EXCEEDED"));
    let named = &fault.metadata[0];
    assert_eq!((&*named["limit"], &*named["value"]), ("unpaid_units", "10"));
    assert_eq!(named["article_id"], tea.id);
    assert_eq!(shop.figures(&tea).await, (42, 8, 0), "a refused call changes nothing");
    // What fits goes, others' orders are others', and what is nobody's is not counted.
    shop.reserve_for(&ada, orders[1], 1, &[(&tea, 2)]).await.unwrap();
    shop.reserve_for(&bob, OrderId::new(), 1, &[(&tea, 10)]).await.unwrap();
    shop.reserve(OrderId::new(), 1, &[(&tea, 11)]).await.unwrap();
    // A repeat is the same order.
    shop.reserve_for(&ada, orders[0], 1, &[(&tea, 8), (&mug, 1)]).await.unwrap();
    shop.reserve_for(&ada, orders[2], 1, &[(&mug, 1)]).await.unwrap();
    let fault = shop.reserve_for(&ada, orders[3], 1, &[(&mug, 1)]).await.unwrap_err();
    assert_eq!((&*fault.metadata[0]["limit"], &*fault.metadata[0]["value"]), ("unpaid_orders", "3"));
    // What is paid or given back no longer counts.
    shop.commit(orders[0], 1).await.unwrap();
    shop.reserve_for(&ada, orders[3], 1, &[(&mug, 1)]).await.unwrap();
    shop.release(orders[1], 1).await.unwrap();
    shop.reserve_for(&ada, OrderId::new(), 1, &[(&tea, 10)]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_one_users_orders_at_once_no_more_than_the_limit_reserve() {
    let shop = Arc::new(Shop::open().await);
    let article = Arc::new(shop.stocked("a", 100).await);
    let user = UserId::new().to_string();
    let results = at_once(10, |_| {
        let (shop, article, user) = (shop.clone(), article.clone(), user.clone());
        async move { shop.reserve_for(&user, OrderId::new(), 1, &[(&article, 4)]).await }
    })
    .await;
    assert_eq!(won(results, "LIMIT_EXCEEDED"), 2);
    assert_eq!(shop.figures(&article).await, (92, 8, 0));
    check_books(&shop).await;
}

//! Units that come back.

use contracts::article::StockReturned;
use kit::{
    Scope,
    id::{ArticleId, Id, UserId},
};

use super::{Shop, line};
use crate::{domain::State, store, work::article_feed::apply};

#[tokio::test]
async fn an_event_that_several_replicas_handle_counts_its_units_once() {
    let shop = Shop::open().await;
    let article = ArticleId::new();
    let id = shop.order(UserId::new(), vec![line(article, "x", 50)], State::Paid).await;
    let returned = StockReturned { article_id: article.to_string(), order_id: id.to_string(), quantity: 3 };
    // The second replica comes a moment later, or so late that the first one is further by then.
    for (position, expected) in [(7, 3), (7, 3), (6, 3), (8, 6), (8, 6)] {
        let handled = shop.transact(returned.clone(), move |tx, returned| async move {
            apply(&tx, position, &returned).await
        });
        handled.await;
        let order = store::by_id(shop.db.read(), id, Scope::All).await.unwrap();
        let view = store::view(shop.db.read(), order).await.unwrap();
        assert_eq!(view.lines[0].returned, expected, "{position}");
    }
}

//! Reservations, step by step.

use std::time::Duration;

use contracts::article::{
    Article, DeleteArticleRequest, ReservationState as State, StockReason,
    article_service_server::ArticleService,
};
use kit::id::{Id, OrderId};
use tonic::Code;

use super::support::*;
use crate::work::sweep::sweep;

const MONTH: u64 = 31 * 24 * 3600;

#[tokio::test]
async fn reserved_stock_is_sold_and_given_back() {
    let shop = Shop::open().await;
    let (one, two) = (shop.stocked("a", 5).await, shop.stocked("b", 5).await);
    let order = OrderId::new();
    let held = shop.reserve(order, 1, &[(&two, 2), (&one, 3)]).await.unwrap();
    assert_eq!((held.state(), held.order_id.as_str(), held.attempt), (State::Held, &*order.to_string(), 1));
    assert_eq!((shop.figures(&one).await, shop.figures(&two).await), ((2, 3, 0), (3, 2, 0)));
    assert_eq!(shop.commit(order, 1).await.unwrap().state(), State::Committed);
    assert_eq!((shop.figures(&one).await, shop.figures(&two).await), ((2, 0, 3), (3, 0, 2)));
    assert_eq!(shop.restock(order, 1).await.unwrap().state(), State::Restocked);
    assert_eq!((shop.figures(&one).await, shop.figures(&two).await), ((5, 0, 0), (5, 0, 0)));
    let moved = shop.movements(&one).await;
    let rows: Vec<_> = moved
        .iter()
        .map(|row| (row.sequence, row.reason(), row.free_change, row.reserved_change, row.sold_change))
        .collect();
    assert_eq!(
        rows,
        [
            (4, StockReason::Restocked, 3, 0, -3),
            (3, StockReason::Sold, 0, -3, 3),
            (2, StockReason::Reserved, -3, 3, 0),
            (1, StockReason::Received, 5, 0, 0),
        ]
    );
    assert!(moved[..3].iter().all(|row| row.order_id == order.to_string() && row.actor == "order"));
}

#[tokio::test]
async fn every_repeat_answers_the_same_and_moves_nothing() {
    let shop = Shop::open().await;
    let article = shop.stocked("a", 5).await;
    let (sold, given_back) = (OrderId::new(), OrderId::new());
    for _ in 0..2 {
        assert_eq!(shop.reserve(sold, 1, &[(&article, 2)]).await.unwrap().state(), State::Held);
        assert_eq!(shop.reserve(given_back, 7, &[(&article, 1)]).await.unwrap().state(), State::Held);
    }
    assert_eq!(shop.figures(&article).await, (2, 3, 0));
    for _ in 0..2 {
        assert_eq!(shop.commit(sold, 1).await.unwrap().state(), State::Committed);
        assert_eq!(shop.reserve(sold, 1, &[(&article, 2)]).await.unwrap().state(), State::Committed);
        assert_eq!(shop.release(given_back, 7).await.unwrap().state(), State::Released);
    }
    assert_eq!(shop.figures(&article).await, (3, 0, 2));
    for _ in 0..2 {
        assert_eq!(shop.restock(sold, 1).await.unwrap().state(), State::Restocked);
    }
    assert_eq!(shop.figures(&article).await, (5, 0, 0));
    let sequences: Vec<_> = shop.movements(&article).await.iter().map(|row| row.sequence).collect();
    assert_eq!(sequences, [6, 5, 4, 3, 2, 1]);
}

#[tokio::test]
async fn one_short_article_refuses_all_and_every_short_one_is_named() {
    let shop = Shop::open().await;
    let (one, two, three) =
        (shop.stocked("a", 1).await, shop.stocked("b", 9).await, shop.stocked("c", 0).await);
    let order = OrderId::new();
    let fault = shop.reserve(order, 1, &[(&three, 1), (&two, 9), (&one, 2)]).await.unwrap_err();
    assert_eq!((fault.code, fault.reason.as_str()), (Code::FailedPrecondition, "OUT_OF_STOCK"));
    let named: Vec<_> = fault.metadata.iter().map(|info| (&*info["article_id"], &*info["free"])).collect();
    assert_eq!(named, [(three.id.as_str(), "0"), (one.id.as_str(), "1")]);
    assert_eq!((shop.figures(&two).await, shop.movements(&two).await.len()), ((9, 0, 0), 1));
    assert_eq!(shop.reserve(order, 1, &[(&two, 9)]).await.unwrap().state(), State::Held);
}

#[tokio::test]
async fn articles_that_are_not_for_sale_are_named() {
    let shop = Shop::open().await;
    let idle = shop.stocked("a", 5).await;
    shop.update(Article { active: false, ..idle.clone() }, &["active"]).await.unwrap();
    let unknown = Article { id: kit::id::ArticleId::new().to_string(), ..idle.clone() };
    let fault = shop.reserve(OrderId::new(), 1, &[(&idle, 1), (&unknown, 1)]).await.unwrap_err();
    assert_eq!((fault.code, fault.reason.as_str()), (Code::FailedPrecondition, "ARTICLE_INACTIVE"));
    let named: Vec<_> = fault.metadata.iter().map(|info| &*info["article_id"]).collect();
    assert_eq!(named, [&*idle.id, &*unknown.id]);
}

#[tokio::test]
async fn a_repeat_with_other_lines_and_an_article_twice_are_invalid() {
    let shop = Shop::open().await;
    let (one, two) = (shop.stocked("a", 5).await, shop.stocked("b", 5).await);
    let order = OrderId::new();
    shop.reserve(order, 1, &[(&one, 1), (&two, 1)]).await.unwrap();
    assert!(shop.reserve(order, 1, &[(&two, 1), (&one, 1)]).await.is_ok());
    for other in [&[(&one, 1)][..], &[(&one, 2), (&two, 1)], &[(&one, 1), (&two, 1), (&one, 1)]] {
        let fault = shop.reserve(order, 1, other).await.unwrap_err();
        assert_eq!(fault.code, Code::InvalidArgument);
        assert!(["lines", "lines[2].article_id"].contains(&fault.fields[0].0.as_str()));
    }
    assert_eq!(shop.figures(&one).await, (4, 1, 0));
}

#[tokio::test]
async fn a_release_that_comes_first_refuses_the_late_reserve() {
    let shop = Shop::open().await;
    let article = shop.stocked("a", 5).await;
    let order = OrderId::new();
    for _ in 0..2 {
        assert_eq!(shop.release(order, 1).await.unwrap().state(), State::Released);
    }
    let fault = shop.reserve(order, 1, &[(&article, 1)]).await.unwrap_err();
    assert_eq!((fault.code, fault.reason.as_str()), (Code::FailedPrecondition, "ILLEGAL_STATE"));
    assert_eq!(fault.value("state"), Some("RESERVATION_STATE_RELEASED"));
    assert_eq!(shop.reserve(order, 2, &[(&article, 1)]).await.unwrap().state(), State::Held);
}

#[tokio::test]
async fn what_a_state_forbids_says_so_and_what_was_never_made_is_not_found() {
    let shop = Shop::open().await;
    let article = shop.stocked("a", 5).await;
    let (held, sold, released) = (OrderId::new(), OrderId::new(), OrderId::new());
    for order in [held, sold, released] {
        shop.reserve(order, 1, &[(&article, 1)]).await.unwrap();
    }
    shop.commit(sold, 1).await.unwrap();
    shop.release(released, 1).await.unwrap();
    let later = shop.ahead(60);
    for (refused, state) in [
        (shop.restock(held, 1).await, "HELD"),
        (shop.release(sold, 1).await, "COMMITTED"),
        (shop.renew(sold, 1, later).await, "COMMITTED"),
        (shop.commit(released, 1).await, "RELEASED"),
        (shop.restock(released, 1).await, "RELEASED"),
        (shop.renew(released, 1, later).await, "RELEASED"),
    ] {
        let fault = refused.unwrap_err();
        assert_eq!(fault.reason.as_str(), "ILLEGAL_STATE");
        assert_eq!(fault.value("state"), Some(&*format!("RESERVATION_STATE_{state}")));
    }
    let none = OrderId::new();
    for refused in [shop.renew(none, 1, later).await, shop.commit(none, 1).await, shop.restock(none, 1).await]
    {
        assert_eq!(refused.unwrap_err().code, Code::NotFound);
    }
}

#[tokio::test]
async fn the_sweeper_ends_what_is_overdue_and_commit_takes_it_again_while_there_is_enough() {
    let shop = Shop::open().await;
    let article = shop.stocked("a", 5).await;
    let orders = [OrderId::new(), OrderId::new(), OrderId::new()];
    for order in orders {
        shop.reserve(order, 1, &[(&article, 1)]).await.unwrap();
    }
    shop.renew(orders[2], 1, shop.ahead(3600)).await.unwrap();
    assert_eq!(sweep(&shop.db).await.unwrap(), 0);
    shop.clock.advance(Duration::from_secs(601));
    assert_eq!(sweep(&shop.db).await.unwrap(), 2);
    assert_eq!(sweep(&shop.db).await.unwrap(), 0);
    assert_eq!(shop.figures(&article).await, (4, 1, 0));
    assert_eq!(shop.movements(&article).await[0].actor, "article");
    assert_eq!(shop.reserve(orders[0], 1, &[(&article, 1)]).await.unwrap().state(), State::Expired);
    assert_eq!(shop.commit(orders[0], 1).await.unwrap().state(), State::Committed);
    assert_eq!(shop.figures(&article).await, (3, 1, 1));
    shop.adjust(&article, -3, StockReason::WrittenOff).await.unwrap();
    let fault = shop.commit(orders[1], 1).await.unwrap_err();
    assert_eq!((fault.reason.as_str(), fault.value("free")), ("OUT_OF_STOCK", Some("0")));
    assert_eq!(shop.release(orders[1], 1).await.unwrap().state(), State::Released);
    shop.adjust(&article, 3, StockReason::Received).await.unwrap();
    assert_eq!(shop.commit(orders[1], 1).await.unwrap_err().reason.as_str(), "ILLEGAL_STATE");
}

#[tokio::test]
async fn what_is_overdue_but_not_swept_yet_can_be_renewed_and_committed() {
    let shop = Shop::open().await;
    let article = shop.stocked("a", 5).await;
    let (renewed, sold) = (OrderId::new(), OrderId::new());
    for order in [renewed, sold] {
        shop.reserve(order, 1, &[(&article, 1)]).await.unwrap();
    }
    shop.clock.advance(Duration::from_secs(601));
    let until = shop.ahead(60);
    assert_eq!(shop.renew(renewed, 1, until).await.unwrap().expire_time, Some(until.into()));
    assert_eq!(shop.commit(sold, 1).await.unwrap().state(), State::Committed);
    assert_eq!(sweep(&shop.db).await.unwrap(), 0);
    assert_eq!(shop.figures(&article).await, (3, 1, 1));
}

#[tokio::test]
async fn a_reservation_ends_in_the_future_within_a_month() {
    let shop = Shop::open().await;
    let article = shop.stocked("a", 5).await;
    let order = OrderId::new();
    shop.reserve(order, 1, &[(&article, 1)]).await.unwrap();
    assert!(shop.renew(order, 1, shop.ahead(MONTH)).await.is_ok());
    for until in [shop.ahead(MONTH + 1), shop.ahead(0)] {
        assert_eq!(shop.renew(order, 1, until).await.unwrap_err().fields[0].0, "expire_time");
    }
}

#[tokio::test]
async fn a_deleted_articles_stock_is_still_sold_released_and_given_back() {
    let shop = Shop::open().await;
    let article = shop.stocked("a", 5).await;
    let (sold, released) = (OrderId::new(), OrderId::new());
    for order in [sold, released] {
        shop.reserve(order, 1, &[(&article, 2)]).await.unwrap();
    }
    let request = DeleteArticleRequest { id: article.id.clone(), etag: String::new() };
    shop.articles.delete_article(from(staff(), request)).await.unwrap();
    shop.commit(sold, 1).await.unwrap();
    shop.release(released, 1).await.unwrap();
    shop.restock(sold, 1).await.unwrap();
    let key = contracts::article::get_article_request::Key::Id(article.id.clone());
    assert_eq!(shop.get(order_service(), key).await.unwrap().available, 5);
    let fault = shop.reserve(OrderId::new(), 1, &[(&article, 1)]).await.unwrap_err();
    assert_eq!(fault.reason.as_str(), "ARTICLE_INACTIVE");
}

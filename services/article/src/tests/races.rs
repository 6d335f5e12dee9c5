//! What must hold whoever comes first.

use std::{collections::HashMap, sync::Arc, time::Duration};

use contracts::article::{
    Article, CreateArticleRequest, ReservationState, StockReason, article_service_server::ArticleService,
};
use kit::{
    Db, Fault,
    audit::Audit as _,
    id::{Id, OrderId},
};
use proptest::prelude::*;
use sea_orm::{ConnectionTrait, EntityTrait, Statement};
use tonic::Code;

use super::support::*;
use crate::{
    store::{
        audit::Audit,
        stock::{Moved, Movements},
    },
    work::sweep::sweep,
};

/// Free, reserved and sold are what the movements say and what the reservations say, for every article.
pub async fn check_books(shop: &Shop) {
    let (_, violations) = Audit { db: Db::clone(&shop.db) }.check().await.unwrap();
    assert_eq!(violations, []);
    let whole = shop.db.bigint();
    let query = format!(
        "SELECT s.article_id, s.free, s.reserved, s.sold, s.movements, \
        CAST(COALESCE((SELECT SUM(l.quantity) FROM reservation_lines l JOIN reservations r \
          ON r.order_id = l.order_id AND r.attempt = l.attempt \
          WHERE l.article_id = s.article_id AND r.state = 1), 0) AS {whole}) AS held, \
        CAST(COALESCE((SELECT SUM(l.quantity) FROM reservation_lines l JOIN reservations r \
          ON r.order_id = l.order_id AND r.attempt = l.attempt \
          WHERE l.article_id = s.article_id AND r.state = 2), 0) AS {whole}) AS committed FROM stock s"
    );
    let moved = Movements::find().all(shop.db.read()).await.unwrap();
    for row in shop.db.read().query_all_raw(Statement::from_string(shop.db.backend(), query)).await.unwrap() {
        let figure = |name: &str| row.try_get::<i64>("", name).unwrap();
        let (free, reserved, sold) = (figure("free"), figure("reserved"), figure("sold"));
        let id: kit::id::ArticleId = row.try_get("", "article_id").unwrap();
        let own: Vec<&Moved> = moved.iter().filter(|moved| moved.article_id == id).collect();
        let sum = |of: fn(&Moved) -> i64| own.iter().map(|moved| of(moved)).sum::<i64>();
        assert!(free >= 0 && reserved >= 0 && sold >= 0);
        assert_eq!((reserved, sold), (figure("held"), figure("committed")));
        let sums = (sum(|it| it.free_change), sum(|it| it.reserved_change), sum(|it| it.sold_change));
        assert_eq!((free, reserved, sold), sums);
        let by_staff =
            own.iter().filter(|moved| moved.order_id.is_none()).map(|moved| moved.free_change).sum::<i64>();
        assert_eq!(free + reserved + sold, by_staff);
        let mut sequences: Vec<i64> = own.iter().map(|moved| moved.sequence).collect();
        sequences.sort_unstable();
        assert_eq!(sequences, (1..=figure("movements")).collect::<Vec<_>>());
    }
}

/// How many went well; the rest must have failed for this reason.
pub fn won<T>(results: Vec<Result<T, Fault>>, reason: &str) -> usize {
    let all = results.len();
    let lost: Vec<Fault> = results.into_iter().filter_map(Result::err).collect();
    assert!(lost.iter().all(|fault| fault.reason.as_str() == reason), "{lost:?}");
    all - lost.len()
}

/// Does the same so many times at once.
pub async fn at_once<T, Fut>(times: usize, work: impl Fn(usize) -> Fut) -> Vec<T>
where
    T: Send + 'static,
    Fut: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..times).map(|number| tokio::spawn(work(number))).collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_orders_for_ten_units_ten_succeed() {
    let shop = Arc::new(Shop::open().await);
    let article = Arc::new(shop.stocked("a", 10).await);
    let results = at_once(100, |_| {
        let (shop, article) = (shop.clone(), article.clone());
        async move { shop.reserve(OrderId::new(), 1, &[(&article, 1)]).await }
    })
    .await;
    assert_eq!(won(results, "OUT_OF_STOCK"), 10);
    assert_eq!(shop.figures(&article).await, (0, 10, 0));
    check_books(&shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_try_reserved_many_times_at_once_is_one_reservation() {
    let shop = Arc::new(Shop::open().await);
    let article = Arc::new(shop.stocked("a", 10).await);
    let order = OrderId::new();
    let results = at_once(30, |_| {
        let (shop, article) = (shop.clone(), article.clone());
        async move { shop.reserve(order, 1, &[(&article, 3)]).await }
    })
    .await;
    assert_eq!(won(results, ""), 30);
    assert_eq!(shop.figures(&article).await, (7, 3, 0));
    check_books(&shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn commit_release_and_expiry_at_once_have_one_winner() {
    let shop = Arc::new(Shop::open().await);
    let article = Arc::new(shop.stocked("a", 100).await);
    for _ in 0..10 {
        let order = OrderId::new();
        shop.reserve(order, 1, &[(&article, 1)]).await.unwrap();
        shop.clock.advance(Duration::from_secs(601));
        let results = at_once(9, |number| {
            let shop = shop.clone();
            async move {
                match number % 3 {
                    0 => shop.commit(order, 1).await.map(|done| done.state()),
                    1 => shop.release(order, 1).await.map(|done| done.state()),
                    _ => sweep(&shop.db).await.map(|_| ReservationState::Unspecified).map_err(Fault::from),
                }
            }
        })
        .await;
        let states: Vec<_> =
            results.iter().flatten().filter(|state| **state != ReservationState::Unspecified).collect();
        assert_eq!(states.len(), 3, "{results:?}");
        assert!(states.iter().all(|state| *state == states[0]), "{states:?}");
        won(results, "ILLEGAL_STATE");
    }
    check_books(&shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn orders_of_the_same_articles_in_any_order_of_lines_do_not_block_each_other() {
    let shop = Arc::new(Shop::open().await);
    let mut articles = Vec::new();
    for code in ["a", "b", "c", "d"] {
        articles.push(shop.stocked(code, 1_000).await);
    }
    let articles = Arc::new(articles);
    let results = at_once(60, |number| {
        let (shop, articles) = (shop.clone(), articles.clone());
        async move {
            let order = OrderId::new();
            let mut wanted: Vec<(&Article, i64)> = articles.iter().map(|article| (article, 1)).collect();
            wanted.rotate_left(number % 4);
            shop.reserve(order, 1, &wanted).await?;
            if number % 2 == 0 { shop.commit(order, 1).await } else { shop.release(order, 1).await }
        }
    })
    .await;
    assert_eq!(won(results, ""), 60);
    for article in &*articles {
        assert_eq!(shop.figures(article).await, (970, 0, 30));
    }
    check_books(&shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_articles_with_one_code_one_is_made_and_of_many_updates_of_one_version_one_counts() {
    let shop = Arc::new(Shop::open().await);
    let results = at_once(20, |_| {
        let shop = shop.clone();
        async move { shop.create(article("a", "a")).await }
    })
    .await;
    let made = results.iter().flatten().next().unwrap().clone();
    assert_eq!(won(results, "ALREADY_EXISTS"), 1);
    let results = at_once(20, |number| {
        let (shop, made) = (shop.clone(), made.clone());
        async move { shop.update(Article { name: format!("name {number}"), ..made }, &["name"]).await }
    })
    .await;
    assert_eq!(won(results, "ETAG_MISMATCH"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_idempotency_key_many_times_at_once_makes_one_article() {
    let shop = Arc::new(Shop::open().await);
    let caller = staff();
    let results = at_once(30, |_| {
        let (shop, caller) = (shop.clone(), caller.clone());
        async move {
            let mut request = from(caller, CreateArticleRequest { article: Some(article("a", "a")) });
            request.metadata_mut().insert("idempotency-key", "k1".parse().unwrap());
            outcome(shop.articles.create_article(request).await)
        }
    })
    .await;
    let ids: HashMap<_, _> = results.iter().flatten().map(|article| (article.id.clone(), ())).collect();
    assert_eq!(ids.len(), 1);
    won(results, "IDEMPOTENCY_IN_PROGRESS");
}

/// Something that can happen to a shop with three articles and six orders.
#[derive(Debug, Clone, Copy)]
enum Step {
    Adjust { article: usize, delta: i64 },
    Reserve { order: usize, article: usize, quantity: i64, also: i64 },
    Commit(usize),
    Release(usize),
    Restock(usize),
    Renew(usize),
    Change { article: usize, active: bool, low_stock_threshold: i64 },
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0usize..3, -5i64..15).prop_map(|(article, delta)| Step::Adjust { article, delta }),
        5 => (0usize..6, 0usize..3, 1i64..6, 0i64..4)
            .prop_map(|(order, article, quantity, also)| Step::Reserve { order, article, quantity, also }),
        3 => (0usize..6).prop_map(Step::Commit),
        2 => (0usize..6).prop_map(Step::Release),
        2 => (0usize..6).prop_map(Step::Restock),
        1 => (0usize..6).prop_map(Step::Renew),
        2 => (0usize..3, proptest::bool::weighted(0.8), 0i64..12)
            .prop_map(|(article, active, low_stock_threshold)| Step::Change { article, active, low_stock_threshold }),
        1 => Just(Step::Wait),
    ]
}

/// Takes a step; a refusal is fine, a failure is not.
async fn take(shop: &Shop, articles: &[Article], orders: &[OrderId], step: Step) {
    let done = match step {
        Step::Adjust { article, delta } => {
            shop.adjust(&articles[article], delta, StockReason::Correction).await.map(|_| ())
        }
        Step::Reserve { order, article, quantity, also } => {
            let mut wanted = vec![(&articles[article], quantity)];
            if also > 0 {
                wanted.push((&articles[(article + 1) % articles.len()], also));
            }
            shop.reserve(orders[order], 1, &wanted).await.map(|_| ())
        }
        Step::Commit(order) => shop.commit(orders[order], 1).await.map(|_| ()),
        Step::Release(order) => shop.release(orders[order], 1).await.map(|_| ()),
        Step::Restock(order) => shop.restock(orders[order], 1).await.map(|_| ()),
        Step::Renew(order) => shop.renew(orders[order], 1, shop.ahead(900)).await.map(|_| ()),
        Step::Change { article, active, low_stock_threshold } => {
            let sent =
                Article { active, low_stock_threshold, etag: String::new(), ..articles[article].clone() };
            shop.update(sent, &["active", "low_stock_threshold"]).await.map(|_| ())
        }
        Step::Wait => {
            shop.clock.advance(Duration::from_secs(400));
            sweep(&shop.db).await.map(|_| ()).map_err(Fault::from)
        }
    };
    if let Err(fault) = done {
        let refusals = [Code::FailedPrecondition, Code::NotFound, Code::InvalidArgument];
        assert!(refusals.contains(&fault.code), "{step:?}: {fault:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_books_balance_after_whatever_happens_at_once(
        tracks in proptest::collection::vec(proptest::collection::vec(step(), 1..12), 1..6),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
        runtime.block_on(async {
            let shop = Arc::new(Shop::open().await);
            let articles = Arc::new([shop.stocked("a", 8).await, shop.stocked("b", 8).await, shop.stocked("c", 8).await]);
            let orders: Arc<[OrderId]> = (0..6).map(|_| OrderId::new()).collect();
            let tracks = Arc::new(tracks);
            at_once(tracks.len(), |number| {
                let (shop, articles, orders, tracks) = (shop.clone(), articles.clone(), orders.clone(), tracks.clone());
                async move {
                    for step in &tracks[number] {
                        take(&shop, &*articles, &orders, *step).await;
                    }
                }
            })
            .await;
            check_books(&shop).await;
        });
    }
}

use super::support::*;
use crate::{domain::article::Content, error::Error, store::articles};
use contracts::article::ListArticlesRequest;
use kit::{
    Call, Caller, Role,
    id::{ArticleId, Id},
};
use sea_orm::ConnectionTrait;
use std::{sync::Arc, time::Instant};

#[tokio::test(flavor = "multi_thread")]
#[ignore]
async fn scale() {
    let shop = Shop::open().await;
    let total = 100_000usize;
    let started = Instant::now();
    let mut seed = 12345u64;
    let mut rnd = move |n: u64| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) % n
    };
    for batch in 0..total / 1000 {
        let rows: Arc<Vec<Content>> = Arc::new(
            (0..1000)
                .map(|i| {
                    let n = batch * 1000 + i;
                    let mut description = String::from("common");
                    for _ in 0..12 {
                        let r = rnd(10_000);
                        let w = r * r / 10_000;
                        description.push_str(&format!(" w{w:04}x"));
                    }
                    if n % 5000 == 7 {
                        description.push_str(" needle");
                    }
                    if n < 5000 {
                        description.push_str(" early");
                    }
                    if n >= 95000 {
                        description.push_str(" late");
                    }
                    Content {
                        code: format!("c{n}"),
                        name: format!("Name {} {}", rnd(300), n % 7),
                        description,
                        category: format!("cat{}", n % 1000 / 10 * (n % 2)),
                        price: Some(kit::Money::new((rnd(50) * 100 + 99) as i64, "EUR".parse().unwrap())),
                        tax_rate_basis_points: 0,
                        image_url: String::new(),
                        active: n % 10 != 0,
                        low_stock_threshold: 0,
                    }
                })
                .collect(),
        );
        kit::transact(&shop.db, &Call::of_service(Role::Article, "x"), move |tx| {
            let rows = rows.clone();
            async move {
                for c in rows.iter() {
                    articles::insert(&tx, ArticleId::new(), c).await?;
                }
                Ok::<(), Error>(())
            }
        })
        .await
        .unwrap();
    }
    println!("inserted in {:?}", started.elapsed());
    if shop.db.backend() == sea_orm::DatabaseBackend::Postgres {
        shop.db.read().execute_unprepared("ANALYZE").await.unwrap();
    }
    let all = ListArticlesRequest::default;
    let q = |t: &str| ListArticlesRequest { query: t.into(), ..all() };
    for round in 0..7 {
        for order in ["create_time", "name", "name desc", "price", "price desc"] {
            for (what, request) in [
                ("all", all()),
                ("cat", ListArticlesRequest { category: "cat10".into(), ..all() }),
                ("cat0", ListArticlesRequest { category: "cat0".into(), ..all() }),
                ("instock", ListArticlesRequest { in_stock: Some(true), ..all() }),
                ("price", ListArticlesRequest { min_price: price("45.00 EUR"), ..all() }),
                ("common", q("comm")),
                ("needle", q("needle")),
                ("common needle", q("comm needle")),
                ("early late", q("early late")),
                ("common late", q("common late")),
                ("late common w0", q("late common w0")),
                ("w0001 w0002", q("w0001x w0002x")),
            ] {
                let request = ListArticlesRequest { order_by: order.into(), ..request };
                let t = Instant::now();
                let (rows, token) = shop.list(Caller::Anonymous, &request).await.unwrap();
                let first = t.elapsed();
                let mut deep = None;
                if round == 6 && !token.is_empty() && ["all", "common", "cat0"].contains(&what) {
                    let mut walk = ListArticlesRequest { page_size: 1000, ..request.clone() };
                    let mut pages = 0;
                    for _ in 0..80 {
                        let (_, next) = shop.list(Caller::Anonymous, &walk).await.unwrap();
                        if next.is_empty() {
                            break;
                        }
                        walk.page_token = next;
                        pages += 1;
                    }
                    let t = Instant::now();
                    walk.page_size = 50;
                    shop.list(Caller::Anonymous, &walk).await.unwrap();
                    deep = Some((pages, t.elapsed()));
                }
                if round == 6 {
                    println!("{order:>12} {what:>15} rows {:>3} first {first:?} deep {deep:?}", rows.len());
                }
            }
        }
    }
}

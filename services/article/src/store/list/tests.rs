//! How SQLite goes about lists: by seeks, never through a whole table, and without sorting.

use kit::{Role, db::DatabaseOptions, id::Id};
use sea_orm::{QueryTrait as _, Statement};

use super::*;
use crate::domain::listing::Sight;

fn any() -> Filter {
    Filter {
        sight: Sight::Staff,
        words: None,
        category: String::new(),
        min_price: None,
        max_price: None,
        in_stock: None,
        active: None,
        low_stock: None,
    }
}

#[tokio::test]
async fn a_page_is_read_by_seeks_and_without_sorting() {
    let folder = tempfile::tempdir().unwrap();
    let options = DatabaseOptions {
        role: Role::Article,
        url: format!("sqlite:{}", folder.path().join("article.db").display()),
        max_connections: 1,
        clock: kit::Clock::system(),
        fingerprint_key: [7; 32],
    };
    let db = kit::Db::open(options).await.unwrap();
    db.migrate::<crate::Migrator>().await.unwrap();
    let filters = [
        any(),
        Filter { sight: Sight::Public, ..any() },
        Filter { in_stock: Some(true), ..any() },
        Filter { in_stock: Some(false), ..any() },
        Filter { low_stock: Some(true), ..any() },
        Filter { active: Some(false), ..any() },
        Filter { category: "tea".into(), ..any() },
        Filter { category: "tea".into(), in_stock: Some(false), sight: Sight::Public, ..any() },
        Filter { min_price: Some("1.00 EUR".parse().unwrap()), ..any() },
    ];
    let orders = [
        (Order::Name, Key::Name("tea".into()), "name"),
        (Order::Price, Key::Price(7), "price"),
        (Order::CreateTime, Key::CreateTime(7), "create_time"),
    ];
    for filter in &filters {
        for (order, key, index) in &orders {
            for descending in [false, true] {
                for after in [None, Some(&Cursor { key: key.clone(), id: ArticleId::new() })] {
                    let (backend, order) = (DatabaseBackend::Sqlite, (*order, descending));
                    let (shelves, words) = (shelves(filter), Vec::new());
                    let list = List { backend, filter, order, shelves, words, after };
                    let query =
                        list.articles(list.along(prices(filter, visible), 51, 0)).build(backend).to_string();
                    let explain = Statement::from_string(backend, format!("EXPLAIN QUERY PLAN {query}"));
                    let plan: Vec<String> = db
                        .read()
                        .query_all_raw(explain)
                        .await
                        .unwrap()
                        .iter()
                        .map(|row| row.try_get("", "detail").unwrap())
                        .collect();
                    let within = if filter.category.is_empty() { "" } else { "category_" };
                    let seek = format!("USING COVERING INDEX articles_shelf_{within}{index} ");
                    let seeks = plan.iter().filter(|step| step.contains(&seek)).count();
                    assert_eq!(seeks, list.shelves.len(), "{query}\n{plan:#?}");
                    let bad = |step: &String| {
                        step.contains("TEMP B-TREE") || step.contains("SCAN") && step != "SCAN page"
                    };
                    assert!(!plan.iter().any(bad), "{query}\n{plan:#?}");
                }
            }
        }
    }
}

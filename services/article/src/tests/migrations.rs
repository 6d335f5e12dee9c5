//! Databases of earlier versions: what migrations make of their rows, and how long that takes.

use std::time::Instant;

use kit::{
    Call, Role, Time, Tx,
    id::{ArticleId, Id},
    testing::Database,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, Iterable, ModelTrait, QueryFilter, QueryOrder,
    sea_query::{InsertStatement, Query},
};

use super::support::*;
use crate::{
    Migrator,
    store::entities::{article, stock, word},
};

#[tokio::test]
async fn articles_from_before_there_was_a_listing_status_have_theirs() {
    let shop = Shop::without_tables().await;
    let db = shop.db.read();
    shop.db.migrate_before::<Migrator>("m000006_shelf").await.unwrap();
    let cases = [
        (false, true, 0, 4),
        (false, true, 3, 5),
        (false, true, 4, 6),
        (false, false, 3, 2),
        (true, false, 9, 0),
    ];
    let mut expected = Vec::new();
    for (deleted, active, free, listing_status) in cases {
        let id = ArticleId::new();
        // The columns of that time: what came later is not set.
        let row = article::ActiveModel {
            id: Set(id),
            code: Set("a".into()),
            code_folded: Set(id.to_string()),
            name: Set("a".into()),
            name_folded: Set("a".into()),
            description: Set(String::new()),
            category: Set(String::new()),
            category_folded: Set(String::new()),
            price_minor: Set(Some(1)),
            currency: Set(Some("EUR".into())),
            price_order: Set(10),
            tax_rate_basis_points: Set(0),
            image_url: Set(String::new()),
            active: Set(active),
            low_stock_threshold: Set(3),
            version: Set(1),
            create_time: Set(Time(1)),
            update_time: Set(Time(1)),
            deleted_time: Set(deleted.then_some(Time(1))),
            ..Default::default()
        };
        expected.push(article::ActiveModel { listing_status: Set(listing_status), ..row.clone() });
        article::Entity::insert(row).exec_without_returning(db).await.unwrap();
        let row = stock::Model { article_id: id, free, reserved: 0, sold: 0, movements: 0 };
        stock::Entity::insert(stock::ActiveModel::from(row)).exec_without_returning(db).await.unwrap();
    }
    shop.db.migrate::<Migrator>().await.unwrap();
    let found = article::Entity::find().order_by_asc(article::Column::Id).all(db).await.unwrap();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        for column in article::Column::iter() {
            if let Some(value) = expected.get(column).into_value() {
                assert_eq!(found.get(column), value, "{column:?}");
            }
        }
    }
}

/// An article as it was written before folding knew umlauts, signs and scripts without blanks.
async fn insert_old(db: &impl ConnectionTrait, name: &str, deleted: bool, words: &[&str]) -> ArticleId {
    let id = ArticleId::new();
    let (code, folded) = (format!("C-{id}"), "old".to_owned());
    let mut insert = Query::insert();
    insert.into_table("articles");
    insert.columns([
        "id",
        "code",
        "code_folded",
        "name",
        "name_folded",
        "description",
        "category",
        "category_folded",
        "price_order",
        "tax_rate_basis_points",
        "image_url",
        "active",
        "low_stock_threshold",
        "shelf",
        "version",
        "create_time",
        "update_time",
        "deleted_time",
    ]);
    insert.values_panic([
        id.into(),
        code.into(),
        id.to_string().into(),
        name.into(),
        folded.clone().into(),
        "".into(),
        "Käse".into(),
        folded.into(),
        0.into(),
        0.into(),
        "".into(),
        false.into(),
        0.into(),
        1.into(),
        1.into(),
        7.into(),
        7.into(),
        deleted.then_some(7i64).into(),
    ]);
    db.execute(&insert).await.unwrap();
    for word in words {
        let row = word::Model { article_id: id, word: (*word).into(), create_time: Time(7) };
        word::Entity::insert(word::ActiveModel::from(row)).exec_without_returning(db).await.unwrap();
    }
    id
}

#[tokio::test]
async fn articles_from_before_are_found_as_new_ones_are() {
    let shop = Shop::without_tables().await;
    let db = shop.db.read();
    shop.db.migrate_before::<Migrator>("m000008_folding").await.unwrap();
    let tea = insert_old(db, "Wi-Fi が", false, &["wi", "fi", "か"]).await;
    let gone = insert_old(db, "Gone", true, &[]).await;
    let mut many = Vec::new();
    for _ in 0..300 {
        many.push(insert_old(db, "緑茶", false, &["緑茶"]).await);
    }
    // A step that is taken again changes nothing.
    for _ in 0..2 {
        shop.db.migrate::<Migrator>().await.unwrap();
        let words = word::Entity::find().filter(word::Column::ArticleId.eq(tea));
        let found: Vec<_> = words.all(db).await.unwrap().into_iter().map(|row| row.word).collect();
        let expected = kit::words::words(["Wi-Fi が", &format!("C-{tea}"), "Käse"]);
        assert_eq!(found.into_iter().collect::<std::collections::BTreeSet<_>>(), expected);
        assert!(expected.contains("wifi") && expected.contains("が") && expected.contains("kaese"));
        let of = |word: &'static str| word::Entity::find().filter(word::Column::Word.eq(word)).all(db);
        assert_eq!(of("茶").await.unwrap().len(), many.len());
        assert_eq!(of("gone").await.unwrap(), []);
        let found = article::Entity::find_by_id(tea).one(db).await.unwrap().unwrap();
        assert_eq!((found.name_folded, found.category_folded), ("wi-fi が".to_owned(), "kase".to_owned()));
        assert!(article::Entity::find_by_id(gone).one(db).await.unwrap().is_some());
        let again = "DELETE FROM seaql_migrations WHERE version IN ('m000008_folding', 'm000010_words')";
        db.execute_unprepared(again).await.unwrap();
    }
}

#[tokio::test]
async fn articles_folded_before_are_found_by_todays_rules() {
    let shop = Shop::without_tables().await;
    let db = shop.db.read();
    // All steps but the last.
    shop.db.migrate_steps::<Migrator>(Some(10)).await.unwrap();
    // As they were indexed.
    let router = insert_old(db, "Wi-Fi 6", false, &["wi", "fi", "wifi", "6", "fi6", "kase", "kaese"]).await;
    let tea = insert_old(db, "녹차 세트", false, &["녹차", "차", "세트", "트"]).await;
    shop.db.migrate::<Migrator>().await.unwrap();
    for (id, word) in [(router, "wifi6"), (tea, "차세")] {
        let words = word::Entity::find().filter(word::Column::ArticleId.eq(id));
        let found: Vec<_> = words.all(db).await.unwrap().into_iter().map(|row| row.word).collect();
        assert!(found.iter().any(|found| found == word), "{word} is in {found:?}");
    }
}

fn rows_of(table: &'static str, columns: &[&'static str]) -> InsertStatement {
    Query::insert().into_table(table).columns(columns.iter().copied()).to_owned()
}

/// An article's description, and the words of its name and category by which that version found it.
const TEXT: &str = "soft warm light green fresh dried loose whole leaf from small gardens near old town";
const WORDS: &str = "cha verde wi fi kase";

/// Some of the articles of the schema before `m000006_shelf`, as that version wrote them: names and categories folded
/// by other rules, so that every row is to be written again.
async fn insert_first(tx: &Tx, numbers: std::ops::Range<i64>) -> Result<(), DbErr> {
    let mut articles = rows_of(
        "articles",
        &[
            "id",
            "code",
            "code_folded",
            "name",
            "name_folded",
            "description",
            "category",
            "category_folded",
            "price_minor",
            "currency",
            "price_order",
            "tax_rate_basis_points",
            "image_url",
            "active",
            "low_stock_threshold",
            "version",
            "create_time",
            "update_time",
        ],
    );
    let mut stocks = rows_of("stock", &["article_id", "free", "reserved", "sold", "movements"]);
    for number in numbers {
        let id = ArticleId::new();
        let code = format!("TEA-{number}");
        let name = format!("Chá verde Wi-Fi {number}");
        articles.values_panic([
            id.into(),
            code.as_str().into(),
            code.to_lowercase().into(),
            name.as_str().into(),
            format!("folded before {number}").into(),
            TEXT.into(),
            "Käse".into(),
            "folded before".into(),
            number.into(),
            "EUR".into(),
            (number * 10).into(),
            2_300.into(),
            "".into(),
            (number % 10 > 0).into(),
            2.into(),
            1.into(),
            (number * 1_000_000).into(),
            (number * 1_000_000).into(),
        ]);
        stocks.values_panic([id.into(), (number % 5).into(), 0.into(), 0.into(), 0.into()]);
    }
    for rows in [articles, stocks] {
        tx.execute(&rows).await?;
    }
    Ok(())
}

/// `cargo test --workspace --lib -- --ignored --nocapture figures`: how long the steps take that touch every row, among
/// 100,000 articles, on SQLite and on the servers that the test run has.
#[tokio::test]
#[ignore = "takes minutes; it shows figures and fails at none"]
async fn figures_of_migrations_of_many_articles() {
    for database in Database::of_each_kind(Role::Article).await {
        let shop = Shop::on(database).await;
        shop.db.migrate_before::<Migrator>("m000006_shelf").await.unwrap();
        let call = Call::of_service(Role::Article, "fill");
        for first in (0..100_000).step_by(250) {
            let filled = shop.db.transact(&call, first..first + 250, |tx, numbers| async move {
                Ok(insert_first(&tx, (*numbers).clone()).await?)
            });
            filled.await.unwrap();
        }
        for word in TEXT.split(' ').chain(WORDS.split(' ')) {
            let words =
                format!("INSERT INTO article_words (article_id, word) SELECT id, '{word}' FROM articles");
            shop.db.read().execute_unprepared(&words).await.unwrap();
        }
        loop {
            let begun = Instant::now();
            let done = shop.db.migrate_steps::<Migrator>(Some(1)).await.unwrap();
            let [step] = done.as_slice() else { break };
            eprintln!("{:?} {step:<20} {:>7.1} s", shop.db.backend(), begun.elapsed().as_secs_f64());
        }
    }
}

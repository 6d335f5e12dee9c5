//! Which plan a page is read by, and what its statements are on each database.

use std::{cell::RefCell, rc::Rc};

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, sea_query::Alias};

use super::*;

/// Rows `n` from 1 to so many, with the key 10 n and the kind n mod 2, in SQLite.
async fn rows(count: u64) -> DatabaseConnection {
    let db = Database::connect("sqlite::memory:").await.unwrap();
    db.execute_unprepared("CREATE TABLE x (key BIGINT, id BIGINT PRIMARY KEY, kind BIGINT)").await.unwrap();
    let fill = format!(
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {count})
         INSERT INTO x SELECT 10 * n, n, n % 2 FROM n"
    );
    db.execute_unprepared(&fill).await.unwrap();
    db
}

fn order(backend: DatabaseBackend) -> Order {
    Order { backend, columns: &["key", "id"], descending: false }
}

/// The rows of these kinds: a seek for each.
fn seeks(kinds: &[i64]) -> Vec<SelectStatement> {
    let seek = |kind: &i64| {
        let mut seek = Query::select();
        seek.columns(["key", "id"]).from(Alias::new("x")).and_where(Expr::col("kind").eq(*kind));
        seek
    };
    kinds.iter().map(seek).collect()
}

/// The plans of a list of all rows, with a filter `id <= most` that may be selective.
fn plans(most: i64, few: Option<bool>) -> Plans {
    let order = order(DatabaseBackend::Sqlite);
    let selective = few.map(|few| {
        let mut top_n = Query::select();
        top_n.columns(["key", "id"]).from(Alias::new("x")).and_where(Expr::col("id").lte(most));
        order.sort(&mut top_n, 3);
        Selective { few, top_n }
    });
    let filter = Condition::all().add(Expr::col("id").lte(most));
    Plans { order, seeks: seeks(&[0, 1]), filter, selective }
}

/// A page of three rows: their ids, and the statements by which they were read.
async fn page(db: &DatabaseConnection, plans: &Plans) -> (Vec<i64>, Vec<String>) {
    let statements = Rc::new(RefCell::new(Vec::new()));
    let before = |row: &QueryResult| {
        let (key, id): (i64, i64) = (row.try_get("", "key")?, row.try_get("", "id")?);
        Ok(plans.order.before(["key", "id"].map(Expr::col), [key, id].map(Expr::val)))
    };
    let read = |statement: SelectStatement| {
        let statements = statements.clone();
        async move {
            statements.borrow_mut().push(statement.to_string(sea_orm::sea_query::SqliteQueryBuilder));
            let rows = db.query_all(&statement).await?;
            rows.iter().map(|row| row.try_get("", "id")).collect::<Result<Vec<i64>, DbErr>>()
        }
    };
    let ids = plans.page(db, 3, before, read).await.unwrap();
    (ids, statements.take())
}

/// The scan of both kinds as SQLite gets it, with what its filter is.
fn scan(filter: &str) -> String {
    let seek = |kind: i64| format!(r#"SELECT "key", "id" FROM "x" WHERE "kind" = {kind} AND {filter}"#);
    format!(r#"{} UNION ALL {} ORDER BY "key" ASC, "id" ASC LIMIT 3"#, seek(0), seek(1))
}

const TOP_N: &str = r#"SELECT "key", "id" FROM "x" WHERE "id" <= 5 ORDER BY "key" ASC, "id" ASC LIMIT 3"#;

#[tokio::test]
async fn without_a_selective_filter_a_page_is_one_ordered_scan() {
    let (ids, statements) = page(&rows(10).await, &plans(5, None)).await;
    assert_eq!((ids, statements), (vec![1, 2, 3], vec![scan(r#""id" <= 5"#)]));
}

#[tokio::test]
async fn what_fits_few_rows_is_sorted_without_a_look_ahead() {
    // Beyond the look-ahead, where one would be tried if it did not say that it fits few.
    let (ids, statements) = page(&rows(LOOK_AHEAD + 10).await, &plans(5, Some(true))).await;
    assert_eq!((ids, statements), (vec![1, 2, 3], vec![TOP_N.to_owned()]));
}

#[tokio::test]
async fn a_list_that_ends_within_the_look_ahead_is_scanned_to_its_end() {
    for count in [10, LOOK_AHEAD] {
        let (ids, statements) = page(&rows(count).await, &plans(5, Some(false))).await;
        assert_eq!((ids, statements), (vec![1, 2, 3], vec![scan(r#""id" <= 5"#)]), "{count}");
    }
    let (ids, statements) = page(&rows(10).await, &plans(2, Some(false))).await;
    assert_eq!((ids, statements.len()), (vec![1, 2], 1), "a page that is not full is the last");
}

#[tokio::test]
async fn a_longer_list_is_scanned_ahead_of_its_start_alone() {
    let (ids, statements) = page(&rows(LOOK_AHEAD + 1).await, &plans(5, Some(false))).await;
    let ahead = LOOK_AHEAD + 1;
    let bounded = format!(r#""id" <= 5 AND ("key", "id") < ({}, {ahead})"#, 10 * ahead);
    assert_eq!((ids, statements), (vec![1, 2, 3], vec![scan(&bounded)]));
}

#[tokio::test]
async fn what_stands_late_in_the_order_is_found_by_its_own_index() {
    // Descending, the five rows that fit are the last of the list.
    let mut plans = plans(5, Some(false));
    plans.order.descending = true;
    let (_, statements) = page(&rows(LOOK_AHEAD + 10).await, &plans).await;
    assert_eq!(statements.len(), 2, "{statements:#?}");
    assert_eq!(statements[1], TOP_N);
}

#[test]
fn only_sqlite_merges_seeks_that_are_not_ended() {
    let merged = |backend: DatabaseBackend| {
        let order = order(backend);
        backend.build(&order.merge(UnionType::All, seeks(&[0, 1]), 3, 2)).sql
    };
    let sqlite = merged(DatabaseBackend::Sqlite);
    assert_eq!(sqlite.matches("ORDER BY").count(), 1, "{sqlite}");
    for backend in [DatabaseBackend::Postgres, DatabaseBackend::MySql] {
        let sql = merged(backend);
        // Each part, and the whole.
        assert_eq!((sql.matches("ORDER BY").count(), sql.matches("LIMIT").count()), (3, 3), "{sql}");
    }
}

#[test]
fn a_row_after_another_stands_where_the_order_goes_on() {
    for (descending, after) in [(false, ">"), (true, "<")] {
        for backend in [DatabaseBackend::Sqlite, DatabaseBackend::Postgres, DatabaseBackend::MySql] {
            let order = Order { descending, ..order(backend) };
            let mut query = Query::select();
            let place = ["key", "id"].map(Expr::col);
            query.column("id").from(Alias::new("x")).cond_where(order.after(place, [7, 8].map(Expr::val)));
            let sql = query.to_string(sea_orm::sea_query::SqliteQueryBuilder);
            assert!(sql.contains(&format!(r#"("key", "id") {after} (7, 8)"#)), "{sql}");
            // MySQL alone needs the first column by itself to find a range.
            assert_eq!(
                sql.contains(&format!(r#""key" {after}= 7"#)),
                backend == DatabaseBackend::MySql,
                "{sql}"
            );
        }
    }
}

//! Reads in place: what they find is what the driver finds.

use sea_orm::{ConnectionTrait, DatabaseBackend};
use uuid::Uuid;

use super::*;
use crate::{Clock, Db, Role, db::Rows, testing::Database};

/// A table with a column of each kind, and a row; one of nothing where there may be nothing.
const TABLE: &str = "CREATE TABLE t (id uuid_text PRIMARY KEY, a boolean, b smallint, c integer, d bigint, \
    e varchar(9), f blob)";
const ID: Uuid = Uuid::from_u128(0x01890a5d_ac96_774b_bcce_b302099a8057);

async fn open() -> (Database, Db) {
    let database = Database::sqlite(Role::Article);
    let db = database.open(Clock::system()).await;
    db.0.writer.execute_unprepared(TABLE).await.unwrap();
    let full = [Value::from(true), 7_i16.into(), (-8_i32).into(), i64::MAX.into()];
    insert(&db, ID, full, Some("é")).await;
    let nothing = [None::<bool>.into(), None::<i16>.into(), None::<i32>.into(), None::<i64>.into()];
    insert(&db, Uuid::max(), nothing, None).await;
    (database, db)
}

async fn insert(db: &Db, id: Uuid, [a, b, c, d]: [Value; 4], text: Option<&str>) {
    let (e, f) = (text.map(str::to_owned), text.map(|text| text.as_bytes().to_vec()));
    let values = [id.into(), a, b, c, d, e.into(), f.into()];
    let insert = statement("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?)", values);
    db.0.writer.execute_raw(insert).await.unwrap();
}

fn statement(sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(DatabaseBackend::Sqlite, sql, values)
}

fn direct(db: &Db) -> &Direct {
    db.read().direct().unwrap()
}

type Everything =
    (Uuid, Option<bool>, Option<i16>, Option<i32>, Option<i64>, Option<String>, Option<Vec<u8>>);

fn everything(row: &Cells<'_>) -> Result<Everything, DbErr> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?))
}

#[tokio::test]
async fn every_kind_of_value_is_read_in_place_as_by_the_driver() {
    let (_database, db) = open().await;
    let all = || statement("SELECT * FROM t ORDER BY d DESC", []);
    let here = direct(&db).rows(&all(), &everything).unwrap();
    let there = db.read().connections().rows_of(all(), &everything).await.unwrap();
    assert_eq!(here, there);
    let text = || Some("é".to_owned());
    let full = (ID, Some(true), Some(7), Some(-8), Some(i64::MAX), text(), text().map(String::into_bytes));
    assert_eq!(here, [full, (Uuid::max(), None, None, None, None, None, None)]);
}

#[tokio::test]
async fn every_kind_of_parameter_is_bound_in_place_as_by_the_driver() {
    let (_database, db) = open().await;
    for (column, value) in [
        ("id", Value::from(ID)),
        ("a", true.into()),
        ("b", 7_i16.into()),
        ("c", (-8_i32).into()),
        ("d", i64::MAX.into()),
        ("e", "é".into()),
        ("f", "é".as_bytes().to_vec().into()),
    ] {
        let asked = statement(&format!("SELECT * FROM t WHERE {column} = ? LIMIT ?"), [value, 3_u64.into()]);
        assert_eq!(direct(&db).rows(&asked, &everything).unwrap().len(), 1, "{column}");
        assert_eq!(db.read().connections().rows_of(asked, &everything).await.unwrap().len(), 1, "{column}");
    }
    let none = statement("SELECT * FROM t WHERE e = ?", [None::<String>.into()]);
    assert_eq!(direct(&db).rows(&none, &everything).unwrap(), []);
}

#[tokio::test]
async fn a_read_in_place_sees_what_was_just_committed_and_nothing_else() {
    let (_database, db) = open().await;
    let count = || {
        let found = direct(&db).rows(&statement("SELECT COUNT(*) FROM t", []), &|row| row.get::<i64>(0));
        found.unwrap()[0]
    };
    for number in 0..50_u128 {
        assert_eq!(count(), 2 + number as i64);
        let tx = db.0.writer.begin_write().await.unwrap();
        let insert = "INSERT INTO t (id) VALUES (?)";
        tx.execute_raw(statement(insert, [Uuid::from_u128(number).into()])).await.unwrap();
        assert_eq!(count(), 2 + number as i64, "not committed yet");
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_long_read_and_one_that_fails_are_left_to_the_driver() {
    let (_database, db) = open().await;
    let long = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT COUNT(*) FROM n";
    let number = |row: &Cells<'_>| row.get::<i64>(0);
    assert_eq!(direct(&db).rows(&statement(long, []), &number), None);
    assert_eq!(db.read().rows_of(statement(long, []), &number).await.unwrap(), [300_000]);
    let wrong = || statement("SELECT * FROM nowhere", []);
    assert_eq!(direct(&db).rows(&wrong(), &number), None);
    assert!(matches!(db.read().rows_of(wrong(), &number).await, Err(DbErr::Query(_))));
    // After that it reads on.
    assert_eq!(direct(&db).rows(&statement("SELECT 5", []), &number), Some(vec![5]));
}

#[tokio::test]
async fn a_statement_is_prepared_once_whatever_its_parameters() {
    let (_database, db) = open().await;
    let reader = Reader::open(&direct(&db).path).unwrap();
    let mut prepared = reader.connection.prepare("SELECT * FROM t WHERE c = ? LIMIT ?").unwrap();
    for number in 0..5 {
        assert!(!prepared.exists([number, number + 1]).unwrap());
        prepared.clear_bindings();
    }
    assert_eq!(prepared.get_status(rusqlite::StatementStatus::RePrepare), 0);
    // The driver has the same SQLite, and does not tell.
    let built = "SELECT COUNT(*) FROM pragma_compile_options WHERE compile_options = 'ENABLE_QPSG'";
    let number = |row: &Cells<'_>| row.get::<i64>(0);
    assert_eq!(db.read().connections().rows_of(statement(built, []), &number).await.unwrap(), [1]);
}

#[tokio::test]
async fn nothing_is_written_in_place() {
    let (_database, db) = open().await;
    let write = statement("DELETE FROM t RETURNING d", []);
    assert_eq!(direct(&db).rows(&write, &|row| row.get::<Option<i64>>(0)), None);
    let all = statement("SELECT * FROM t", []);
    assert_eq!(direct(&db).rows(&all, &everything).unwrap().len(), 2);
}

#[tokio::test]
async fn a_cell_that_is_not_of_its_kind_is_told_by_the_driver() {
    let (_database, db) = open().await;
    for text in ["SELECT 'x'", "SELECT NULL", "SELECT 70000"] {
        let small = |row: &Cells<'_>| row.get::<i16>(0);
        assert_eq!(direct(&db).rows(&statement(text, []), &small), None, "{text}");
    }
}

#[tokio::test]
async fn when_a_database_is_closed_nothing_of_it_stays_open() {
    let (database, db) = open().await;
    let all = statement("SELECT * FROM t", []);
    assert!(direct(&db).rows(&all, &everything).is_some());
    db.close().await;
    assert!(direct(&db).rows(&all, &everything).is_none());
    // The last connection takes the log along.
    let file = database.url().strip_prefix("sqlite:").unwrap();
    assert!(!Path::new(&format!("{file}-wal")).exists());
}

#[tokio::test]
async fn a_connection_that_is_not_needed_is_closed_by_the_next_that_is_given_back() {
    let (_database, db) = open().await;
    let direct = direct(&db);
    let mut taken: Vec<_> = (0..MOST).map(|_| direct.take().unwrap()).collect();
    assert!(direct.take().is_none(), "there are no more");
    taken.drain(1..).for_each(|reader| direct.give_back(reader));
    assert_eq!(free_and_all(direct), (MOST - 1, MOST));
    let long_ago = Instant::now().checked_sub(2 * IDLE).unwrap();
    direct.state().free.iter_mut().take(2).for_each(|reader| reader.used = long_ago);
    taken.drain(..).for_each(|reader| direct.give_back(reader));
    assert_eq!(free_and_all(direct), (MOST - 2, MOST - 2));
    let all: Vec<_> = (0..MOST).map(|_| direct.take().unwrap()).collect();
    assert_eq!(all.len(), MOST, "and others are made when they are needed");
}

fn free_and_all(direct: &Direct) -> (usize, usize) {
    let state = direct.state();
    (state.free.len(), state.count)
}

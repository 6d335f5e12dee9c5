//! How long the migrations take that touch every user.

use std::time::Instant;

use kit::{
    Call, Clock, Role, Tx, Writer,
    id::{AddressId, Id, UserId},
    testing::Database,
};
use sea_orm::{
    ConnectionTrait, DatabaseBackend, DbErr,
    sea_query::{InsertStatement, Query},
};

use crate::{
    Migrator,
    error::Error,
    store::lists::{Filter, list},
};

fn rows_of(table: &'static str, columns: &[&'static str]) -> InsertStatement {
    Query::insert().into_table(table).columns(columns.iter().copied()).to_owned()
}

/// Some of the users of the schema before `m000005_words`, with an address each.
async fn insert_first(tx: &Tx, numbers: std::ops::Range<i64>) -> Result<(), DbErr> {
    let mut users = rows_of(
        "users",
        &[
            "id",
            "username",
            "username_folded",
            "email",
            "email_folded",
            "password_hash",
            "first_name",
            "first_name_folded",
            "last_name",
            "last_name_folded",
            "customer",
            "staff",
            "admin",
            "disabled",
            "token_version",
            "version",
            "create_time",
            "update_time",
        ],
    );
    let mut addresses = rows_of(
        "addresses",
        &[
            "id",
            "user_id",
            "recipient",
            "street_lines",
            "postal_code",
            "city",
            "region",
            "country_code",
            "phone",
            "version",
            "create_time",
            "update_time",
        ],
    );
    for number in numbers {
        let id = UserId::new();
        let (username, email) = (format!("user{number}"), format!("user{number}@example.com"));
        let (first, last) = (format!("철수{}", number % 500), format!("김{}", number % 997));
        users.values_panic([
            id.into(),
            username.as_str().into(),
            username.as_str().into(),
            email.as_str().into(),
            email.as_str().into(),
            "".into(),
            first.as_str().into(),
            first.as_str().into(),
            last.as_str().into(),
            last.as_str().into(),
            true.into(),
            false.into(),
            false.into(),
            false.into(),
            1.into(),
            1.into(),
            number.into(),
            number.into(),
        ]);
        addresses.values_panic([
            AddressId::new().into(),
            id.into(),
            "Maria Silva".into(),
            "Rua das Flores 1".into(),
            "4050-262".into(),
            "Porto".into(),
            "".into(),
            "PT".into(),
            "+351 912 345 678".into(),
            1.into(),
            number.into(),
            number.into(),
        ]);
    }
    for rows in [users, addresses] {
        tx.execute(&rows).await?;
    }
    Ok(())
}

/// `cargo test --workspace --lib -- --ignored --nocapture figures`: how long the steps take that touch every row, among
/// 100,000 users, on SQLite and on the servers that the test run has.
#[tokio::test]
#[ignore = "takes minutes; it shows figures and fails at none"]
async fn figures_of_migrations_of_many_users() {
    for database in Database::of_each_kind(Role::User).await {
        let db = Writer::<Error>::from(database.open(Clock::system()).await);
        db.migrate_before::<Migrator>("m000005_words").await.unwrap();
        let call = Call::of_service(Role::User, "fill");
        for first in (0..100_000).step_by(500) {
            let filled = db.transact(&call, first..first + 500, |tx, numbers| async move {
                Ok(insert_first(&tx, (*numbers).clone()).await?)
            });
            filled.await.unwrap();
        }
        loop {
            let begun = Instant::now();
            let done = db.migrate_steps::<Migrator>(Some(1)).await.unwrap();
            let [step] = done.as_slice() else { break };
            eprintln!("{:?} {step:<20} {:>7.1} s", db.backend(), begun.elapsed().as_secs_f64());
        }
        if db.backend() == DatabaseBackend::Postgres {
            // As autovacuum does within a minute of a load, where it runs.
            db.read().execute_unprepared("VACUUM ANALYZE").await.unwrap();
        }
        for query in SEARCHES {
            eprintln!("{:?} {query:<24} {:>8.2} ms", db.backend(), median(&db, query).await);
        }
    }
}

/// An exact e-mail, exact usernames, a rare word, a common one, all users' word, both names, a beginning, and nobody's word.
const SEARCHES: [&str; 9] = [
    "user77777@example.com",
    "user77777",
    " USER77777 ",
    "김77",
    "철수7",
    "example",
    "철수7 김77",
    "user777",
    "nobody",
];

/// How long the first page of a search takes, in milliseconds: the median of 31.
async fn median(db: &Writer<Error>, query: &str) -> f64 {
    let filter = Filter { query: query.to_owned(), ..Filter::default() };
    let mut times = Vec::new();
    for _ in 0..31 {
        let begun = Instant::now();
        let named = filter.named(db.read()).await.unwrap();
        let but = named.as_ref().map(|user| user.id);
        list(db.read(), &filter, but, None, 51).await.unwrap();
        times.push(begun.elapsed().as_secs_f64() * 1_000.0);
    }
    times.sort_by(f64::total_cmp);
    times[15]
}

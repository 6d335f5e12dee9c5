//! The store on a fresh database.

mod exports;
mod feed;
mod lists;
mod mails;
mod migrations;
mod purchases;
mod refunds;
mod returns;
mod saga;
mod scan;
mod search;
mod views;

use std::sync::Arc;

use kit::{
    Call, Clock, Role, Tx, Writer,
    id::{ArticleId, Id, LineId, OrderId, UserId},
    testing::Database,
};
use sea_orm::{ConnectionTrait, Value, sea_query::Query};

use crate::{
    Migrator,
    domain::{Event, Line, State},
    error::Error,
    store::{self, Record},
};

struct Shop {
    db: Writer<Error>,
    _database: Database,
}

impl Shop {
    /// On a SQLite file.
    async fn open() -> Self {
        let database = Database::sqlite(Role::Order);
        Self { db: database.migrated::<Migrator>(Clock::system()).await.into(), _database: database }
    }

    /// On a database of whichever kind the test run has, with the schema as it was before this migration.
    async fn before(migration: &str) -> Self {
        Self::before_on(Database::new(Role::Order).await, migration).await
    }

    async fn before_on(database: Database, migration: &str) -> Self {
        Self { db: database.before::<Migrator>(migration, Clock::system()).await.into(), _database: database }
    }

    async fn transact<I, V, F, Fut>(&self, input: I, work: F) -> V
    where
        I: Send + Sync + 'static,
        V: Send + 'static,
        F: Fn(Tx, Arc<I>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<V, Error>> + Send + 'static,
    {
        self.db.transact(&Call::of_service(Role::Order, "test"), input, work).await.unwrap()
    }

    /// An order that was placed in one call, and is as far as that.
    async fn order(&self, user: UserId, lines: Vec<Line>, state: State) -> OrderId {
        self.transact(lines, move |tx, lines| async move {
            let mut record = store::direct(&tx, user);
            record.lines.clone_from(&lines);
            record.order.place_time = Some(tx.now());
            if state == State::Paid {
                record.apply(Event::Reserve, "")?;
                record.apply(Event::Pay, "")?;
            } else {
                record.apply(Event::Reject, "")?;
            }
            Ok(record.save().await?.order.id)
        })
        .await
    }

    async fn cancel(&self, id: OrderId) {
        self.change(id, |record| record.apply(Event::Cancel, "").unwrap()).await;
    }

    async fn change(&self, id: OrderId, change: impl Fn(&mut Record) + Copy + Send + Sync + 'static) {
        self.transact((), move |tx, _| async move {
            let mut record = Record::lock(&tx, id, kit::Scope::All).await?;
            change(&mut record);
            record.save().await
        })
        .await;
    }
}

/// A row of a table as it was once.
type Row = Vec<(&'static str, Value)>;

/// Rows that have the same columns.
async fn insert(db: &impl ConnectionTrait, table: &'static str, rows: impl IntoIterator<Item = Row>) {
    let mut rows = rows.into_iter().peekable();
    let mut insert = Query::insert();
    insert.into_table(table).columns(rows.peek().unwrap().iter().map(|(column, _)| *column));
    for row in rows {
        insert.values_panic(row.into_iter().map(|(_, value)| value.into()));
    }
    db.execute(&insert).await.unwrap();
}

/// An order as it was before there were refunds and numbers, with some columns otherwise.
async fn insert_old(db: &impl ConnectionTrait, id: OrderId, other: Row) {
    insert(db, "orders", [old(id, other)]).await;
}

fn old(id: OrderId, other: Row) -> Row {
    let (text, zero) = (|| Value::from(""), || Value::from(0i64));
    let mut row: Vec<(&str, Value)> = vec![
        ("id", id.into()),
        ("user_id", UserId::new().into()),
        ("state", 5i16.into()),
        ("direct", true.into()),
        ("total_minor", zero()),
        ("user_erased", false.into()),
        ("payment_type", 1i32.into()),
        ("payment_method", text()),
        ("payment_failure", text()),
        ("payment_action_url", text()),
        ("carrier", text()),
        ("tracking_code", text()),
        ("attempt", 1i32.into()),
        ("step", 0i16.into()),
        ("lease_until", zero()),
        ("fence", zero()),
        ("events", 1i64.into()),
        ("version", 1i64.into()),
        ("create_time", zero()),
        ("update_time", zero()),
    ];
    row.retain(|(column, _)| other.iter().all(|(name, _)| name != column));
    row.extend(other);
    row
}

fn line(article_id: ArticleId, name: &str, quantity: i32) -> Line {
    Line {
        id: LineId::new(),
        article_id,
        code: name.to_owned(),
        name: name.to_owned(),
        quantity,
        unit_price: kit::Money::new(100, "EUR".parse().unwrap()),
        tax_rate_basis_points: 0,
        returned: 0,
    }
}

#[tokio::test]
async fn an_etag_changes_with_what_is_seen_and_with_nothing_else() {
    let shop = Shop::open().await;
    let id = shop.order(UserId::new(), vec![line(ArticleId::new(), "x", 1)], State::Paid).await;
    let version = async |change: fn(&mut Record)| {
        let changed = shop.transact((), move |tx, _| async move {
            let mut record = Record::lock(&tx, id, kit::Scope::All).await?;
            change(&mut record);
            Ok(record.save().await?.order)
        });
        let changed = changed.await;
        let stored = store::by_id(shop.db.read(), id, kit::Scope::All).await.unwrap();
        assert_eq!(changed, stored, "what is answered is what is stored");
        stored.version
    };
    let first = version(|_| {}).await;
    assert_eq!(version(|record| record.lease(kit::Time(5))).await, first);
    assert_eq!(version(|record| record.settle()).await, first);
    assert_eq!(version(|record| record.note("something")).await, first + 1);
    assert_eq!(version(|record| record.lines[0].quantity = 2).await, first + 2);
    assert_eq!(version(|record| record.order.tracking_code = "RR1".to_owned()).await, first + 3);
}

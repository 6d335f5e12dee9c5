//! The store on a fresh database.

mod exports;
mod lists;
mod purchases;
mod search;

use kit::{
    Call, Clock, Db, Role, Tx,
    db::DatabaseOptions,
    id::{ArticleId, Id, LineId, OrderId, UserId},
};

use crate::{
    Migrator,
    domain::{Event, Line, State},
    error::Error,
    store::{self, Record},
};

struct Shop {
    db: Db,
    _folder: tempfile::TempDir,
}

impl Shop {
    async fn open() -> Self {
        let shop = Self::without_tables().await;
        shop.db.migrate::<Migrator>().await.unwrap();
        shop
    }

    async fn without_tables() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("order.db").display());
        let db = Db::open(DatabaseOptions {
            role: Role::Order,
            url,
            max_connections: 4,
            clock: Clock::system(),
            fingerprint_key: [1; 32],
        })
        .await
        .unwrap();
        Self { db, _folder: folder }
    }

    async fn transact<V, F, Fut>(&self, work: F) -> V
    where
        V: Send + 'static,
        F: Fn(Tx) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<V, Error>> + Send + 'static,
    {
        kit::transact(&self.db, &Call::of_service(Role::Order, "test"), work).await.unwrap()
    }

    /// An order that was placed in one call, and is as far as that.
    async fn order(&self, user: UserId, lines: Vec<Line>, state: State) -> OrderId {
        self.transact(move |tx| {
            let lines = lines.clone();
            async move {
                let mut record = store::create_direct(&tx, user).await?;
                record.lines = lines;
                record.order.place_time = Some(tx.now());
                if state == State::Paid {
                    record.happen(Event::Reserve, "")?;
                    record.happen(Event::Pay, "")?;
                } else {
                    record.happen(Event::Reject, "")?;
                }
                Ok(record.save().await?.order.id)
            }
        })
        .await
    }

    async fn cancel(&self, id: OrderId) {
        self.change(id, |record| record.happen(Event::Cancel, "").unwrap()).await;
    }

    async fn change(&self, id: OrderId, change: impl Fn(&mut Record) + Copy + Send + Sync + 'static) {
        self.transact(move |tx| async move {
            let mut record = Record::lock(&tx, id, kit::Scope::All).await?;
            change(&mut record);
            record.save().await
        })
        .await;
    }
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
        let changed = shop.transact(move |tx| async move {
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
    assert_eq!(version(|record| record.rest()).await, first);
    assert_eq!(version(|record| record.tell("something")).await, first + 1);
    assert_eq!(version(|record| record.lines[0].quantity = 2).await, first + 2);
    assert_eq!(version(|record| record.order.tracking_code = "RR1".to_owned()).await, first + 3);
}

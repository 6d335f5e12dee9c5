//! The store on a fresh database.

mod exports;
mod purchases;

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
        db.migrate::<Migrator>().await.unwrap();
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
        self.transact(move |tx| async move {
            let mut record = Record::lock(&tx, id, kit::Scope::All).await?;
            record.happen(Event::Cancel, "")?;
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
    }
}

//! How a database's connections are used, for metrics.

use std::sync::{Arc, Weak};

use super::{Db, Inner, held::Use};
use crate::telemetry::metrics::Watched;

/// The pools of a database, by name. On a server reads and writes share one.
fn pools(db: &Weak<Inner>) -> Vec<(String, Use)> {
    let Some(db) = db.upgrade() else { return Vec::new() };
    let (writer, reader) = (db.writer.usage(), db.reader.usage());
    match db.backend {
        sea_orm::DatabaseBackend::Sqlite => {
            vec![(format!("{}.writer", db.role), writer), (format!("{}.reader", db.role), reader)]
        }
        _ => vec![(db.role.to_string(), writer)],
    }
}

impl Db {
    /// Has metrics say how its connections are used.
    pub fn observe(&self) {
        const POOL: &str = "db.client.connection.pool.name";
        let of = Arc::downgrade(&self.0);
        let about = "Connections to the database, by pool and whether they are in use";
        Watched { name: "db.client.connection.usage", unit: "{connection}", about }.by(move |see| {
            for (pool, used) in pools(&of) {
                see(used.idle as f64, &[(POOL, &pool), ("db.client.connection.state", "idle")]);
                see(used.used as f64, &[(POOL, &pool), ("db.client.connection.state", "used")]);
            }
        });
        let of = Arc::downgrade(&self.0);
        let about = "How many connections a pool may have";
        Watched { name: "db.client.connection.max", unit: "{connection}", about }.by(move |see| {
            for (pool, used) in pools(&of) {
                see(used.most as f64, &[(POOL, &pool)]);
            }
        });
        let of = Arc::downgrade(&self.0);
        let about = "Calls that wait for a connection, or for their turn to write, by pool";
        Watched { name: "db.client.connection.pending_requests", unit: "{request}", about }.by(move |see| {
            for (pool, used) in pools(&of) {
                see(used.waiting as f64, &[(POOL, &pool)]);
            }
        });
        let of = Arc::downgrade(&self.0);
        let about = "The position of the last event that is published, by service";
        Watched { name: "feira.feed.position", unit: "{event}", about }.by(move |see| {
            if let Some(db) = of.upgrade()
                && let Some(last) = db.feed.last()
            {
                see(last as f64, &[("service", db.role.name())]);
            }
        });
    }
}

//! What the article service tells the audit: whether stock adds up, and what orders hold of it.

use std::collections::HashMap;

use contracts::mesh::{OrderFigures, ReservationFacts, Units, Violation};
use kit::{
    Db, Fault,
    audit::{Books, Snapshot, Span, page_of},
    id::{ArticleId, OrderId},
};
use sea_orm::{ActiveEnum, ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::entities::{line, reservation};
use crate::domain::reservation::State;

/// The stock of every article. Movements whose reasons are 5 to 8 are reservations', which move units but bring
/// none, as do returns that name an order; reservations hold stock in state 1 and have sold it in state 2.
const STOCK: Books = Books {
    rows: "stock s JOIN articles a ON a.id = s.article_id \
        LEFT JOIN (SELECT article_id, COUNT(*) AS entries, MIN(sequence) AS lowest, MAX(sequence) AS highest, \
            SUM(free_change) AS free_moved, SUM(reserved_change) AS reserved_moved, \
            SUM(sold_change) AS sold_moved, \
            SUM(CASE WHEN reason IN (5, 6, 7, 8) THEN 0 \
                ELSE free_change + reserved_change + sold_change END) AS brought \
            FROM stock_movements GROUP BY article_id) m ON m.article_id = s.article_id \
        LEFT JOIN (SELECT l.article_id, SUM(CASE WHEN r.state = 1 THEN l.quantity ELSE 0 END) AS held, \
            SUM(CASE WHEN r.state = 2 THEN l.quantity - l.returned ELSE 0 END) AS committed_units \
            FROM reservations r \
            JOIN reservation_lines l ON l.order_id = r.order_id AND l.attempt = r.attempt \
            WHERE r.state IN (1, 2) GROUP BY l.article_id) o ON o.article_id = s.article_id",
    ids: &[("s.article_id", |id| ArticleId(id).to_string())],
    figures: &[
        ("free", "s.free"),
        ("reserved", "s.reserved"),
        ("sold", "s.sold"),
        ("received less written off", "COALESCE(m.brought, 0)"),
        ("moved to free", "COALESCE(m.free_moved, 0)"),
        ("moved to reserved", "COALESCE(m.reserved_moved, 0)"),
        ("moved to sold", "COALESCE(m.sold_moved, 0)"),
        ("movements counted", "s.movements"),
        ("movements there", "COALESCE(m.entries, 0)"),
        ("in live reservations", "COALESCE(o.held, 0)"),
        ("in sales", "COALESCE(o.committed_units, 0)"),
        ("listing status", "a.shelf"),
    ],
    equations: &[
        (
            "stock_total",
            "s.free + s.reserved + s.sold = COALESCE(m.brought, 0) AND s.free = COALESCE(m.free_moved, 0) \
             AND s.reserved = COALESCE(m.reserved_moved, 0) AND s.sold = COALESCE(m.sold_moved, 0)",
        ),
        ("stock_not_negative", "s.free >= 0 AND s.reserved >= 0 AND s.sold >= 0"),
        (
            "stock_movements",
            "s.movements = COALESCE(m.entries, 0) AND s.movements = COALESCE(m.highest, 0) \
             AND COALESCE(m.lowest, 1) = 1",
        ),
        ("stock_reserved", "s.reserved = COALESCE(o.held, 0)"),
        ("stock_sold", "s.sold = COALESCE(o.committed_units, 0)"),
        (
            "article_shelf",
            "a.shelf = CASE WHEN a.deleted_time IS NOT NULL THEN 0 \
             ELSE CASE WHEN a.active THEN 4 ELSE 1 END \
                + CASE WHEN s.free = 0 THEN 0 WHEN s.free <= a.low_stock_threshold THEN 1 ELSE 2 END END",
        ),
    ],
};

/// The article service under audit.
pub struct Audit {
    pub db: Db,
}

#[tonic::async_trait]
impl kit::audit::Audit for Audit {
    async fn check(&self) -> Result<(i64, Vec<Violation>), Fault> {
        let snapshot = Snapshot::of(&self.db).await?;
        Ok((snapshot.count("stock").await?, STOCK.violations(&snapshot).await?))
    }

    async fn page(&self, after: OrderId) -> Result<Option<OrderId>, Fault> {
        page_of::<reservation::Entity>(&self.db, reservation::Column::OrderId, with_stock(), after).await
    }

    async fn figures(&self, of: &Span) -> Result<Vec<OrderFigures>, Fault> {
        let reservations = reservation::Entity::find()
            .filter(of.of(reservation::Column::OrderId))
            .filter(with_stock())
            .order_by_asc(reservation::Column::OrderId)
            .order_by_asc(reservation::Column::Attempt)
            .all(self.db.read())
            .await?;
        let rows: Vec<(OrderId, i32, ArticleId, i64, i64)> = line::Entity::find()
            .filter(of.of(line::Column::OrderId))
            .select_only()
            .columns([line::Column::OrderId, line::Column::Attempt])
            .columns([line::Column::ArticleId, line::Column::Quantity, line::Column::Returned])
            .order_by_asc(line::Column::OrderId)
            .order_by_asc(line::Column::Attempt)
            .order_by_asc(line::Column::ArticleId)
            .into_tuple()
            .all(self.db.read())
            .await?;
        let mut lines: HashMap<(OrderId, i32), Vec<Units>> = HashMap::new();
        for (order_id, attempt, article_id, quantity, returned) in rows {
            let units = Units { article_id: article_id.to_string(), quantity, returned };
            lines.entry((order_id, attempt)).or_default().push(units);
        }
        let mut orders: Vec<(OrderId, OrderFigures)> = Vec::new();
        for row in reservations {
            let facts = ReservationFacts {
                attempt: row.attempt,
                version: row.version,
                state: row.state.to_value().into(),
                lines: lines.remove(&(row.order_id, row.attempt)).unwrap_or_default(),
            };
            match orders.last_mut() {
                Some((id, order)) if *id == row.order_id => order.reservations.push(facts),
                _ => {
                    let order_id = row.order_id.to_string();
                    let order = OrderFigures { order_id, reservations: vec![facts], ..Default::default() };
                    orders.push((row.order_id, order));
                }
            }
        }
        Ok(orders.into_iter().map(|(_, order)| order).collect())
    }
}

/// Reservations that hold stock or have sold it.
fn with_stock() -> Condition {
    Condition::all().add(reservation::Column::State.is_in([State::Held, State::Committed]))
}

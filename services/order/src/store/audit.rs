//! The order service's part of the audit: whether orders add up, and what they say of their stock and their
//! payments.

use std::collections::HashMap;

use contracts::{
    mesh::{OrderFacts, OrderFigures, Units, Violation},
    order::OrderState,
};
use kit::{
    Db, Fault, Time,
    audit::{Books, Snapshot, Span, page_of},
    id::{ArticleId, OrderId, PaymentId},
};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::{
    domain::{State, Step},
    store::{line, order, payment, reservation},
};

/// Every order, with its lines, its adjustments and its history.
const ORDERS: Books = Books {
    rows: "orders o \
        LEFT JOIN (SELECT order_id, SUM(quantity * unit_price_minor) AS minor, \
            MIN(currency) AS lowest, MAX(currency) AS highest \
            FROM order_lines GROUP BY order_id) l ON l.order_id = o.id \
        LEFT JOIN (SELECT order_id, SUM(amount_minor) AS minor, MIN(currency) AS lowest, MAX(currency) AS highest \
            FROM order_adjustments GROUP BY order_id) a ON a.order_id = o.id \
        LEFT JOIN (SELECT order_id, COUNT(*) AS entries, MIN(sequence) AS lowest, MAX(sequence) AS highest \
            FROM order_events GROUP BY order_id) h ON h.order_id = o.id \
        LEFT JOIN order_events e ON e.order_id = o.id AND e.sequence = o.events",
    ids: &[("o.id", |id| OrderId(id).to_string())],
    figures: &[
        ("state", "o.state"),
        ("currency", "o.currency"),
        ("total", "o.total_minor"),
        ("lines", "COALESCE(l.minor, 0)"),
        ("adjustments", "COALESCE(a.minor, 0)"),
        ("events counted", "o.events"),
        ("events there", "COALESCE(h.entries, 0)"),
        ("last event", "e.state"),
    ],
    equations: &[
        ("order_total", "o.total_minor = COALESCE(l.minor, 0) + COALESCE(a.minor, 0)"),
        (
            "order_currency",
            "(l.order_id IS NULL AND a.order_id IS NULL) OR (\
             COALESCE(l.lowest, o.currency) = o.currency AND COALESCE(l.highest, o.currency) = o.currency \
             AND COALESCE(a.lowest, o.currency) = o.currency AND COALESCE(a.highest, o.currency) = o.currency)",
        ),
        (
            "order_history",
            "o.events = COALESCE(h.entries, 0) AND o.events = COALESCE(h.highest, 0) AND h.lowest = 1 \
             AND e.state = o.state",
        ),
    ],
};

/// The order service under audit.
pub struct Audit {
    pub db: Db,
}

#[tonic::async_trait]
impl kit::audit::Audit for Audit {
    async fn check(&self) -> Result<(i64, Vec<Violation>), Fault> {
        let snapshot = Snapshot::of(&self.db).await?;
        Ok((snapshot.count("orders").await?, ORDERS.violations(&snapshot).await?))
    }

    async fn page(&self, after: OrderId) -> Result<Option<OrderId>, Fault> {
        page_of::<order::Entity>(&self.db, order::Column::Id, Condition::all(), after).await
    }

    async fn figures(&self, of: &Span) -> Result<Vec<OrderFigures>, Fault> {
        // The versions first: what is read after them belongs to them, if they are still the same later.
        let orders: Vec<Row> = order::Entity::find()
            .filter(of.of(order::Column::Id))
            .order_by_asc(order::Column::Id)
            .select_only()
            .columns([order::Column::Id, order::Column::Version, order::Column::State, order::Column::Step])
            .columns([order::Column::Attempt, order::Column::PaymentId])
            .columns([order::Column::TotalMinor, order::Column::RefundedMinor, order::Column::Currency])
            .into_tuple()
            .all(self.db.read())
            .await?;
        let mut lines = self.lines(of).await?;
        let mut marked = self.marked(of).await?;
        let seen = self.seen(of).await?;
        let figures =
            |(id, version, state, step, attempt, payment_id, total_minor, refunded_minor, currency): Row| {
                let facts = marked.remove(&id).unwrap_or_default();
                let heard_micros = payment_id.and_then(|id| seen.get(&id)).map_or(0, |time| time.0);
                let payment_id = payment_id.map(|id| id.to_string()).unwrap_or_default();
                let facts = OrderFacts {
                    version,
                    state: OrderState::from(state).into(),
                    under_way: step != Step::Idle,
                    attempt,
                    payment_id,
                    total_minor,
                    refunded_minor,
                    heard_micros,
                    currency: currency.unwrap_or_default(),
                    lines: lines.remove(&id).unwrap_or_default(),
                    ..facts
                };
                OrderFigures { order_id: id.to_string(), order: Some(facts), ..Default::default() }
            };
        Ok(orders.into_iter().map(figures).collect())
    }
}

type Row = (OrderId, i64, State, Step, i32, Option<PaymentId>, i64, i64, Option<String>);

impl Audit {
    async fn lines(&self, of: &Span) -> Result<HashMap<OrderId, Vec<Units>>, Fault> {
        let rows: Vec<(OrderId, ArticleId, i32, i32)> = line::Entity::find()
            .filter(of.of(line::Column::OrderId))
            .select_only()
            .columns([line::Column::OrderId, line::Column::ArticleId])
            .columns([line::Column::Quantity, line::Column::Returned])
            .order_by_asc(line::Column::OrderId)
            .order_by_asc(line::Column::ArticleId)
            .into_tuple()
            .all(self.db.read())
            .await?;
        let mut lines: HashMap<OrderId, Vec<Units>> = HashMap::new();
        for (order_id, article_id, quantity, returned) in rows {
            let units = Units {
                article_id: article_id.to_string(),
                quantity: quantity.into(),
                returned: returned.into(),
            };
            lines.entry(order_id).or_default().push(units);
        }
        Ok(lines)
    }

    /// When the payments that orders know of were updated last.
    async fn seen(&self, of: &Span) -> Result<HashMap<PaymentId, Time>, Fault> {
        let rows = payment::Entity::find()
            .filter(of.of(payment::Column::OrderId))
            .select_only()
            .columns([payment::Column::PaymentId, payment::Column::SeenTime]);
        Ok(rows.into_tuple::<(PaymentId, Time)>().all(self.db.read()).await?.into_iter().collect())
    }

    /// What is to be compensated, and what could not be.
    async fn marked(&self, of: &Span) -> Result<HashMap<OrderId, OrderFacts>, Fault> {
        let reservations = reservation::Entity::find()
            .filter(of.of(reservation::Column::OrderId))
            .filter(reservation::Column::ToCompensate.eq(true))
            .order_by_asc(reservation::Column::Attempt)
            .all(self.db.read())
            .await?;
        let payments = payment::Entity::find()
            .filter(of.of(payment::Column::OrderId))
            .filter(
                Condition::any()
                    .add(payment::Column::ToCompensate.eq(true))
                    .add(payment::Column::Flagged.eq(true)),
            )
            .order_by_asc(payment::Column::PaymentId)
            .all(self.db.read())
            .await?;
        let mut marked: HashMap<OrderId, OrderFacts> = HashMap::new();
        for row in reservations {
            marked.entry(row.order_id).or_default().undo_attempts.push(row.attempt);
        }
        for row in payments {
            let facts = marked.entry(row.order_id).or_default();
            let ids =
                if row.to_compensate { &mut facts.undo_payment_ids } else { &mut facts.flagged_payment_ids };
            ids.push(row.payment_id.to_string());
        }
        Ok(marked)
    }
}

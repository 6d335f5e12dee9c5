//! The payment service under audit: whether payments, refunds, disputes and ledger agree, and what was paid for orders.

use contracts::mesh::{OrderFigures, PaymentFacts, Violation};
use kit::{
    Db, Fault,
    audit::{Books, Snapshot, Span, page_of},
    id::{OrderId, PaymentId},
};
use sea_orm::{Condition, EntityTrait, QueryFilter, QueryOrder};

use super::entities::payment::{Column, Entity};

/// Every payment, with its refunds, its ledger entries and its history. States stand as the contract's numbers: of a
/// payment 1 PENDING, 2 PROCESSING, 3 AUTHORIZED, 4 CAPTURED, 5 PARTIALLY_REFUNDED, 6 REFUNDED, 9 UNKNOWN; of a refund
/// 1 PENDING, 2 SUCCEEDED.
const PAYMENTS: Books = Books {
    rows: "payments p \
        LEFT JOIN (SELECT payment_id, \
            SUM(CASE WHEN state = 2 THEN amount_minor ELSE 0 END) AS succeeded, \
            SUM(CASE WHEN state = 1 THEN amount_minor ELSE 0 END) AS pending \
            FROM refunds GROUP BY payment_id) r ON r.payment_id = p.id \
        LEFT JOIN (SELECT payment_id, SUM(CASE WHEN account = 'customer' THEN amount_minor ELSE 0 END) AS customer, \
            SUM(CASE WHEN account = 'disputed' THEN amount_minor ELSE 0 END) AS disputed, \
            MIN(CASE WHEN dispute_id IS NULL THEN currency END) AS lowest, \
            MAX(CASE WHEN dispute_id IS NULL THEN currency END) AS highest \
            FROM ledger_entries GROUP BY payment_id) l ON l.payment_id = p.id \
        LEFT JOIN (SELECT payment_id, SUM(CASE WHEN withdrawn THEN amount_minor ELSE 0 END) AS withdrawn \
            FROM disputes GROUP BY payment_id) d ON d.payment_id = p.id \
        LEFT JOIN (SELECT payment_id, COUNT(*) AS entries, MIN(sequence) AS lowest, MAX(sequence) AS highest \
            FROM payment_events GROUP BY payment_id) h ON h.payment_id = p.id \
        LEFT JOIN payment_events e ON e.payment_id = p.id AND e.sequence = p.last_sequence",
    ids: &[("p.id", |id| PaymentId(id).to_string())],
    figures: &[
        ("state", "p.state"),
        ("currency", "p.currency"),
        ("amount", "p.amount_minor"),
        ("authorised", "p.authorized_minor"),
        ("captured", "p.captured_minor"),
        ("voided", "p.voided_minor"),
        ("refunded", "p.refunded_minor"),
        ("to be refunded", "p.refund_pending_minor"),
        ("refunds succeeded", "COALESCE(r.succeeded, 0)"),
        ("refunds pending", "COALESCE(r.pending, 0)"),
        ("customer in the ledger", "COALESCE(l.customer, 0)"),
        ("disputed", "p.disputed_minor"),
        ("disputed in the ledger", "COALESCE(l.disputed, 0)"),
        ("withdrawn by disputes", "COALESCE(d.withdrawn, 0)"),
        ("events counted", "p.last_sequence"),
        ("events there", "COALESCE(h.entries, 0)"),
        ("last event", "e.state"),
    ],
    equations: &[
        // What is authorised is open only until it is captured, voided or declined.
        (
            "payment_balance",
            "p.captured_minor >= 0 AND p.voided_minor >= 0 AND p.authorized_minor <= p.amount_minor \
             AND p.captured_minor + p.voided_minor <= p.authorized_minor \
             AND (p.state IN (1, 2, 3, 9) \
                 OR p.captured_minor + p.voided_minor = p.authorized_minor) \
             AND (p.captured_minor = 0 OR p.state IN (4, 5, 6))",
        ),
        (
            "payment_refunds",
            "p.refunded_minor >= 0 AND p.refund_pending_minor >= 0 \
             AND p.refunded_minor + p.refund_pending_minor <= p.captured_minor \
             AND p.refunded_minor = COALESCE(r.succeeded, 0) AND p.refund_pending_minor = COALESCE(r.pending, 0) \
             AND CASE p.state WHEN 6 THEN p.refunded_minor = p.captured_minor \
                 WHEN 5 THEN p.refunded_minor > 0 AND p.refunded_minor < p.captured_minor \
                 ELSE p.refunded_minor = 0 END",
        ),
        (
            "payment_ledger",
            "COALESCE(l.customer, 0) = p.refunded_minor - p.captured_minor \
             AND COALESCE(l.lowest, p.currency) = p.currency AND COALESCE(l.highest, p.currency) = p.currency",
        ),
        (
            "payment_disputes",
            "p.disputed_minor >= 0 AND p.disputed_minor = COALESCE(l.disputed, 0) \
             AND p.disputed_minor = COALESCE(d.withdrawn, 0)",
        ),
        (
            "payment_history",
            "p.last_sequence = COALESCE(h.entries, 0) AND p.last_sequence = COALESCE(h.highest, 0) \
             AND h.lowest = 1 AND e.state = p.state",
        ),
    ],
};

/// Every transaction of the ledger. Its sum is that of one currency: a dispute's fee may have another than its
/// payment, and is never added to it.
const LEDGER: Books = Books {
    rows: "(SELECT transaction_id, payment_id, currency, SUM(amount_minor) AS rest, \
            SUM(CASE WHEN dispute_id IS NULL THEN 0 ELSE 1 END) AS fees FROM ledger_entries \
            GROUP BY transaction_id, payment_id, currency) t \
        LEFT JOIN payments p ON p.id = t.payment_id LEFT JOIN dispute_fees f ON f.id = t.transaction_id",
    ids: &[("t.payment_id", |id| PaymentId(id).to_string())],
    figures: &[("currency", "t.currency"), ("sums to", "t.rest"), ("payment's state", "p.state")],
    equations: &[
        ("ledger_balance", "t.rest = 0 AND p.id IS NOT NULL"),
        ("dispute_fees", "t.fees = 0 OR f.id IS NOT NULL"),
    ],
};

/// Every fee of a dispute, with its entry in the ledger.
const FEES: Books = Books {
    rows: "dispute_fees f LEFT JOIN disputes d ON d.id = f.dispute_id \
        LEFT JOIN ledger_entries e ON e.transaction_id = f.id AND e.account = 'dispute_fees'",
    ids: &[("f.payment_id", |id| PaymentId(id).to_string())],
    figures: &[
        ("fee", "f.amount_minor"),
        ("currency", "f.currency"),
        ("in the ledger", "e.amount_minor"),
        ("in the currency", "e.currency"),
    ],
    equations: &[(
        "dispute_fees",
        "d.payment_id = f.payment_id AND e.payment_id = f.payment_id AND e.dispute_id = f.dispute_id \
         AND e.amount_minor = f.amount_minor AND e.currency = f.currency",
    )],
};

/// The payment service under audit.
pub struct Audit {
    pub db: Db,
}

#[tonic::async_trait]
impl kit::audit::Audit for Audit {
    async fn check(&self) -> Result<(i64, Vec<Violation>), Fault> {
        let snapshot = Snapshot::of(&self.db).await?;
        let mut violations = PAYMENTS.violations(&snapshot).await?;
        violations.extend(LEDGER.violations(&snapshot).await?);
        violations.extend(FEES.violations(&snapshot).await?);
        Ok((snapshot.count("payments").await?, violations))
    }

    async fn page(&self, after: OrderId) -> Result<Option<OrderId>, Fault> {
        page_of::<Entity>(&self.db, Column::OrderId, Condition::all(), after).await
    }

    async fn figures(&self, of: &Span) -> Result<Vec<OrderFigures>, Fault> {
        let payments = Entity::find()
            .filter(of.of(Column::OrderId))
            .order_by_asc(Column::OrderId)
            .order_by_asc(Column::Id)
            .all(self.db.read())
            .await?;
        let mut orders: Vec<(OrderId, OrderFigures)> = Vec::new();
        for payment in payments {
            let facts = PaymentFacts {
                payment_id: payment.id.to_string(),
                version: payment.version,
                state: contracts::payment::PaymentState::from(payment.state).into(),
                currency: payment.currency,
                captured_minor: payment.captured_minor,
                refunded_minor: payment.refunded_minor,
                refund_pending_minor: payment.refund_pending_minor,
                update_micros: payment.update_time.0,
            };
            match orders.last_mut() {
                Some((id, order)) if *id == payment.order_id => order.payments.push(facts),
                _ => {
                    let order_id = payment.order_id.to_string();
                    let order = OrderFigures { order_id, payments: vec![facts], ..Default::default() };
                    orders.push((payment.order_id, order));
                }
            }
        }
        Ok(orders.into_iter().map(|(_, order)| order).collect())
    }
}

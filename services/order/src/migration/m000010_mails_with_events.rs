//! Mails are stored in the transactions of their events. Those of events that were only followed before, and had not been
//! followed yet, are stored here, each once; then nobody follows for mails any more.

use contracts::order::{OrderEvent, OrderState};
use kit::{
    Time,
    id::{OrderId, PaymentId},
    migration::Steps,
};
use prost::Message;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement};
use sea_orm_migration::prelude::*;

use crate::domain::{MailKind, MailState};

pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000015_mails_with_events"
    }
}

/// Events that are read at a time.
const EVENTS: u64 = 500;

/// What of a payment's refunds no mail says. Since `m000012_refunds`, a payment knows of refunds what mails said by then,
/// and what was followed later.
const REFUNDS: &str = "SELECT p.payment_id, p.order_id, p.refunded_minor, p.seen_time, \
     COALESCE(o.refunded_currency, o.currency) AS currency, \
     COALESCE((SELECT MAX(m.refunded_minor) FROM order_mails m WHERE m.payment_id = p.payment_id), 0) AS told \
     FROM order_payments p JOIN orders o ON o.id = p.order_id WHERE p.refunded_minor > 0";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        let db = manager.get_connection();
        let mut cursor = Query::select();
        cursor.column("position").from("feed_cursor").and_where(Expr::col("source").eq("order/mail"));
        // Without a position all was done, before a process died that did not come to say so.
        if let Some(cursor) = db.query_one(&cursor).await? {
            steps(db, cursor.try_get("", "position")?).await?;
            refunds(db).await?;
        }
        let mut cursors = Query::delete();
        cursors
            .from_table("feed_cursor")
            .and_where(Expr::col("source").is_in(["order/mail", "payment/mail"]));
        db.execute(&cursors).await?;
        Ok(())
    }
}

/// An event that followers get.
#[derive(FromQueryResult)]
struct Event {
    id: i64,
    position: Option<i64>,
    data: Vec<u8>,
}

/// Of events of orders, those behind what was followed and those that have no position yet.
async fn steps(db: &SchemaManagerConnection<'_>, followed: i64) -> Result<(), DbErr> {
    let of_orders = || {
        let mut query = Query::select();
        query.columns(["id", "position", "data"]).from("outbox").limit(EVENTS);
        query.and_where(Expr::col("kind").eq(<OrderEvent as prost::Name>::full_name()));
        query
    };
    let (mut numbered, mut last) = (true, followed);
    loop {
        let mut query = of_orders();
        if numbered {
            query.and_where(Expr::col("position").gt(last)).order_by("position", Order::Asc);
        } else {
            query.and_where(Expr::col("position").is_null());
            query.and_where(Expr::col("id").gt(last)).order_by("id", Order::Asc);
        }
        let events = Event::find_by_statement(db.get_database_backend().build(&query)).all(db).await?;
        match events.last() {
            Some(event) => last = event.position.unwrap_or(event.id),
            None if numbered => (numbered, last) = (false, 0),
            None => return Ok(()),
        }
        for event in events {
            step(db, &event.data).await?;
        }
    }
}

/// An event of an order asks for a mail, or does not: what it was before decides, too.
async fn step(db: &SchemaManagerConnection<'_>, event: &[u8]) -> Result<(), DbErr> {
    use OrderState::{AwaitingPayment, Cancelled, Expired, Shipped};
    let Ok(event) = OrderEvent::decode(event) else { return Ok(()) };
    let Ok(order) = event.order_id.parse::<OrderId>() else { return Ok(()) };
    if !matches!(event.state(), AwaitingPayment | Shipped | Cancelled | Expired) {
        return Ok(());
    }
    let mut history = Query::select();
    history.columns(["sequence", "state", "create_time"]).from("order_events");
    history.and_where(Expr::col("order_id").eq(order));
    history.and_where(Expr::col("sequence").between(event.sequence - 1, event.sequence));
    history.order_by("sequence", Order::Asc);
    let history = db.query_all(&history).await?;
    let [before, after] = history.as_slice() else { return Ok(()) };
    let (before, after_state) = (before.try_get("", "state")?, after.try_get("", "state")?);
    let Some(kind) = MailKind::of_step(before, after_state) else { return Ok(()) };
    let name = format!("{}.{order}.{}", kind.word(), event.sequence);
    let mail = Mail { kind, order, refund: None, happened: after.try_get("", "create_time")? };
    mail.store(db, name).await
}

/// What went back of a payment.
#[derive(FromQueryResult)]
struct Refund {
    payment_id: PaymentId,
    order_id: OrderId,
    refunded_minor: i64,
    seen_time: Time,
    currency: Option<String>,
    told: i64,
}

async fn refunds(db: &SchemaManagerConnection<'_>) -> Result<(), DbErr> {
    let untold = format!("SELECT * FROM ({REFUNDS}) AS refunds WHERE refunded_minor > told");
    let untold = Statement::from_string(db.get_database_backend(), untold);
    for refund in Refund::find_by_statement(untold).all(db).await? {
        let (kind, order) = (MailKind::Refunded, refund.order_id);
        let name = format!("{}.{}.{}", kind.word(), refund.payment_id, refund.refunded_minor);
        let happened = refund.seen_time;
        Mail { kind, order, refund: Some(refund), happened }.store(db, name).await?;
    }
    Ok(())
}

struct Mail {
    kind: MailKind,
    order: OrderId,
    refund: Option<Refund>,
    happened: Time,
}

impl Mail {
    /// Stores it unless it is there: the position was written late, and on MySQL a migration may run again.
    async fn store(self, db: &SchemaManagerConnection<'_>, name: String) -> Result<(), DbErr> {
        let mut known = Query::select();
        known.column("id").from("order_mails").and_where(Expr::col("id").eq(name.as_str()));
        if db.query_one(&known).await?.is_some() {
            return Ok(());
        }
        let refund = self.refund.as_ref();
        let mut insert = Query::insert();
        insert.into_table("order_mails");
        let row: [(&str, Expr); 14] = [
            ("id", name.into()),
            ("order_id", self.order.into()),
            ("kind", self.kind.into()),
            ("payment_id", refund.map(|refund| refund.payment_id).into()),
            ("refunded_minor", refund.map_or(0, |refund| refund.refunded_minor).into()),
            ("amount_minor", refund.map_or(0, |refund| refund.refunded_minor - refund.told).into()),
            ("currency", refund.and_then(|refund| refund.currency.clone()).into()),
            ("state", MailState::Waiting.into()),
            ("tries", 0i32.into()),
            ("next_try", self.happened.into()),
            ("claim", "".into()),
            ("problem", "".into()),
            ("create_time", self.happened.into()),
            ("update_time", self.happened.into()),
        ];
        insert.columns(row.iter().map(|(column, _)| *column));
        insert.values_panic(row.into_iter().map(|(_, value)| value));
        db.execute(&insert).await?;
        Ok(())
    }
}

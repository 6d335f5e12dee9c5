//! `order.mail.order`, `order.mail.payment`: stores a mail for each event of the feeds that a shopper is to hear of.
//!
//! The mail is stored in the transaction that moves the feed's position, and its key is the event's name: none is lost,
//! and none is there twice, whichever replica handles the event, and however often.

use std::{sync::Arc, time::Duration};

use contracts::{
    mesh::FeedEvent,
    order::{OrderEvent, OrderState},
    payment::{Payment, PaymentChanged},
};
use kit::{
    Context, Fault, Money, Role, Scope, Time, Tx, follow,
    id::{OrderId, PaymentId},
};
use tokio::{
    sync::{Mutex, Notify},
    time::Instant,
};

use crate::{
    domain::MailKind,
    error::Error,
    orders::Orders,
    store::{
        by_id, events_after,
        mails::{self, Row},
    },
};

/// How long a position may stay unwritten while events ask for no mail.
const KEEP_POSITION: Duration = Duration::from_secs(1);
/// How long a checkout gets to find its payment's outcome before the mail that it was placed is due.
const SETTLE: Duration = Duration::from_millis(500);

/// Starts following; `due` wakes the sender.
pub fn start(orders: &Orders, context: &Context, due: Arc<Notify>) {
    for role in [Role::Order, Role::Payment] {
        let (orders, due, tasks) = (orders.clone(), due.clone(), context.tasks.clone());
        let conn = context.mesh.conn(Role::Order, role);
        let source = format!("{role}/mail");
        context.tasks.keep(format!("order.mail.{role}"), async move {
            let written = Mutex::new(Instant::now());
            let start = || async { follow::position(&orders.db, &source).await.map_err(Fault::from) };
            let handle = |event: FeedEvent| async {
                let position = event.position;
                let wanted = match role {
                    Role::Payment => of_payment(&orders, event).await,
                    _ => of_order(&orders, event).await,
                };
                store_mail(&orders, &source, position, wanted?, &written, &due).await
            };
            follow::follow(tasks, conn, role, start, handle).await;
        });
    }
}

/// What an event asks for.
enum Wanted {
    Nothing,
    Mail(Box<Row>),
    /// A payment's refunds grew, to this.
    Refund(Box<Row>),
}

/// The mail that an order's event asks for: only for a step of the order's way, and only once it was placed.
fn mail_of(before: OrderState, after: OrderState) -> Option<MailKind> {
    use OrderState::{AwaitingPayment, Cancelled, CheckingOut, Expired, Paid, Shipped};
    match (before, after) {
        (CheckingOut, AwaitingPayment) => Some(MailKind::Placed),
        (Paid, Shipped) => Some(MailKind::Shipped),
        (AwaitingPayment | Paid, Cancelled) => Some(MailKind::Cancelled),
        (AwaitingPayment, Expired) => Some(MailKind::Expired),
        _ => None,
    }
}

async fn of_order(orders: &Orders, event: FeedEvent) -> Result<Wanted, Error> {
    use OrderState::{AwaitingPayment, Cancelled, Expired, Paid, Shipped};
    let Some(event) = follow::event::<OrderEvent>(&event) else { return Ok(Wanted::Nothing) };
    let Ok(id) = event.order_id.parse::<OrderId>() else { return Ok(Wanted::Nothing) };
    let after = event.state();
    if after == Paid {
        mails::hasten(&orders.db, id).await?;
    }
    if !matches!(after, AwaitingPayment | Shipped | Cancelled | Expired) || event.sequence < 2 {
        return Ok(Wanted::Nothing);
    }
    let before = events_after(orders.db.read(), id, event.sequence - 2).await?;
    let Some(before) = before.into_iter().find(|before| before.sequence == event.sequence - 1) else {
        return Ok(Wanted::Nothing);
    };
    let Some(kind) = mail_of(before.state.into(), after) else { return Ok(Wanted::Nothing) };
    let happened = event.create_time.map_or_else(|| orders.clock().now(), Time::from);
    let due = if kind == MailKind::Placed { happened + SETTLE } else { happened };
    let name = format!("{}.{id}.{}", kind.word(), event.sequence);
    Ok(Wanted::Mail(Box::new(mails::row(name, id, kind, happened, due))))
}

async fn of_payment(orders: &Orders, event: FeedEvent) -> Result<Wanted, Error> {
    let payment = follow::event::<PaymentChanged>(&event).and_then(|changed| changed.payment);
    let Some(payment) = payment.filter(|payment| payment.refunded.is_some()) else {
        return Ok(Wanted::Nothing);
    };
    let Some((id, order_id, refunded)) = refund_of(&payment) else { return Ok(Wanted::Nothing) };
    if refunded.minor <= 0 {
        return Ok(Wanted::Nothing);
    }
    match by_id(orders.db.read(), order_id, Scope::All).await {
        Ok(_) => {}
        Err(Error::NotFound(_)) => return Ok(Wanted::Nothing),
        Err(error) => return Err(error),
    }
    let happened = payment.update_time.map_or_else(|| orders.clock().now(), Time::from);
    let name = format!("refunded.{id}.{}", refunded.minor);
    Ok(Wanted::Refund(Box::new(Row {
        payment_id: Some(id),
        refunded_minor: refunded.minor,
        currency: Some(refunded.currency.to_string()),
        ..mails::row(name, order_id, MailKind::Refunded, happened, happened)
    })))
}

fn refund_of(payment: &Payment) -> Option<(PaymentId, OrderId, Money)> {
    let refunded = Money::read(payment.refunded.as_ref()?, "refunded").ok()?;
    Some((payment.id.parse().ok()?, payment.order_id.parse().ok()?, refunded))
}

/// Stores the mail that an event asks for, and how far the feed was followed.
async fn store_mail(
    orders: &Orders,
    source: &str,
    position: i64,
    wanted: Wanted,
    written: &Mutex<Instant>,
    due: &Notify,
) -> Result<(), Fault> {
    let mut written = written.lock().await;
    let is_mail = !matches!(wanted, Wanted::Nothing);
    if !is_mail && written.elapsed() < KEEP_POSITION {
        return Ok(());
    }
    *written = Instant::now();
    let own = mails::own();
    let stored = orders.db.transact(&own, (wanted, source.to_owned()), move |tx, input| async move {
        let (wanted, source) = &*input;
        // Before the mail is looked for: the position's row stays locked, so that two replicas do not both take one
        // refund for what was not said yet.
        follow::advance(&tx, source, position).await?;
        match wanted {
            Wanted::Nothing => {}
            Wanted::Mail(row) => mails::add(&tx, (**row).clone()).await?,
            Wanted::Refund(row) => add_refund(&tx, row).await?,
        }
        Ok(())
    });
    stored.await?;
    if is_mail {
        due.notify_one();
    }
    Ok(())
}

/// A payment says how much of it went back in all; what is more than mails have said is this refund.
async fn add_refund(tx: &Tx, row: &Row) -> Result<(), Error> {
    let before =
        mails::refunds_told(tx, row.payment_id.ok_or_else(|| Fault::internal("no payment"))?).await?;
    if before >= row.refunded_minor {
        return Ok(());
    }
    mails::add(tx, Row { amount_minor: row.refunded_minor - before, ..row.clone() }).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_mails_of_steps_on_the_way_of_placed_orders_only() {
        use OrderState::*;
        let all = [Open, CheckingOut, AwaitingPayment, Paid, Shipped, Delivered, Cancelled, Expired];
        let mut found = Vec::new();
        for before in all {
            for after in all {
                if let Some(kind) = mail_of(before, after) {
                    found.push((before, after, kind));
                }
            }
        }
        assert_eq!(
            found,
            [
                (CheckingOut, AwaitingPayment, MailKind::Placed),
                (AwaitingPayment, Cancelled, MailKind::Cancelled),
                (AwaitingPayment, Expired, MailKind::Expired),
                (Paid, Shipped, MailKind::Shipped),
                (Paid, Cancelled, MailKind::Cancelled),
            ]
        );
    }
}

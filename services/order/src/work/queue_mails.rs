//! What happens to orders and payments, heard from the feeds, and what of it shoppers are told.

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
    checkout::Saga,
    error::Error,
    store::{
        by_id, events_after,
        mails::{self as store, Kind, Row},
    },
};

/// How long a position may stay unwritten while nothing that was heard is told.
const KEEP_POSITION: Duration = Duration::from_secs(1);
/// How long a checkout gets to find its payment's outcome before its shopper is told.
const SETTLE: Duration = Duration::from_millis(500);

/// Starts following; `news` wakes the sender.
pub fn follow(saga: &Saga, context: &Context, news: &Arc<Notify>) {
    for role in [Role::Order, Role::Payment] {
        let (saga, news, tasks) = (saga.clone(), news.clone(), context.tasks.clone());
        let conn = context.mesh.conn(Role::Order, role);
        let source = format!("{role}/mail");
        context.tasks.keep(format!("order.mail.{role}"), async move {
            let written = Mutex::new(Instant::now());
            let start = || async { follow::position(&saga.db, &source).await.map_err(Fault::from) };
            let handle = |event: FeedEvent| async {
                let position = event.position;
                let heard = match role {
                    Role::Payment => of_payment(&saga, event).await,
                    _ => of_order(&saga, event).await,
                };
                note(&saga, &source, position, heard?, &written, &news).await
            };
            follow::follow(tasks, conn, role, start, handle).await;
        });
    }
}

/// What an event asks for.
enum News {
    Nothing,
    Mail(Box<Row>),
    /// A payment's refunds grew, to this.
    Refund(Box<Row>),
}

/// What an order's event tells its shopper: only a step of the order's way, and only once it was placed.
fn told(before: OrderState, after: OrderState) -> Option<Kind> {
    use OrderState::{AwaitingPayment, Cancelled, CheckingOut, Expired, Paid, Shipped};
    match (before, after) {
        (CheckingOut, AwaitingPayment) => Some(Kind::Placed),
        (Paid, Shipped) => Some(Kind::Shipped),
        (AwaitingPayment | Paid, Cancelled) => Some(Kind::Cancelled),
        (AwaitingPayment, Expired) => Some(Kind::Expired),
        _ => None,
    }
}

async fn of_order(saga: &Saga, event: FeedEvent) -> Result<News, Error> {
    use OrderState::{AwaitingPayment, Cancelled, Expired, Paid, Shipped};
    let Some(event) = follow::event::<OrderEvent>(&event) else { return Ok(News::Nothing) };
    let Ok(id) = event.order_id.parse::<OrderId>() else { return Ok(News::Nothing) };
    let after = event.state();
    if after == Paid {
        store::hasten(&saga.db, id).await?;
    }
    if !matches!(after, AwaitingPayment | Shipped | Cancelled | Expired) || event.sequence < 2 {
        return Ok(News::Nothing);
    }
    let before = events_after(saga.db.read(), id, event.sequence - 2).await?;
    let Some(before) = before.into_iter().find(|before| before.sequence == event.sequence - 1) else {
        return Ok(News::Nothing);
    };
    let Some(kind) = told(before.state.into(), after) else { return Ok(News::Nothing) };
    let happened = event.create_time.map_or_else(|| saga.clock().now(), Time::from);
    let due = if kind == Kind::Placed { happened + SETTLE } else { happened };
    let name = format!("{}.{id}.{}", kind.word(), event.sequence);
    Ok(News::Mail(Box::new(store::row(name, id, kind, happened, due))))
}

async fn of_payment(saga: &Saga, event: FeedEvent) -> Result<News, Error> {
    let payment = follow::event::<PaymentChanged>(&event).and_then(|changed| changed.payment);
    let Some(payment) = payment.filter(|payment| payment.refunded.is_some()) else {
        return Ok(News::Nothing);
    };
    let Some((id, order_id, refunded)) = refund_of(&payment) else { return Ok(News::Nothing) };
    if refunded.minor <= 0 {
        return Ok(News::Nothing);
    }
    match by_id(saga.db.read(), order_id, Scope::All).await {
        Ok(_) => {}
        Err(Error::NotFound(_)) => return Ok(News::Nothing),
        Err(error) => return Err(error),
    }
    let happened = payment.update_time.map_or_else(|| saga.clock().now(), Time::from);
    let name = format!("refunded.{id}.{}", refunded.minor);
    Ok(News::Refund(Box::new(Row {
        payment_id: Some(id),
        refunded_minor: refunded.minor,
        currency: Some(refunded.currency.to_string()),
        ..store::row(name, order_id, Kind::Refunded, happened, happened)
    })))
}

fn refund_of(payment: &Payment) -> Option<(PaymentId, OrderId, Money)> {
    let refunded = Money::read(payment.refunded.as_ref()?, "refunded").ok()?;
    Some((payment.id.parse().ok()?, payment.order_id.parse().ok()?, refunded))
}

/// Writes down what was heard, and how far.
async fn note(
    saga: &Saga,
    source: &str,
    position: i64,
    heard: News,
    written: &Mutex<Instant>,
    wake: &Notify,
) -> Result<(), Fault> {
    let mut written = written.lock().await;
    if matches!(heard, News::Nothing) && written.elapsed() < KEEP_POSITION {
        return Ok(());
    }
    *written = Instant::now();
    let tell = !matches!(heard, News::Nothing);
    let (heard, source) = (Arc::new(heard), source.to_owned());
    kit::transact::<_, Error, _, _>(&saga.db, &store::own(), move |tx| {
        let (heard, source) = (heard.clone(), source.clone());
        async move {
            match &*heard {
                News::Nothing => {}
                News::Mail(row) => store::add(&tx, (**row).clone()).await?,
                News::Refund(row) => add_refund(&tx, row).await?,
            }
            follow::advance(&tx, &source, position).await?;
            Ok(())
        }
    })
    .await?;
    if tell {
        wake.notify_one();
    }
    Ok(())
}

/// A payment says how much of it went back in all; what is more than was told is this refund.
async fn add_refund(tx: &Tx, row: &Row) -> Result<(), Error> {
    let before =
        store::refunds_told(tx, row.payment_id.ok_or_else(|| Fault::internal("no payment"))?).await?;
    if before >= row.refunded_minor {
        return Ok(());
    }
    store::add(tx, Row { amount_minor: row.refunded_minor - before, ..row.clone() }).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shoppers_hear_of_steps_on_the_way_of_placed_orders_only() {
        use OrderState::*;
        let all = [Open, CheckingOut, AwaitingPayment, Paid, Shipped, Delivered, Cancelled, Expired];
        let mut heard = Vec::new();
        for before in all {
            for after in all {
                if let Some(kind) = told(before, after) {
                    heard.push((before, after, kind));
                }
            }
        }
        assert_eq!(
            heard,
            [
                (CheckingOut, AwaitingPayment, Kind::Placed),
                (AwaitingPayment, Cancelled, Kind::Cancelled),
                (AwaitingPayment, Expired, Kind::Expired),
                (Paid, Shipped, Kind::Shipped),
                (Paid, Cancelled, Kind::Cancelled),
            ]
        );
    }
}

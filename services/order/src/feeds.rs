//! What the order service follows: payments that change, and users that are erased.

use std::time::Duration;

use contracts::{
    mesh::FeedEvent,
    payment::{Payment, PaymentChanged, PaymentState},
    user::UserErased,
};
use kit::{
    Call, Context, Fault, Role, Scope, Time, Tx, follow,
    id::{OrderId, PaymentId, UserId},
};

use tokio::{sync::Mutex, time::Instant};

use crate::{
    domain::{Event, State, Step, saga::is_live},
    error::Error,
    saga::{LEASE, Saga, Settle, rest, take_news},
    store::{self, Record, View},
};

/// How long a position may stay unwritten while nothing that was heard changes anything.
const KEEP_POSITION: Duration = Duration::from_secs(1);

/// Starts following.
pub fn start(saga: &Saga, context: &Context) {
    for role in [Role::Payment, Role::User] {
        let (saga, tasks) = (saga.clone(), context.tasks.clone());
        let conn = context.mesh.conn(Role::Order, role);
        context.tasks.spawn(async move {
            let written = Mutex::new(Instant::now());
            let start = || async { follow::position(&saga.db, role.name()).await.map_err(Fault::from) };
            let handle = |event: FeedEvent| async {
                let done = match role {
                    Role::Payment => payment_event(&saga, event, &written).await,
                    _ => user_event(&saga, event).await,
                };
                done.map_err(Fault::from)
            };
            follow::follow(tasks, conn, role, start, handle).await;
        });
    }
}

fn own() -> Call {
    Call::of_service(Role::Order, "feed")
}

/// A payment changed: the order that awaits it goes on; where no order awaits it (any more), it is undone.
async fn payment_event(saga: &Saga, event: FeedEvent, written: &Mutex<Instant>) -> Result<(), Error> {
    let position = event.position;
    let payment = follow::event::<PaymentChanged>(&event).and_then(|changed| changed.payment);
    if is_no_news(saga, payment.as_ref()).await? {
        // Heard again after a restart, it would be no news either: its position can wait.
        let mut written = written.lock().await;
        if written.elapsed() < KEEP_POSITION {
            return Ok(());
        }
        *written = Instant::now();
    }
    let moved = kit::transact::<_, Error, _, _>(&saga.db, &own(), move |tx| {
        let payment = payment.clone();
        async move {
            follow::advance(&tx, Role::Payment.name(), position).await?;
            match payment {
                Some(payment) => apply(&tx, &payment).await,
                None => Ok(Moved::Nothing),
            }
        }
    })
    .await?;
    match moved {
        Moved::Nothing => {}
        Moved::Order(view) => {
            let id = view.order.id;
            saga.watch.changed(id, view.order.events);
            if view.order.step != Step::Idle {
                let saga = saga.clone();
                saga.tasks.clone().spawn(async move {
                    if let Err(error) = saga.drive(&own(), *view).await {
                        tracing::debug!(order = %id, %error, "a checkout is interrupted");
                    }
                });
            }
        }
        Moved::Undo(id) => {
            let saga = saga.clone();
            saga.tasks.clone().spawn(async move { saga.undo(&own(), id).await });
        }
    }
    Ok(())
}

/// Whether an event changes nothing: the order's own checkout is at it (and looks again before it rests), or
/// the order is paid by it. This is how nearly all payments go, so it is found out without a transaction.
async fn is_no_news(saga: &Saga, payment: Option<&Payment>) -> Result<bool, Error> {
    let ids = payment.map(|payment| (payment.order_id.parse::<OrderId>(), payment.id.parse::<PaymentId>()));
    let Some((Ok(order_id), Ok(payment_id))) = ids else { return Ok(true) };
    let order = match store::by_id(saga.db.read(), order_id, Scope::All).await {
        Ok(order) => order,
        Err(Error::NotFound(_)) => return Ok(true),
        Err(error) => return Err(error),
    };
    let current = order.payment_id == Some(payment_id);
    Ok(match order.state {
        State::AwaitingPayment => current && order.step != Step::Idle,
        State::Paid | State::Shipped | State::Delivered => current,
        _ => false,
    })
}

/// What an event changed.
enum Moved {
    Nothing,
    /// The order; unless it is at rest, its checkout is to be driven on.
    Order(Box<View>),
    Undo(OrderId),
}

async fn apply(tx: &Tx, payment: &Payment) -> Result<Moved, Error> {
    let id: PaymentId = payment.id.parse().map_err(Fault::internal)?;
    let order_id: OrderId = payment.order_id.parse().map_err(Fault::internal)?;
    let mut record = match Record::lock(tx, order_id, Scope::All).await {
        Ok(record) => record,
        Err(Error::NotFound(_)) => return Ok(Moved::Nothing),
        Err(error) => return Err(error),
    };
    let seen = payment.update_time.map_or(Time(0), Time::from);
    let Some(known) = store::note_payment(tx, id, payment.state(), seen).await? else {
        return Ok(Moved::Nothing);
    };
    if known.seen_time > seen {
        return Ok(Moved::Nothing);
    }
    if known.undo {
        return Ok(Moved::Undo(order_id));
    }
    let current = record.order.payment_id == Some(id);
    match record.order.state {
        // Its own checkout is at it and will find what was just noted.
        State::AwaitingPayment if current && record.order.step != Step::Idle => Ok(Moved::Nothing),
        State::AwaitingPayment if current => {
            record.lease(tx.now() + LEASE);
            Ok(Moved::Order(Box::new(take_news(tx, record, payment).await?)))
        }
        State::Paid | State::Shipped | State::Delivered if current => Ok(Moved::Nothing),
        _ if is_live(payment.state()) => {
            if matches!(payment.state(), PaymentState::Captured | PaymentState::PartiallyRefunded) {
                record.tell(&match known.state == PaymentState::Refunded as i16 {
                    true => format!("what was refunded of payment {id} came back"),
                    false => {
                        format!("payment {id} was captured for an order that does not wait for it: refunded")
                    }
                });
                record.save().await?;
            }
            store::undo_payment(tx, id).await?;
            Ok(Moved::Undo(order_id))
        }
        _ => Ok(Moved::Nothing),
    }
}

/// A user was erased: what she has not paid for is cancelled, addresses go as soon as they are not needed.
async fn user_event(saga: &Saga, event: FeedEvent) -> Result<(), Error> {
    let position = event.position;
    let user = follow::event::<UserErased>(&event).and_then(|erased| erased.user_id.parse::<UserId>().ok());
    let cancelled = kit::transact::<_, Error, _, _>(&saga.db, &own(), move |tx| async move {
        follow::advance(&tx, Role::User.name(), position).await?;
        match user {
            Some(user) => erase(&tx, user).await,
            None => Ok(Vec::new()),
        }
    })
    .await?;
    for (id, events) in cancelled {
        saga.watch.changed(id, events);
        let saga = saga.clone();
        saga.tasks.clone().spawn(async move { saga.undo(&own(), id).await });
    }
    Ok(())
}

async fn erase(tx: &Tx, user: UserId) -> Result<Vec<(OrderId, i64)>, Error> {
    let mut cancelled = Vec::new();
    tx.forget_answers(user).await?;
    for id in store::of_user(&**tx, user).await? {
        let mut record = Record::lock(tx, id, Scope::All).await?;
        record.order.user_erased = true;
        match record.order.state {
            State::Open | State::CheckingOut | State::AwaitingPayment => {
                record.happen(Event::Cancel, "customer erased")?;
                record.lease(tx.now());
                store::undo_all(tx, id).await?;
                let view = rest(tx, record, Settle::Answer).await?;
                cancelled.push((id, view.order.events));
            }
            state => {
                if state.is_final() {
                    record.order.address = None;
                }
                record.save().await?;
            }
        }
    }
    Ok(cancelled)
}

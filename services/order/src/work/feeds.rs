//! What the order service follows: payments that change, units that come back, and users that are erased.

use std::time::Duration;

use contracts::{
    article::StockReturned,
    mesh::FeedEvent,
    payment::{Payment, PaymentChanged, PaymentState},
    user::UserErased,
};
use kit::{
    Call, Context, Fault, Role, Scope, Tx, follow,
    id::{ArticleId, OrderId, PaymentId, UserId},
};

use tokio::{sync::Mutex, time::Instant};

use crate::{
    checkout::{LEASE, Saga, Settle, rest, take_news},
    domain::{Event, GivenBack, State, Step, notes, saga::is_live},
    error::Error,
    store::{self, Record, View, order},
};

/// How long a position may stay unwritten while nothing that was heard changes anything.
const KEEP_POSITION: Duration = Duration::from_secs(1);

/// Starts following.
pub fn start(saga: &Saga, context: &Context) {
    for role in [Role::Payment, Role::Article, Role::User] {
        let (saga, tasks) = (saga.clone(), context.tasks.clone());
        let conn = context.mesh.conn(Role::Order, role);
        context.tasks.keep(format!("order.feed.{role}"), async move {
            let written = Mutex::new(Instant::now());
            let start = || async { follow::position(&saga.db, role.name()).await.map_err(Fault::from) };
            let handle = |event: FeedEvent| async {
                let done = match role {
                    Role::Payment => payment_event(&saga, event, &written).await,
                    Role::Article => article_event(&saga, event).await,
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
    let (told, moved) = kit::transact::<_, Error, _, _>(&saga.db, &own(), move |tx| {
        let payment = payment.clone();
        async move {
            follow::advance(&tx, Role::Payment.name(), position).await?;
            match payment {
                Some(payment) => apply(&tx, &payment).await,
                None => Ok((None, Moved::Nothing)),
            }
        }
    })
    .await?;
    if let Some((id, events)) = told {
        saga.watch.changed(id, events);
    }
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
        State::Paid | State::Shipped | State::Delivered => {
            current && payment.is_some_and(|payment| says_the_same(&order, payment))
        }
        _ => false,
    })
}

/// Whether an order has heard what was given back of its payment, or is about to be.
fn says_the_same(order: &order::Model, payment: &Payment) -> bool {
    let heard = (order.refunded_minor, order.refunds, order.refunding);
    GivenBack::of(payment).is_ok_and(|said| (said.minor, said.refunds, said.refunding) == heard)
}

/// What an event changed.
enum Moved {
    Nothing,
    /// The order; unless it is at rest, its checkout is to be driven on.
    Order(Box<View>),
    Undo(OrderId),
}

/// An order whose history grew, and how many events it has.
type Told = Option<(OrderId, i64)>;

async fn apply(tx: &Tx, payment: &Payment) -> Result<(Told, Moved), Error> {
    let id: PaymentId = payment.id.parse().map_err(Fault::internal)?;
    let order_id: OrderId = payment.order_id.parse().map_err(Fault::internal)?;
    let mut record = match Record::lock(tx, order_id, Scope::All).await {
        Ok(record) => record,
        Err(Error::NotFound(_)) => return Ok((None, Moved::Nothing)),
        Err(error) => return Err(error),
    };
    let current = record.order.payment_id == Some(id);
    if current && record.order.state == State::AwaitingPayment && record.order.step == Step::Idle {
        record.lease(tx.now() + LEASE);
        return match take_news(tx, record, payment).await {
            Ok(view) => Ok((None, Moved::Order(Box::new(view)))),
            Err(Error::OldNews) => Ok((None, Moved::Nothing)),
            Err(error) => Err(error),
        };
    }
    let known = match record.hear(payment).await {
        Ok(Some(known)) => known,
        Ok(None) | Err(Error::OldNews) => return Ok((None, Moved::Nothing)),
        Err(error) => return Err(error),
    };
    let moved =
        if known.undo { Moved::Undo(order_id) } else { weigh(tx, &mut record, payment, &known).await? };
    if !record.has_news() {
        return Ok((None, moved));
    }
    let view = record.save().await?;
    Ok((Some((order_id, view.order.events)), moved))
}

/// What follows from news of a payment that its order does not wait for, or whose checkout is at it.
async fn weigh(
    tx: &Tx,
    record: &mut Record,
    payment: &Payment,
    known: &store::payment::Model,
) -> Result<Moved, Error> {
    let (id, order_id) = (known.payment_id, known.order_id);
    let current = record.order.payment_id == Some(id);
    match record.order.state {
        // Its own checkout is at it and will find what was just noted.
        State::AwaitingPayment if current => Ok(Moved::Nothing),
        State::Paid | State::Shipped | State::Delivered if current => Ok(Moved::Nothing),
        _ if is_live(payment.state()) => {
            if matches!(payment.state(), PaymentState::Captured | PaymentState::PartiallyRefunded) {
                record.tell(match known.state == PaymentState::Refunded as i16 {
                    true => notes::REFUND_AGAIN,
                    false => notes::NOT_WAITED_FOR,
                });
            }
            store::undo_payment(tx, id).await?;
            Ok(Moved::Undo(order_id))
        }
        _ => Ok(Moved::Nothing),
    }
}

/// Units of an order came back to stock.
async fn article_event(saga: &Saga, event: FeedEvent) -> Result<(), Error> {
    let position = event.position;
    let Some(returned) = follow::event::<StockReturned>(&event) else { return Ok(()) };
    let told = kit::transact::<_, Error, _, _>(&saga.db, &own(), move |tx| {
        let returned = returned.clone();
        async move {
            // So many more than before: what another replica has counted is not counted again.
            if !follow::advance(&tx, Role::Article.name(), position).await? {
                return Ok(None);
            }
            take_back(&tx, &returned).await
        }
    })
    .await?;
    if let Some((id, events)) = told {
        saga.watch.changed(id, events);
    }
    Ok(())
}

async fn take_back(tx: &Tx, returned: &StockReturned) -> Result<Told, Error> {
    let order_id: OrderId = returned.order_id.parse().map_err(Fault::internal)?;
    let article_id: ArticleId = returned.article_id.parse().map_err(Fault::internal)?;
    let mut record = match Record::lock(tx, order_id, Scope::All).await {
        Ok(record) => record,
        Err(Error::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some(line) = record.lines.iter_mut().find(|line| line.article_id == article_id) else {
        return Ok(None);
    };
    // The article service has counted them: they are never more than were sold.
    let units = i32::try_from(returned.quantity).map_err(Fault::internal)?;
    line.returned = (line.returned + units).min(line.quantity);
    let note = format!("We have {units} × {} back.", line.name);
    record.tell(&note);
    let view = record.save().await?;
    Ok(Some((order_id, view.order.events)))
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
                record.happen(Event::Cancel, notes::ACCOUNT_CLOSED)?;
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

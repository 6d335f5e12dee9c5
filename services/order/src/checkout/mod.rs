//! The checkout: a saga whose every step is known to the database before it is taken.
//!
//! Whoever holds an order's lease takes its steps, one after the other, until the checkout is settled: the order is
//! paid, refused, or waits for its customer. A step that is taken twice does no harm: what it asks of another service
//! has an id that was stored first. So the transaction that begins a checkout stores the ids of its reservation and of
//! its payment, and the next transaction is the one that settles it: reserve, pay and commit go through without one.
//! When a process dies, the lease runs out and the sweeper of any replica goes on from the step that is stored.

pub mod admission;
mod compensate;
mod driven;
mod expire;
pub mod failpoints;
pub mod figures;
mod reopen;
mod settle;
mod steps;
mod update;

pub use driven::{Driven, Driver, Held};
pub use settle::{ClaimEnd, Settled, settle};
pub use update::{apply_payment_update, pays_for_nothing, plan_payment};

use std::{sync::Arc, time::Duration};

use contracts::order::Order;
use kit::{Call, Fault, Tx, write::Guard};
use tokio::{sync::oneshot, time::Instant};
use tracing::Instrument as _;

use crate::{
    api::render,
    domain::{State, Step},
    error::Error,
    orders::Orders,
    remote::pause,
    store::{Record, View},
    work::payment_feed,
};
use admission::Place as Admitted;
use failpoints::{Asked, Place};

/// How long an owner may go without writing before another takes over.
pub const LEASE: Duration = Duration::from_secs(15);
/// How long one call to another service may take.
pub const CALL: Duration = Duration::from_secs(4);
/// How long an owner keeps trying a step before it leaves it to the sweeper.
const PATIENCE: Duration = Duration::from_secs(6);
/// Within this a caller gets an answer, whatever is true by then.
pub const ANSWER_WITHIN: Duration = Duration::from_millis(4_500);
/// How long the order may take to be read for that answer.
const READ_WITHIN: Duration = Duration::from_millis(400);
/// How much longer than the order a reservation lives: it only ends by itself when the order service is gone.
pub const RESERVATION_MARGIN: Duration = Duration::from_secs(900);

/// Drives the checkout of one order, on behalf of one caller.
#[derive(Clone)]
pub struct Checkout {
    orders: Orders,
    call: Call,
    /// No other driver has been at this checkout before.
    is_first: bool,
    /// What it asked another service for last.
    asked: Option<Asked>,
    reserve_calls: usize,
    /// The stock is set aside, though the order does not say so yet.
    has_reserved: bool,
    /// When the lease was taken or renewed last.
    fenced_at: Instant,
    /// Time that was not this mesh's own: that of providers, and of services that are away.
    elsewhere: Duration,
}

/// What follows a step.
enum Outcome {
    Next(View),
    Settled(Settled),
    /// Nobody answered; the same step again in a while.
    Retry(View, Fault),
}

impl Outcome {
    /// Somebody else goes on, with a lease of its own.
    fn late(view: View) -> Self {
        Outcome::Retry(view, Fault::unavailable("order"))
    }

    fn settled(view: View) -> Self {
        Outcome::Settled(Settled::Order(Box::new(view)))
    }
}

impl Checkout {
    /// A driver that asks the other services in the name of this caller.
    pub fn new(orders: &Orders, call: Call) -> Self {
        let elsewhere = Duration::ZERO;
        let fenced_at = Instant::now();
        Self {
            orders: orders.clone(),
            call,
            is_first: false,
            asked: None,
            reserve_calls: 0,
            has_reserved: false,
            fenced_at,
            elsewhere,
        }
    }

    /// Drives an order's checkout, which this call has begun, in a task of its own and answers when it is settled, or after `limit` with the
    /// order as it is by then. The guard keeps the call's idempotency key for as long, and an admitted checkout its
    /// place.
    pub async fn run(
        orders: &Orders,
        call: &Call,
        view: View,
        guard: Guard,
        place: Option<Admitted>,
        limit: Instant,
    ) -> Result<Order, Error> {
        let (mut checkout, id) = (Self::new(orders, call.detached()), view.order.id);
        checkout.is_first = true;
        let (send, receive) = oneshot::channel();
        // A caller who leaves does not stop it: the order has been begun, and somebody would have to go on with it.
        let driving = async move {
            let began = Instant::now();
            let settled = checkout.drive(view).await;
            figures::ended(&settled, began.elapsed());
            if let Some(place) = place {
                place.done(checkout.elsewhere);
            }
            // Only now: a repeat that came while the driver was at work would find no answer under its key yet.
            drop(guard);
            let _ = send.send(settled);
        };
        orders.tasks.spawn(driving.in_current_span());
        match tokio::time::timeout_at(limit, receive).await {
            Ok(Ok(Ok(Settled::Order(view)))) => render::order(&view),
            Ok(Ok(Ok(Settled::Refused(fault)))) => Err(fault.into()),
            // Overtaken or given up for now: the order as it is says what is true.
            _ => {
                let unreadable = |_| Error::from(Fault::unavailable("order"));
                tokio::time::timeout(READ_WITHIN, orders.current(id)).await.map_err(unreadable)?
            }
        }
    }

    /// Drives the checkout until it is settled.
    pub async fn drive(&mut self, view: View) -> Result<Settled, Error> {
        let driver = view.order.payment_id.map(|payment| self.orders.driven.begin(payment));
        let settled = self.take_steps(view).await;
        // What the payment's feed brought meanwhile, and this driver has not stored: it lost its lease, or gave up.
        if let Some(held) = driver.and_then(Driver::end) {
            let orders = self.orders.clone();
            self.orders.tasks.spawn(payment_feed::catch_up(orders, held));
        }
        settled
    }

    /// Takes step after step until the checkout is settled.
    async fn take_steps(&mut self, mut view: View) -> Result<Settled, Error> {
        let mut tries = 0;
        self.fenced_at = Instant::now();
        loop {
            let outcome = match view.order.step {
                Step::Idle => return Ok(Settled::Order(Box::new(view))),
                Step::Reserve => self.reserve(view).await?,
                Step::Pay => self.pay(view).await?,
                Step::Capture => self.capture(view).await?,
                Step::Commit => self.commit(view, None).await?,
                Step::Expire => self.expire(view).await?,
                Step::Reopen => self.reopen(view).await?,
            };
            view = match outcome {
                Outcome::Settled(settled) => return Ok(settled),
                Outcome::Next(next) => {
                    (self.fenced_at, tries) = (Instant::now(), 0);
                    next
                }
                // PATIENCE and the calls of one more pass (`is_late`) end before the lease that the last commit took:
                // while this owner tries, no sweeper takes the order over.
                Outcome::Retry(view, fault)
                    if self.fenced_at.elapsed() > PATIENCE || self.orders.tasks.is_draining() =>
                {
                    let id = view.order.id;
                    tracing::warn!(order = %id, reason = fault.reason_name(), problem = fault.message, "a checkout waits for another service");
                    self.release_lease(view).await?;
                    return Err(fault.into());
                }
                Outcome::Retry(view, _) => {
                    let pause = pause(tries);
                    tokio::time::sleep(pause).await;
                    self.elsewhere += pause;
                    tries += 1;
                    view
                }
            };
        }
    }

    /// Another service is about to be asked for something.
    async fn ask(&mut self, asked: Asked) -> Result<(), Error> {
        self.asked = Some(asked);
        self.at(Place::Before).await
    }

    /// A fail point of what was asked for last.
    async fn at(&self, place: Place) -> Result<(), Error> {
        match self.asked {
            Some(asked) => failpoints::reach(asked, place).await,
            None => Ok(()),
        }
    }

    /// Whether too little of the lease is left for another call. Ids make a call of an owner who has lost its lease
    /// harmless; but two at a time ask twice.
    fn is_late(&self) -> bool {
        self.fenced_at.elapsed() > LEASE - CALL - CALL / 4
    }

    /// Gives the lease back, so that the sweeper goes on without waiting for its end: the next owner raises the fencing
    /// number when it takes over. An order whose stock is set aside says so now: its user may fill another basket.
    async fn release_lease(&self, view: View) -> Result<(), Error> {
        let input = (self.has_reserved, self.orders.options.payment_window);
        let released = self.fenced(view, input, |tx, mut record, input| async move {
            let (has_reserved, window) = *input;
            if has_reserved && record.order.state == State::CheckingOut {
                let payment_id = record.order.payment_id;
                record.set_aside(update::pay_until(&record, tx.now() + window))?;
                record.order.step = if payment_id.is_some() { Step::Pay } else { Step::Commit };
            }
            record.order.lease_until = tx.now();
            record.save().await
        });
        released.await.map(|_| ())
    }

    /// One transaction on an order by the owner of its checkout, who saw it last as `view`. The row is locked before
    /// the fencing number is compared, so an owner who lost the lease meanwhile gets [`Error::LeaseLost`], and one
    /// who still has it keeps it until the commit.
    async fn fenced<I, F, Fut>(&self, view: View, input: I, work: F) -> Result<View, Error>
    where
        I: Send + Sync + 'static,
        F: Fn(Tx, Record, Arc<I>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<View, Error>> + Send + 'static,
    {
        let shared = Arc::new((work, Arc::new(input)));
        let view = self
            .orders
            .transact(&self.call, view, move |tx, view| {
                let shared = shared.clone();
                async move {
                    let record = Record::lock_fenced(&tx, &view).await?;
                    let (work, input) = &*shared;
                    work(tx, record, input.clone()).await
                }
            })
            .await?;
        self.at(Place::Committed).await?;
        Ok(view)
    }
}

//! The checkout: a saga whose every step is written down before it is taken.
//!
//! Whoever holds an order's lease takes its steps, one after the other, until the order comes to rest: paid,
//! refused, or waiting for its customer. A step that is taken twice does no harm: what it asks of another
//! service bears an id that was written down first. When a process dies, the lease runs out and the
//! sweeper of any replica goes on; updates carry the lease's fencing number, so that an old owner who wakes
//! up changes nothing.

pub mod admission;
mod compensate;
mod reopen;
mod steps;

pub use steps::{pays_for_nothing, plan_payment, take_news};

use std::{sync::Arc, time::Duration};

use contracts::order::Order;
use kit::{
    Call, Clock, Context, Db, Fault, Scope, StartError, Tasks, Tx, Written, id::OrderId, write::Guard,
};
use tokio::{sync::oneshot, time::Instant};

use crate::{
    Options,
    api::render,
    checkout::admission::{Admission, Place},
    domain::Step,
    error::Error,
    remote::{Remote, pause},
    store::{self, Record, View},
    work::watch::Watch,
};

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

/// Everything that a checkout needs.
#[derive(Clone)]
pub struct Saga {
    pub db: Db,
    pub remote: Remote,
    pub watch: Watch,
    pub admission: Admission,
    pub options: Arc<Options>,
    pub tasks: Tasks,
}

/// How a checkout came to rest.
#[derive(Debug)]
pub enum Rest {
    At(Box<View>),
    /// The order was put back, or given up, for this reason.
    Refused(Fault),
}

/// What follows a step.
enum After {
    Next(View),
    Rest(Rest),
    /// Nobody answered; the same step again in a while.
    Again(View, Fault),
}

impl Saga {
    /// A saga over a database and the ways to the others.
    pub fn new(db: Db, context: &Context, watch: Watch, options: Options) -> Self {
        let (remote, tasks) = (Remote::new(context), context.tasks.clone());
        let admission = Admission::new(options.max_checkouts);
        Self { db, remote, watch, admission, options: Arc::new(options), tasks }
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        self.db.clock()
    }

    /// Drives an order's checkout in a task of its own and answers when it has come to rest, or after
    /// `limit` with the order as it is by then. The guard keeps the call's idempotency key for as long, and a checkout
    /// that was admitted its place.
    pub async fn run(
        &self,
        call: &Call,
        view: View,
        guard: Guard,
        place: Option<Place>,
        limit: Instant,
    ) -> Result<Order, Error> {
        let (saga, own, id) = (self.clone(), call.detached(), view.order.id);
        let (send, receive) = oneshot::channel();
        self.tasks.spawn(async move {
            let mut elsewhere = Duration::ZERO;
            let end = saga.drive_noting(&own, view, &mut elsewhere).await;
            if let Some(place) = place {
                place.done(elsewhere);
            }
            drop(guard);
            let _ = send.send(end);
        });
        match tokio::time::timeout_at(limit, receive).await {
            Ok(Ok(Ok(Rest::At(view)))) => render::order(&view),
            Ok(Ok(Ok(Rest::Refused(fault)))) => Err(fault.into()),
            // Overtaken or given up for now: the order as it is says what is true.
            _ => {
                let unreadable = |_| Error::from(Fault::unavailable("order"));
                tokio::time::timeout(READ_WITHIN, self.current(id)).await.map_err(unreadable)?
            }
        }
    }

    /// An embedded database has one process at a time: checkouts that another one was at go on at once,
    /// without waiting for the end of its leases.
    pub async fn claim_abandoned(&self) -> Result<(), StartError> {
        if self.db.backend() != sea_orm::DatabaseBackend::Sqlite {
            return Ok(());
        }
        let call = Call::of_service(kit::Role::Order, "start");
        kit::transact::<_, Error, _, _>(&self.db, &call, |tx| async move { store::end_leases(&tx).await })
            .await
            .map_err(StartError::of)?;
        Ok(())
    }

    /// The order as it is now.
    pub async fn current(&self, id: OrderId) -> Result<Order, Error> {
        let row = store::by_id(self.db.read(), id, Scope::All).await?;
        render::order(&store::view(self.db.read(), row).await?)
    }

    /// Takes step after step until the order comes to rest.
    pub async fn drive(&self, call: &Call, view: View) -> Result<Rest, Error> {
        self.drive_noting(call, view, &mut Duration::default()).await
    }

    /// The same; adds up the time that is not this mesh's own: that of providers, and of services that are away.
    async fn drive_noting(
        &self,
        call: &Call,
        mut view: View,
        elsewhere: &mut Duration,
    ) -> Result<Rest, Error> {
        let mut since = Instant::now();
        let mut tries = 0;
        loop {
            let after = match view.order.step {
                Step::Idle => return Ok(Rest::At(Box::new(view))),
                Step::Reserve => self.reserve(call, view).await?,
                Step::Pay => self.pay(call, view, elsewhere).await?,
                Step::Capture => self.capture(call, view, elsewhere).await?,
                Step::Commit => self.commit(call, view).await?,
                Step::Expire => self.expire(call, view).await?,
                Step::Reopen => self.reopen(call, view).await?,
            };
            view = match after {
                After::Rest(rest) => return Ok(rest),
                After::Next(next) => {
                    (since, tries) = (Instant::now(), 0);
                    next
                }
                After::Again(view, fault) if since.elapsed() > PATIENCE || self.tasks.is_draining() => {
                    let id = view.order.id;
                    tracing::warn!(order = %id, reason = fault.reason_name(), problem = fault.message, "a checkout waits for another service");
                    self.let_go(call, view).await?;
                    return Err(fault.into());
                }
                After::Again(view, _) => {
                    let pause = pause(tries);
                    tokio::time::sleep(pause).await;
                    *elsewhere += pause;
                    tries += 1;
                    view
                }
            };
        }
    }

    /// Gives the lease back, so that the sweeper goes on without waiting for its end.
    async fn let_go(&self, call: &Call, view: View) -> Result<(), Error> {
        self.fenced(call, view, |tx, mut record| async move {
            record.order.lease_until = tx.now();
            record.save().await
        })
        .await
        .map(|_| ())
    }

    /// One transaction on an order, after which its watchers are told.
    pub async fn transact<F, Fut>(&self, call: &Call, work: F) -> Result<View, Error>
    where
        F: Fn(Tx) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<View, Error>> + Send + 'static,
    {
        let view = kit::transact(&self.db, call, work).await?;
        self.watch.changed(view.order.id, view.order.events);
        Ok(view)
    }

    /// One transaction on an order by the owner of its checkout, who saw it last as `view`.
    async fn fenced<F, Fut>(&self, call: &Call, view: View, work: F) -> Result<View, Error>
    where
        F: Fn(Tx, Record) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<View, Error>> + Send + 'static,
    {
        let (view, work) = (Arc::new(view), Arc::new(work));
        self.transact(call, move |tx| {
            let (view, work) = (view.clone(), work.clone());
            async move {
                let record = Record::lock_fenced(&tx, &view).await?;
                work(tx, record).await
            }
        })
        .await
    }

    /// One idempotent transaction on an order that is answered with the order, after which its watchers
    /// are told.
    pub async fn write<F, Fut>(&self, call: &Call, work: F) -> Result<Written<Order>, Error>
    where
        F: Fn(Tx) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<View, Error>> + Send + 'static,
    {
        let latest = Arc::new(std::sync::Mutex::new(None));
        let told = latest.clone();
        let written = kit::write::<_, Error, _, _>(&self.db, call, move |tx| {
            let (work, told) = (work(tx), told.clone());
            async move {
                let view = work.await?;
                *told.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
                    Some((view.order.id, view.order.events));
                render::order(&view)
            }
        })
        .await?;
        let changed = latest.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some((id, events)) = changed {
            self.watch.changed(id, events);
        }
        Ok(written)
    }
}

/// How a claim on an idempotency key ends when its order comes to rest.
pub enum Settle {
    /// With the order as it is now.
    Answer,
    /// With a refusal that is kept, because it left a trace.
    Keep(Fault),
    /// With nothing: the refusal changed nothing, the key can be tried again.
    Forget,
}

/// Writes an order back that has come to rest, and settles the claim of the call that set it going.
pub async fn rest(tx: &Tx, mut record: Record, settle: Settle) -> Result<View, Error> {
    record.rest();
    let claim = record.order.claim.take();
    let view = record.save().await?;
    if let Some(claim) = claim {
        match settle {
            Settle::Answer => tx.answer(&claim, &render::order(&view)?).await?,
            Settle::Keep(fault) => tx.refuse(&claim, &fault).await?,
            Settle::Forget => tx.unclaim(&claim).await?,
        }
    }
    Ok(view)
}

//! What every part of the service works with: its database, the other services, its options.

use std::sync::Arc;

use contracts::order::Order;
use kit::{
    Call, Clock, Context, Db, Role, Scope, StartError, Tasks, Tx, Writer, Written, id::OrderId,
    payment_types::PaymentTypes,
};

use crate::{
    Options,
    api::render,
    checkout::{Driven, admission::Admission},
    error::Error,
    remote::Remote,
    store::{self, View},
    work::watch::Watchers,
};

/// The service's context; cheap to clone.
#[derive(Clone)]
pub struct Orders {
    pub db: Writer<Error>,
    pub remote: Remote,
    pub watchers: Watchers,
    pub admission: Admission,
    pub driven: Driven,
    pub options: Arc<Options>,
    pub payment_types: Arc<PaymentTypes>,
    pub tasks: Tasks,
}

impl Orders {
    /// Over a migrated database, and the ways to the others.
    pub fn new(db: Db, context: &Context, options: Options, payment_types: PaymentTypes) -> Self {
        Self {
            db: db.into(),
            remote: Remote::new(context),
            watchers: Watchers::default(),
            admission: Admission::new(options.max_checkouts),
            driven: Driven::default(),
            options: Arc::new(options),
            payment_types: Arc::new(payment_types),
            tasks: context.tasks.clone(),
        }
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        self.db.clock()
    }

    /// The order as it is now.
    pub async fn current(&self, id: OrderId) -> Result<Order, Error> {
        render::order(&store::find_view(self.db.read(), id, Scope::All).await?)
    }

    /// One transaction on an order, after which its watchers are notified.
    pub async fn transact<I, F, Fut>(&self, call: &Call, input: I, work: F) -> Result<View, Error>
    where
        I: Send + Sync + 'static,
        F: Fn(Tx, Arc<I>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<View, Error>> + Send + 'static,
    {
        let view = self.db.transact(call, input, work).await?;
        // After the commit: a watcher that reads on this sign finds what it is about.
        self.watchers.notify(view.order.id, view.order.events);
        Ok(view)
    }

    /// One idempotent transaction on an order that is answered with the order, after which its watchers are notified.
    pub async fn write<I, F, Fut>(&self, call: &Call, input: I, work: F) -> Result<Written<Order>, Error>
    where
        I: Send + Sync + 'static,
        F: Fn(Tx, Arc<I>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<View, Error>> + Send + 'static,
    {
        let work = move |tx, input| {
            let work = work(tx, input);
            async move {
                let view = work.await?;
                Ok((render::order(&view)?, (view.order.id, view.order.events)))
            }
        };
        let (written, changed) = self.db.write_with(call, input, work).await?;
        if let Some((id, events)) = changed {
            self.watchers.notify(id, events);
        }
        Ok(written)
    }

    /// Ends the leases of a process that died, so that its checkouts go on at once. Of an embedded database alone:
    /// it has one process at a time, while elsewhere another replica may be at work under such a lease.
    pub async fn claim_abandoned(&self) -> Result<(), StartError> {
        if self.db.backend() != sea_orm::DatabaseBackend::Sqlite {
            return Ok(());
        }
        let call = Call::of_service(Role::Order, "start");
        let ended = self.db.transact(&call, (), |tx, _| async move { store::end_leases(&tx).await });
        ended.await.map_err(StartError::of)
    }
}

//! The transaction of one write, as the work sees it.

use std::{
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use prost::Message;
use sea_orm::DbErr;

use super::{Last, idempotency, outbox};
use crate::{Call, Db, Fault, Time, db::Transaction, id::UserId, telemetry::metrics};

/// The transaction of one write: everything that SeaORM takes, and the call it belongs to.
#[derive(Clone)]
pub struct Tx(Arc<TxInner>);

struct TxInner {
    tx: Transaction,
    db: Db,
    call: Call,
    now: Time,
    ending: Mutex<Ending>,
}

/// What its last statements write.
#[derive(Default)]
struct Ending {
    rows: Vec<Last>,
    /// The events of this write so far.
    events: Vec<outbox::NewEvent>,
    /// What is counted once it is committed.
    counts: Vec<Count>,
}

/// Counts something that has come true.
pub(super) type Count = Box<dyn FnOnce() + Send>;

/// What is left to be done of a transaction: itself, its last rows, its events, and what it counts.
pub(super) type Left = (Transaction, Vec<Last>, Vec<outbox::NewEvent>, Vec<Count>);

impl Deref for Tx {
    type Target = Transaction;

    fn deref(&self) -> &Transaction {
        &self.0.tx
    }
}

impl Tx {
    /// Begins one. The time is read after BEGIN: on SQLite that is after the wait for the other writers, so that
    /// times of rows are in the order of their commits there.
    pub(super) async fn begin(db: &Db, call: &Call) -> Result<Self, DbErr> {
        let tx = db.0.writer.begin_write().await?;
        let (now, ending) = (db.clock().now(), Mutex::default());
        Ok(Self(Arc::new(TxInner { tx, db: db.clone(), call: call.clone(), now, ending })))
    }

    /// The transaction itself, to be ended, and what is to be written first. None where the work kept a copy of the
    /// handle, which could still send statements through it.
    pub(super) fn into_inner(self) -> Option<Left> {
        let inner = Arc::into_inner(self.0)?;
        let Ending { rows, events, counts } =
            inner.ending.into_inner().unwrap_or_else(PoisonError::into_inner);
        Some((inner.tx, rows, events, counts))
    }

    fn ending(&self) -> MutexGuard<'_, Ending> {
        self.0.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time of this write: one for all its rows.
    pub fn now(&self) -> Time {
        self.0.now
    }

    /// Who does it, for histories.
    pub fn actor(&self) -> String {
        self.0.call.caller().actor()
    }

    /// The call it belongs to.
    pub fn call(&self) -> &Call {
        &self.0.call
    }

    /// Its database.
    pub fn db(&self) -> &Db {
        &self.0.db
    }

    /// Publishes an event: the role's followers get it once this commits.
    ///
    /// The events of a transaction are written in one statement, its last: so behind the statement that locks the
    /// aggregate. That lock makes writers of one aggregate take turns, so that the ids of its events, by which they
    /// are numbered, are in the order of its changes.
    pub fn publish<M: Message + prost::Name>(&self, aggregate: impl ToString, event: &M) {
        let event = outbox::NewEvent::new(self.now(), aggregate.to_string(), event);
        self.ending().events.push(event);
    }

    /// Writes rows with the transaction's last statement, which on PostgreSQL is one for all of them and the events. For
    /// those alone that nothing in this transaction reads or changes after this, and that no constraint is expected to
    /// refuse: what does is an error of the transaction, not of the work.
    pub fn write_last(&self, rows: impl Into<Last>) {
        self.ending().rows.push(rows.into());
    }

    /// Counts something for metrics, once this is committed; work that is done again, or comes to nothing, counts nothing.
    pub fn count(&self, count: impl FnOnce() + Send + 'static) {
        if metrics::on() {
            self.ending().counts.push(Box::new(count));
        }
    }

    /// Says whose data the call's stored answer will hold, where that is not the caller: it goes when that
    /// user is erased.
    pub async fn belongs_to(&self, owner: UserId) -> Result<(), DbErr> {
        match self.0.call.key() {
            // The claim is the caller's own from the start.
            Some(_) if self.0.call.caller().user() == Some(owner) => Ok(()),
            Some(key) => {
                idempotency::belongs_to(self, &idempotency::claim_id(self.db(), self.call(), key), owner)
                    .await
            }
            None => Ok(()),
        }
    }

    /// Forgets every stored answer that holds a user's data.
    pub async fn forget_answers(&self, owner: UserId) -> Result<(), DbErr> {
        idempotency::forget(self, owner).await
    }

    /// Gives a claim that [`Writer::open`](super::Writer::open) made its answer.
    pub fn answer<M: Message>(&self, claim: &str, answer: &M) {
        let answer = answer.encode_to_vec();
        self.db().0.answers.count(self.call().caller(), answer.len(), std::time::Instant::now());
        self.write_last(idempotency::answer(claim, answer));
    }

    /// Gives a claim that [`Writer::open`](super::Writer::open) made a refusal for an answer: for the few that
    /// leave a trace.
    pub async fn refuse(&self, claim: &str, refusal: &Fault) -> Result<(), DbErr> {
        idempotency::refuse(self, claim, refusal).await
    }

    /// Takes a claim that [`Writer::open`](super::Writer::open) made back, so that its key can be tried again.
    pub async fn unclaim(&self, claim: &str) -> Result<(), DbErr> {
        idempotency::unclaim(self, claim).await
    }
}

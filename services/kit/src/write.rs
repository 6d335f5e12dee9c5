//! The one write path: a database transaction in which the idempotency claim, the change, its history and
//! its outbox row commit together.
//!
//! It runs in a task of its own, which drain waits for, so a client that goes away never leaves half a
//! change. The work is an `Fn`: where the database gave way to another transaction, or the connection turned out to be
//! of no use before the commit, it is done again.

use std::{
    collections::HashSet,
    future::Future,
    ops::Deref,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use prost::Message;
use sea_orm::{DatabaseTransaction, DbErr};
use tokio::time::Instant;
use tonic::Response;
use tracing::Instrument;

use crate::{
    Call, Db, Fault, Reason, Time, fault::Meaning, headers::IDEMPOTENCY_REPLAYED, id::UserId, idempotency,
    idempotency::Found, outbox,
};

/// How often work is done again when the database gave way to another transaction.
const ATTEMPTS: u32 = 8;
/// For how long it is done again where it waited for another's lock in vain, which takes seconds each time.
const LOCKED: Duration = Duration::from_secs(8);
/// How often work is done in all whose connection was of no use: it had ended, or led to a standby.
const CONNECTIONS: u32 = 3;

/// What a service's own error type offers the write path.
pub trait Failure: From<Fault> + From<DbErr> + Into<Fault> + Send + 'static {
    /// The database error behind it, if that is what it is.
    fn database(&self) -> Option<&DbErr>;
}

impl Failure for Fault {
    fn database(&self) -> Option<&DbErr> {
        None
    }
}

/// The transaction of one write: everything that SeaORM takes, and the call it belongs to.
#[derive(Clone)]
pub struct Tx(Arc<TxInner>);

struct TxInner {
    tx: DatabaseTransaction,
    db: Db,
    call: Call,
    now: Time,
    published: AtomicBool,
}

impl Deref for Tx {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.0.tx
    }
}

impl Tx {
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

    /// Tells the role's followers, once this commits. Call it after the statement that locks the aggregate,
    /// so that an aggregate's events come in the order of its changes.
    pub async fn publish<M: Message + prost::Name>(
        &self,
        aggregate: impl ToString,
        event: &M,
    ) -> Result<(), DbErr> {
        self.0.published.store(true, Ordering::Relaxed);
        outbox::append(self, &aggregate.to_string(), event).await
    }

    /// Says whose data the call's stored answer will hold, where that is not the caller: it goes when that
    /// user is erased.
    pub async fn belongs_to(&self, owner: UserId) -> Result<(), DbErr> {
        match self.0.call.key() {
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

    /// Gives a claim that [`open`] made its answer.
    pub async fn answer<M: Message>(&self, claim: &str, answer: &M) -> Result<(), DbErr> {
        idempotency::answer(self, claim, answer.encode_to_vec()).await
    }

    /// Gives a claim that [`open`] made a refusal for an answer: for the few that leave a trace.
    pub async fn refuse(&self, claim: &str, refusal: &Fault) -> Result<(), DbErr> {
        idempotency::refuse(self, claim, refusal).await
    }

    /// Takes a claim that [`open`] made back, so that its key can be tried again.
    pub async fn unclaim(&self, claim: &str) -> Result<(), DbErr> {
        idempotency::unclaim(self, claim).await
    }
}

/// An answer, and whether it was given before.
#[derive(Debug)]
pub struct Written<T> {
    pub message: T,
    pub replayed: bool,
}

impl<T> From<Written<T>> for Response<T> {
    fn from(written: Written<T>) -> Response<T> {
        let mut response = Response::new(written.message);
        if written.replayed {
            response
                .metadata_mut()
                .insert(IDEMPOTENCY_REPLAYED, tonic::metadata::MetadataValue::from_static("true"));
        }
        response
    }
}

/// What became of the first transaction of a call of several steps.
pub enum Opened<V, T> {
    /// It is this caller's turn. The claim, if the call has a key, must be settled by the transaction that
    /// ends the call; the guard lives as long as the call.
    Fresh { value: V, claim: Option<String>, guard: Guard },
    /// It was answered before.
    Replayed(Written<T>),
}

/// Does `work` in one transaction and stores its answer under the call's idempotency key. A repeat gets
/// the stored answer; refusals are not stored, they changed nothing.
pub async fn write<T, E, F, Fut>(db: &Db, call: &Call, work: F) -> Result<Written<T>, E>
where
    T: Message + Default + 'static,
    E: Failure,
    F: Fn(Tx) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T, E>> + Send + 'static,
{
    let opened = run::<T, T, E, _, _>(db, call, move |tx, claim| {
        let work = work(tx.clone());
        async move {
            let message = work.await?;
            if let Some(claim) = claim {
                idempotency::answer(&tx, &claim, message.encode_to_vec()).await?;
            }
            Ok(message)
        }
    })
    .await?;
    match opened {
        Opened::Fresh { value, .. } => Ok(Written { message: value, replayed: false }),
        Opened::Replayed(written) => Ok(written),
    }
}

/// Does `work`, whatever it answers, in one transaction; the call's idempotency key, if any, plays no part.
/// For steps that are idempotent by themselves and for background work.
pub async fn transact<V, E, F, Fut>(db: &Db, call: &Call, work: F) -> Result<V, E>
where
    V: Send + 'static,
    E: Failure,
    F: Fn(Tx) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<V, E>> + Send + 'static,
{
    match run::<V, (), E, _, _>(db, &call.without_key(), move |tx, _| work(tx)).await? {
        Opened::Fresh { value, .. } => Ok(value),
        Opened::Replayed(_) => Err(Fault::internal("a call without a key was replayed").into()),
    }
}

/// Does the first transaction of a call of several steps: claims the call's key without an answer yet.
pub async fn open<V, T, E, F, Fut>(db: &Db, call: &Call, work: F) -> Result<Opened<V, T>, E>
where
    V: Send + 'static,
    T: Message + Default + 'static,
    E: Failure,
    F: Fn(Tx, Option<String>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<V, E>> + Send + 'static,
{
    run(db, call, work).await
}

async fn run<V, T, E, F, Fut>(db: &Db, call: &Call, work: F) -> Result<Opened<V, T>, E>
where
    V: Send + 'static,
    T: Message + Default + 'static,
    E: Failure,
    F: Fn(Tx, Option<String>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<V, E>> + Send + 'static,
{
    if call.time_left().is_some_and(|left| left.is_zero()) {
        return Err(Fault::new(Reason::DeadlineExceeded, "the deadline has passed").into());
    }
    let claim = call.key().map(|key| idempotency::claim_id(db, call, key));
    let guard = Guard::take(db, claim.as_deref())?;
    let tasks = db.0.tasks.clone();
    let (db, call) = (db.clone(), call.clone());
    let task = async move {
        let (begun, mut attempt) = (Instant::now(), 0);
        loop {
            attempt += 1;
            match once(&db, &call, claim.clone(), &work).await {
                Ok(Found::Fresh(value)) => return Ok(Opened::Fresh { value, claim, guard }),
                Ok(Found::Answered(bytes)) => {
                    let message = T::decode(bytes.as_slice())
                        .map_err(|_| Fault::internal("a stored answer cannot be read"))?;
                    return Ok(Opened::Replayed(Written { message, replayed: true }));
                }
                Err(failed) if failed.passes(attempt, begun) => {
                    let spread = rand::random_range(1..=10u64 << attempt.min(5));
                    tokio::time::sleep(Duration::from_millis(spread)).await;
                }
                Err(failed) => return Err(failed.error),
            }
        }
    };
    match tasks.spawn(task.in_current_span()).await {
        Ok(result) => result,
        Err(error) => Err(Fault::internal(format!("a write did not end: {error}")).into()),
    }
}

/// A try that changed nothing, or of which nobody knows whether it did.
struct Failed<E> {
    error: E,
    /// What the database meant, if it was the database.
    meaning: Option<Meaning>,
    /// It was already committing: where the connection is lost then, it may be done.
    committing: bool,
}

impl<E: Failure> Failed<E> {
    fn new(db: &Db, error: E, committing: bool) -> Self {
        let meaning = error.database().map(|error| db.0.writer.judge(error));
        if let Some(meaning) = meaning {
            db.0.writes.failed(meaning);
        }
        Self { error, meaning, committing }
    }

    /// Whether the same work may succeed when it is done again, after so many tries.
    fn passes(&self, tries: u32, since: Instant) -> bool {
        match self.meaning {
            Some(Meaning::Conflict) => tries < ATTEMPTS,
            Some(Meaning::LockTimeout) => tries < ATTEMPTS && since.elapsed() < LOCKED,
            // Nothing is changed before the commit, so it is as if it had never been sent.
            Some(Meaning::Lost | Meaning::ReadOnly) => tries < CONNECTIONS && !self.committing,
            _ => false,
        }
    }
}

/// One try: begins, claims, works, commits.
async fn once<V, E, F, Fut>(
    db: &Db,
    call: &Call,
    claim: Option<String>,
    work: &F,
) -> Result<Found<V>, Failed<E>>
where
    E: Failure,
    F: Fn(Tx, Option<String>) -> Fut,
    Fut: Future<Output = Result<V, E>>,
{
    let failed = |error: E| Failed::new(db, error, false);
    let tx = db.0.writer.begin_write().await.map_err(|error| failed(error.into()))?;
    let (now, published) = (db.clock().now(), AtomicBool::new(false));
    let tx = Tx(Arc::new(TxInner { tx, db: db.clone(), call: call.clone(), now, published }));
    let result = match &claim {
        Some(id) => match idempotency::claim::<E>(&tx, id).await {
            Ok(Found::Fresh(())) => work(tx.clone(), claim).await.map(Found::Fresh),
            Ok(Found::Answered(bytes)) => Ok(Found::Answered(bytes)),
            Err(error) => Err(error),
        },
        None => work(tx.clone(), None).await.map(Found::Fresh),
    };
    let published = tx.0.published.load(Ordering::Relaxed);
    let Some(inner) = Arc::into_inner(tx.0) else {
        return Err(failed(Fault::internal("a write kept its transaction").into()));
    };
    match result {
        Ok(found) => {
            inner.tx.commit().await.map_err(|error| Failed::new(db, error.into(), true))?;
            if published {
                outbox::committed(db);
            }
            Ok(found)
        }
        Err(error) => {
            // First, so that a connection of no use is not taken back.
            let failed = failed(error);
            let _ = inner.tx.rollback().await;
            Err(failed)
        }
    }
}

/// The idempotent calls under way in this process: a duplicate is turned away before it takes a
/// connection only to wait for the claim.
#[derive(Clone, Default)]
pub(crate) struct Running(Arc<Mutex<HashSet<String>>>);

/// Holds a call's key for as long as the call is under way.
pub struct Guard(Option<(Running, String)>);

impl Guard {
    fn take(db: &Db, claim: Option<&str>) -> Result<Self, Fault> {
        let Some(claim) = claim else { return Ok(Self(None)) };
        let running = db.0.running.clone();
        let fresh = running.0.lock().unwrap_or_else(PoisonError::into_inner).insert(claim.to_owned());
        if fresh { Ok(Self(Some((running, claim.to_owned())))) } else { Err(idempotency::in_progress()) }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some((running, claim)) = &self.0 {
            running.0.lock().unwrap_or_else(PoisonError::into_inner).remove(claim);
        }
    }
}

#[cfg(test)]
mod tests;

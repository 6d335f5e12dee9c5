//! The one write path: a database transaction in which the idempotency claim, the change, its history and
//! its outbox row commit together.
//!
//! It runs in a task of its own, which drain waits for, so a client that goes away never leaves half a change.
//! The work is an `Fn`, because it is run again after a serialization failure or a deadlock, and after a
//! connection that was lost before the commit. It must have no effect outside its transaction.

pub(crate) mod answers;
pub(crate) mod feed;
mod guard;
pub mod idempotency;
mod last;
pub mod outbox;
pub(crate) mod publisher;
mod tx;
mod writer;

pub use guard::Guard;
pub(crate) use guard::Running;
pub use last::Last;
pub use tx::Tx;
pub use writer::Writer;

use std::{future::Future, time::Duration};

use prost::Message;
use sea_orm::DbErr;
use tokio::time::Instant;
use tonic::Response;
use tracing::Instrument;

use crate::{
    Call, Db, Fault, Reason,
    db::{NotCommitted, timing::Timing},
    fault::Meaning,
    headers::IDEMPOTENCY_REPLAYED,
};
use idempotency::Found;

/// How often work is run in all after serialization failures and deadlocks.
const ATTEMPTS: u32 = 8;
/// For how long it is run again after a lock timeout, which takes seconds each time.
const LOCKED: Duration = Duration::from_secs(8);
/// How often work is run in all after connections that had ended, or that led to a standby.
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
    if claim.is_some() {
        db.0.answers.admit(call.caller(), std::time::Instant::now())?;
    }
    // Held until the caller of `open` lets it go, or until this ends: a duplicate in this process finds it taken.
    let guard = Guard::take(db, claim.as_deref())?;
    let tasks = db.0.tasks.clone();
    let (db, call) = (db.clone(), call.clone());
    let task = async move {
        let (begun, mut attempt) = (Instant::now(), 0);
        loop {
            attempt += 1;
            let timed = Timing::begin();
            let tried = once(&db, &call, claim.clone(), &work).await;
            db.0.writer
                .timing()
                .transaction(timed, tried.as_ref().map(|_| ()).map_err(|failed| failed.meaning));
            match tried {
                Ok(Found::Fresh(value)) => return Ok(Opened::Fresh { value, claim, guard }),
                Ok(Found::Answered(bytes)) => {
                    idempotency::count_replay(db.role());
                    let message = T::decode(bytes.as_slice())
                        .map_err(|_| Fault::internal("a stored answer cannot be read"))?;
                    return Ok(Opened::Replayed(Written { message, replayed: true }));
                }
                Err(failed) if failed.passes(attempt, begun) => {
                    // At random: two transactions that have just been each other's deadlock must not meet again.
                    let spread = rand::random_range(1..=10u64 << attempt.min(5));
                    tokio::time::sleep(Duration::from_millis(spread)).await;
                }
                Err(failed) => return Err(failed.error),
            }
        }
    };
    // A task of its own: the caller's future is dropped when the client leaves, at any await.
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

    /// One whose changes are undone because they were to be committed with those of others.
    fn undone(db: &Db) -> Self {
        let error = Fault::unavailable(db.role().name()).into();
        Self { error, meaning: Some(Meaning::Conflict), committing: false }
    }

    /// Whether the same work may succeed when it is run again, after so many tries.
    fn passes(&self, tries: u32, since: Instant) -> bool {
        match self.meaning {
            Some(Meaning::Conflict) => tries < ATTEMPTS,
            Some(Meaning::LockTimeout) => tries < ATTEMPTS && since.elapsed() < LOCKED,
            // Before the commit nothing is changed, so it is as if it had never been sent. A connection that is
            // lost while it commits may have committed: done again, the work could be done twice.
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
    let tx = Tx::begin(db, call).await.map_err(|error| failed(error.into()))?;
    // The claim is the first statement: of two processes with the same key, the second waits here for the row of
    // the first, or finds it, before it has read or changed anything else.
    let result = match &claim {
        Some(id) => match idempotency::claim::<E>(&tx, id).await {
            Ok(Found::Fresh(())) => work(tx.clone(), claim).await.map(Found::Fresh),
            Ok(Found::Answered(bytes)) => Ok(Found::Answered(bytes)),
            Err(error) => Err(error),
        },
        None => work(tx.clone(), None).await.map(Found::Fresh),
    };
    let Some((tx, last, events, counts)) = tx.into_inner() else {
        // Committing now would be a race with whoever holds the other handle.
        return Err(failed(Fault::internal("a write kept its transaction").into()));
    };
    let published = !events.is_empty();
    let result = match result {
        Ok(found) => {
            outbox::append(&tx, last, events).await.map(|numbered| (found, numbered)).map_err(E::from)
        }
        Err(error) => Err(error),
    };
    match result {
        Ok((found, numbered)) => {
            let feed = db.clone();
            // Behind the commit: woken before, the publisher would look, find nothing, and sleep. Where the events
            // have their numbers, it is woken only if one before them is missing in the feed.
            let publish = move || {
                if published && (numbered.is_empty() || !feed.0.feed.offer(numbered)) {
                    feed.0.committed.notify_one();
                }
                counts.into_iter().for_each(|count| count());
            };
            match tx.commit_then(Box::new(publish)).await {
                Ok(()) => Ok(found),
                Err(NotCommitted::Failed(error)) => Err(Failed::new(db, error.into(), true)),
                Err(NotCommitted::Undone) => Err(Failed::undone(db)),
            }
        }
        Err(error) => {
            // Judged before the rollback gives the connection back: where it has ended, or leads to a standby, the
            // pool must not hand it to the next write.
            let failed = failed(error);
            match tx.undo().await {
                Ok(()) => Err(failed),
                // What it found was written by another that came to nothing: it is to look again.
                Err(_) => Err(Failed::undone(db)),
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! The write path as a service uses it: with the service's own error type, so that nothing has to name it.

use std::{future::Future, marker::PhantomData, ops::Deref, sync::Arc};

use prost::Message;

use super::{Failure, Opened, Tx, Written, run};
use crate::{Call, Db, Fault};

/// A service's database with its write path; cheap to clone. `E` is the service's error.
///
/// The work of each transaction may run more than once, so it gets its input behind an `Arc`:
///
/// ```ignore
/// let written = self.db.write(&call, (id, name), |tx, input| async move {
///     let (id, name) = &*input;
///     …
/// });
/// Ok(written.await?.into())
/// ```
pub struct Writer<E> {
    db: Db,
    error: PhantomData<fn() -> E>,
}

impl<E> Clone for Writer<E> {
    fn clone(&self) -> Self {
        Self { db: self.db.clone(), error: PhantomData }
    }
}

impl<E> Deref for Writer<E> {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.db
    }
}

impl<E> From<Db> for Writer<E> {
    fn from(db: Db) -> Self {
        Self { db, error: PhantomData }
    }
}

impl<E: Failure> Writer<E> {
    /// Does `work` in one transaction and stores its answer under the call's idempotency key. A repeat gets
    /// the stored answer; refusals are not stored, they changed nothing.
    pub async fn write<I, T, F, Fut>(&self, call: &Call, input: I, work: F) -> Result<Written<T>, E>
    where
        I: Send + Sync + 'static,
        T: Message + Default + 'static,
        F: Fn(Tx, Arc<I>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        let work = move |tx, input| {
            let work = work(tx, input);
            async move { Ok((work.await?, ())) }
        };
        Ok(self.write_with(call, input, work).await?.0)
    }

    /// The same, for work that yields something beside the answer. There is none where the answer is that of an
    /// earlier call.
    pub async fn write_with<I, T, X, F, Fut>(
        &self,
        call: &Call,
        input: I,
        work: F,
    ) -> Result<(Written<T>, Option<X>), E>
    where
        I: Send + Sync + 'static,
        T: Message + Default + 'static,
        X: Send + 'static,
        F: Fn(Tx, Arc<I>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(T, X), E>> + Send + 'static,
    {
        let input = Arc::new(input);
        let opened = run::<(T, X), T, E, _, _>(&self.db, call, move |tx, claim| {
            let work = work(tx.clone(), input.clone());
            async move {
                let (message, extra) = work.await?;
                // In the same transaction as the change: there is no change without its answer, and no answer
                // without its change, whenever the process dies.
                if let Some(claim) = claim {
                    tx.answer(&claim, &message);
                }
                Ok((message, extra))
            }
        })
        .await?;
        match opened {
            Opened::Fresh { value: (message, extra), .. } => {
                Ok((Written { message, replayed: false }, Some(extra)))
            }
            Opened::Replayed(written) => Ok((written, None)),
        }
    }

    /// Does `work`, whatever it answers, in one transaction; the call's idempotency key, if any, plays no part.
    /// For steps that are idempotent by themselves and for background work.
    pub async fn transact<I, V, F, Fut>(&self, call: &Call, input: I, work: F) -> Result<V, E>
    where
        I: Send + Sync + 'static,
        V: Send + 'static,
        F: Fn(Tx, Arc<I>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<V, E>> + Send + 'static,
    {
        let input = Arc::new(input);
        let work = move |tx, _| work(tx, input.clone());
        match run::<V, (), E, _, _>(&self.db, &call.without_key(), work).await? {
            Opened::Fresh { value, .. } => Ok(value),
            Opened::Replayed(_) => Err(Fault::internal("a call without a key was replayed").into()),
        }
    }

    /// Does the first transaction of a call of several steps: claims the call's key without an answer yet. The
    /// work is given the claim, to store it where the last step finds it; that one must settle it by
    /// [`Tx::answer`], [`Tx::refuse`] or [`Tx::unclaim`].
    pub async fn open<I, V, T, F, Fut>(&self, call: &Call, input: I, work: F) -> Result<Opened<V, T>, E>
    where
        I: Send + Sync + 'static,
        V: Send + 'static,
        T: Message + Default + 'static,
        F: Fn(Tx, Arc<I>, Option<String>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<V, E>> + Send + 'static,
    {
        let input = Arc::new(input);
        run(&self.db, call, move |tx, claim| work(tx, input.clone(), claim)).await
    }
}

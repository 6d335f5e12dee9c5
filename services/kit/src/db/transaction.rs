//! Transactions on connections that are kept at hand: BEGIN and COMMIT cost a statement each, and not what the driver's pool
//! does before and after them.
//!
//! On an embedded database, which has one writer at a time, the transactions of those who wait for their turn share one
//! commit ([`turns`](super::turns)).

use std::sync::Arc;

use sea_orm::{ConnectionTrait, DatabaseBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use tokio::sync::Mutex;

use super::{
    cells::Rows,
    connection::Lent,
    held::Held,
    turns::{self, Share},
};

/// A transaction. Dropped before its end, it is rolled back.
pub struct Transaction {
    backend: DatabaseBackend,
    open: Mutex<Open>,
}

/// What is done as soon as a transaction is committed, before anybody else hears of it.
pub(super) type Then = Box<dyn FnOnce() + Send>;

/// Why a transaction was not committed.
#[derive(Debug)]
pub(crate) enum NotCommitted {
    /// The commit itself failed. Where its connection ended meanwhile, it may be done all the same.
    Failed(DbErr),
    /// It was to share a commit with others, which came to nothing: it is as if it had never begun.
    Undone,
}

impl From<NotCommitted> for DbErr {
    fn from(not: NotCommitted) -> Self {
        match not {
            NotCommitted::Failed(error) => error,
            NotCommitted::Undone => DbErr::Custom("a shared commit came to nothing".to_owned()),
        }
    }
}

impl Transaction {
    pub(super) fn new(backend: DatabaseBackend, open: Open) -> Self {
        Self { backend, open: Mutex::new(open) }
    }

    /// Commits it.
    pub async fn commit(self) -> Result<(), DbErr> {
        Ok(self.commit_then(Box::new(|| ())).await?)
    }

    /// Commits it, and does something right then: in the order of commits, and before the next transaction ends.
    pub(crate) async fn commit_then(self, then: Then) -> Result<(), NotCommitted> {
        let mut open = self.open.into_inner();
        match open.share.take() {
            Some(share) => turns::leave(open, share, Some(then)).await,
            None => open.commit(then).await,
        }
    }

    /// Takes back what it did. An error where it had read what others did that was to be committed with it, and that came
    /// to nothing: then what it found out was never true.
    pub(crate) async fn undo(self) -> Result<(), NotCommitted> {
        let mut open = self.open.into_inner();
        match open.share.take() {
            Some(share) => turns::leave(open, share, None).await,
            None => {
                open.roll_back().await;
                Ok(())
            }
        }
    }

    /// Takes back what it did.
    pub async fn rollback(self) -> Result<(), DbErr> {
        Ok(self.undo().await?)
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DatabaseBackend {
        self.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let mut open = self.open.lock().await;
        let done = open.next()?.execute(&statement).await;
        open.busy = false;
        done
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let mut open = self.open.lock().await;
        let done = open.next()?.execute_text(sql).await;
        open.busy = false;
        done
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let mut open = self.open.lock().await;
        let found = open.next()?.first(&statement).await;
        open.busy = false;
        found
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut open = self.open.lock().await;
        let found = open.next()?.all(&statement).await;
        open.busy = false;
        found
    }

    fn support_returning(&self) -> bool {
        self.backend != DatabaseBackend::MySql
    }
}

impl Rows for Transaction {}

/// A connection in a transaction. It goes back to where it came from when that has ended, and is closed where nobody knows
/// whether it has.
pub(super) struct Open {
    lent: Option<Lent>,
    held: Arc<Held>,
    /// A statement is under way, or has failed at what must not fail.
    busy: bool,
    /// With whom it shares its commit, where it does.
    pub(super) share: Option<Share>,
}

impl Open {
    /// Begins a transaction, by these words.
    pub async fn begin(lent: Lent, held: Arc<Held>, begin: &'static str) -> Result<Self, DbErr> {
        let mut open = Self { lent: Some(lent), held, busy: false, share: None };
        open.say(begin).await?;
        Ok(open)
    }

    /// The connection, for the next statement of the work. None after one that was given up halfway: what is true by now is
    /// for the database alone to say.
    fn next(&mut self) -> Result<&mut Lent, DbErr> {
        if self.busy {
            return Err(DbErr::Custom("a statement of this transaction was given up".to_owned()));
        }
        self.connection()
    }

    /// The connection, for one statement: `busy` until whoever has it says otherwise.
    fn connection(&mut self) -> Result<&mut Lent, DbErr> {
        self.busy = true;
        self.lent.as_mut().ok_or_else(|| DbErr::Custom("a transaction has ended".to_owned()))
    }

    /// Executes words that must not fail: after an error the connection is of no more use.
    pub async fn say(&mut self, words: &'static str) -> Result<(), DbErr> {
        self.connection()?.execute_text(words).await?;
        self.busy = false;
        Ok(())
    }

    async fn commit(mut self, then: Then) -> Result<(), NotCommitted> {
        if let Err(error) = self.say("COMMIT").await {
            // What is left of it, if anything: some databases have ended it, others have not.
            self.roll_back().await;
            return Err(NotCommitted::Failed(error));
        }
        then();
        self.put_back();
        Ok(())
    }

    /// Ends it without its changes.
    pub async fn roll_back(mut self) {
        if self.say("ROLLBACK").await.is_ok() {
            self.put_back();
        }
    }

    /// The transaction has ended: the connection can be used again.
    pub fn put_back(mut self) {
        if let Some(lent) = self.lent.take() {
            self.held.keep(lent);
        }
    }

    /// An error as others get it, too.
    pub fn same(error: &DbErr) -> DbErr {
        match error {
            DbErr::Exec(RuntimeErr::SqlxError(cause)) => DbErr::Exec(RuntimeErr::SqlxError(cause.clone())),
            other => DbErr::Custom(other.to_string()),
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let Some(lent) = self.lent.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            // The very end of a process. The driver could not close it either, and the database takes back what was
            // not committed.
            return std::mem::forget(lent);
        };
        let share = self.share.take();
        if self.busy {
            lent.close();
            return share.into_iter().for_each(Share::undone);
        }
        // Whoever had it is gone in the middle: panicked, or given up. Closed where nobody comes to take that back, either.
        let open = Self { lent: Some(lent), held: self.held.clone(), busy: true, share: None };
        runtime.spawn(async move {
            match share {
                Some(share) => {
                    let _ = turns::leave(open, share, None).await;
                }
                None => open.roll_back().await,
            }
        });
    }
}

//! ImportArticles: rows in, batches to the store, one report out.

use std::{collections::HashSet, pin::pin, sync::Arc, time::Duration};

use contracts::article::{ImportArticlesRequest, ImportArticlesResponse, ImportError, ImportViolation};
use futures::{Stream, StreamExt as _};
use kit::{Call, Fault, Reason, Tasks, Writer};
use tokio::time::timeout;
use tonic::Status;

use super::row;
use crate::{
    domain::import::{Done, Row},
    error::Error,
    store::{articles::fold_code, import},
};

/// Rows of one transaction. More of them make it hardly quicker, but others wait longer for their turn.
const BATCH: usize = 250;
/// How long a batch that is not full waits for more rows.
const LINGER: Duration = Duration::from_millis(250);
/// How long the next row may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Failed rows that the answer names; the others are counted.
const MOST_ERRORS: usize = 1_000;
/// Tries of a batch of which others create the articles at the same time.
const TRIES: u32 = 5;

/// Takes rows until they end.
pub async fn import_articles(
    db: &Writer<Error>,
    tasks: &Tasks,
    call: &Call,
    rows: impl Stream<Item = Result<ImportArticlesRequest, Status>>,
) -> Result<ImportArticlesResponse, Status> {
    let mut rows = pin!(rows);
    let mut import =
        Import { db, call, batch: Vec::new(), codes: HashSet::new(), answer: Default::default() };
    let mut number = 0;
    loop {
        let patience = if import.batch.is_empty() { PATIENCE } else { LINGER };
        let next = tokio::select! {
            biased;
            () = tasks.draining() => return Err(going_away().into()),
            next = timeout(patience, rows.next()) => next,
        };
        match next {
            Ok(Some(sent)) => {
                number += 1;
                match row::read(sent?) {
                    Ok(row) => import.add(number, row).await?,
                    Err(error) => import.fail(ImportError { row: number, ..error }),
                }
            }
            Ok(None) => {
                import.commit().await?;
                return Ok(import.answer);
            }
            Err(_) if import.batch.is_empty() => return Err(too_slow().into()),
            Err(_) => import.commit().await?,
        }
    }
}

struct Import<'a> {
    db: &'a Writer<Error>,
    call: &'a Call,
    /// Rows that are not committed yet, by their numbers.
    batch: Vec<(i64, Row)>,
    /// Their codes: a batch has each once.
    codes: HashSet<String>,
    answer: ImportArticlesResponse,
}

impl Import<'_> {
    async fn add(&mut self, number: i64, row: Row) -> Result<(), Fault> {
        if !self.codes.insert(fold_code(&row.code)) {
            self.commit().await?;
            self.codes.insert(fold_code(&row.code));
        }
        self.batch.push((number, row));
        if self.batch.len() < BATCH { Ok(()) } else { self.commit().await }
    }

    fn fail(&mut self, error: ImportError) {
        self.answer.failed += 1;
        if self.answer.errors.len() < MOST_ERRORS {
            self.answer.errors.push(error);
        }
    }

    async fn commit(&mut self) -> Result<(), Fault> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.codes.clear();
        let (numbers, rows): (Vec<_>, Vec<_>) = self.batch.drain(..).unzip();
        let rows = Arc::new(rows);
        let mut tries = 1;
        let done = loop {
            let done = self
                .db
                .transact(self.call, rows.clone(), |tx, rows| async move { import::apply(&tx, &rows).await });
            match done.await {
                // Another import or CreateArticle has made one of the codes since they were looked up: now it is found.
                Err(Error::CodeTaken) if tries < TRIES => tries += 1,
                done => break done?,
            }
        };
        for ((number, row), done) in numbers.into_iter().zip(rows.iter()).zip(done) {
            match done {
                Ok(Done::Created) => self.answer.created += 1,
                Ok(Done::Updated) => self.answer.updated += 1,
                Ok(Done::Unchanged) => self.answer.unchanged += 1,
                Err(unfit) => {
                    let violation =
                        ImportViolation { field: unfit.field().to_owned(), description: unfit.to_string() };
                    self.fail(ImportError { row: number, ..row::error(&row.code, vec![violation]) });
                }
            }
        }
        // Rows come before their batch is committed, so failures are noted out of their order.
        self.answer.errors.sort_by_key(|error| error.row);
        Ok(())
    }
}

fn going_away() -> Fault {
    let message = "this instance is going away: import the rest elsewhere by sending everything again";
    Fault::new(Reason::UpstreamUnavailable, message)
}

fn too_slow() -> Fault {
    let message = format!("no row came for {} seconds", PATIENCE.as_secs());
    Fault::new(Reason::DeadlineExceeded, message)
}

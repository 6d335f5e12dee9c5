//! An ordered scan: the orders of a list whose customers fit a query, where these are too many to look up the
//! orders of each. Orders are read in the list's order, a batch at a time, and the user service says which of the
//! batch's customers fit. As they are many, a page is soon full; a bound on the rows of one page has the caller go on
//! with the next.

use std::collections::{BTreeSet, HashSet};

use kit::{
    Scope, Time,
    db::Rows,
    id::{OrderId, UserId},
};

use super::{
    entities::order,
    lists::{self, Filter},
    placed::placed,
    search::Search,
};
use crate::error::Error;

/// How a list is ordered.
#[derive(Debug, Clone, Copy)]
pub enum Sort {
    /// By creation, the newest first.
    Created,
    /// By placing; orders that were never placed are left out.
    Placed { descending: bool },
}

/// Where an order stands in a list, however that is ordered.
pub type Place = (Time, OrderId);

/// An order's place in a list.
pub fn place(order: &order::Model) -> Place {
    (order.place_time.unwrap_or(Time(0)), order.id)
}

/// The orders of a list after a place.
pub async fn rows(
    db: &impl Rows,
    scope: Scope,
    filter: &Filter,
    sort: Sort,
    after: Option<Place>,
    limit: u64,
) -> Result<Vec<order::Model>, Error> {
    match sort {
        Sort::Created => lists::list(db, scope, filter, after.map(|(_, id)| id), limit).await,
        Sort::Placed { descending } => placed(db, scope, filter, descending, after, limit).await,
    }
}

/// How much is read for a page.
#[derive(Debug)]
pub struct Scan {
    /// Orders of a batch; the user service takes as many customers.
    pub batch: u64,
    pub batches: u32,
}

/// What a scan found.
#[derive(Debug)]
pub struct Scanned {
    pub rows: Vec<order::Model>,
    /// The last order that was looked at, where there are more and not enough were found.
    pub stopped_at: Option<Place>,
}

impl Scan {
    /// What lists read: up to 10,000 orders for a page.
    pub const OF_A_PAGE: Scan = Scan { batch: 1_000, batches: 10 };

    /// Up to `limit` of the orders after a place that the search finds, or whose customers `fit`.
    pub async fn run<F, Fut>(
        &self,
        db: &impl Rows,
        (filter, sort): (&Filter, Sort),
        search: &Search,
        mut after: Option<Place>,
        limit: u64,
        fit: F,
    ) -> Result<Scanned, Error>
    where
        F: Fn(BTreeSet<UserId>) -> Fut,
        Fut: Future<Output = Result<HashSet<UserId>, Error>>,
    {
        let mut found = Vec::new();
        for _ in 0..self.batches {
            let batch = rows(db, Scope::All, filter, sort, after, self.batch).await?;
            let is_last = (batch.len() as u64) < self.batch;
            after = batch.last().map(place);
            let fitting = match batch.is_empty() {
                true => HashSet::new(),
                false => fit(batch.iter().map(|order| order.user_id).collect()).await?,
            };
            found.extend(
                batch.into_iter().filter(|order| fitting.contains(&order.user_id) || search.finds(order)),
            );
            if is_last || found.len() as u64 >= limit {
                found.truncate(limit as usize);
                return Ok(Scanned { rows: found, stopped_at: None });
            }
        }
        Ok(Scanned { rows: found, stopped_at: after })
    }
}

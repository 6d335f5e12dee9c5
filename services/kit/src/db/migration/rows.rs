//! Migrations of rows that are there: all rows of a table, some at a time, so that memory stays bounded.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, FromQueryResult, TryGetable, Value};
use sea_orm_migration::prelude::*;

/// The rows of a table that has an `id`, by its order.
pub struct Rows {
    query: SelectStatement,
    after: Option<Value>,
}

impl Rows {
    /// These columns of a table, so many rows at a time. A migration names them itself: what the table's entity
    /// has one day may not be there yet.
    pub fn of(table: &'static str, columns: &[&'static str], at_a_time: u64) -> Self {
        let mut query = Query::select();
        query.columns(columns.iter().copied()).from(table).order_by("id", Order::Asc).limit(at_a_time);
        Self { query, after: None }
    }

    /// Only rows of which this is true when they are read.
    #[must_use]
    pub fn only(mut self, condition: impl Into<Expr>) -> Self {
        self.query.and_where(condition.into());
        self
    }

    /// The next rows; none after the last.
    pub async fn next<R: FromQueryResult, I: Into<Value>>(
        &mut self,
        db: &SchemaManagerConnection<'_>,
        id: fn(&R) -> I,
    ) -> Result<Option<Vec<R>>, DbErr> {
        let mut query = self.query.clone();
        if let Some(after) = self.after.clone() {
            query.and_where(Expr::col("id").gt(after));
        }
        let rows = R::find_by_statement(db.get_database_backend().build(&query)).all(db).await?;
        self.after = rows.last().map(|row| id(row).into());
        Ok((!rows.is_empty()).then_some(rows))
    }
}

/// The words that are kept of some owners, in a table of owners and words: what a migration need not write again. The
/// owners follow each other by their ids, as [`Rows`] has them: a range of ids is read, because PostgreSQL would read
/// all of a table that it has no figures of, as after a restore, rather than look up hundreds of ids.
pub async fn kept_words<I: TryGetable + Ord + Copy + Into<Value>>(
    db: &SchemaManagerConnection<'_>,
    table: &'static str,
    owner: &'static str,
    owners: impl IntoIterator<Item = I>,
) -> Result<BTreeMap<I, BTreeSet<String>>, DbErr> {
    let mut kept: BTreeMap<I, BTreeSet<String>> = BTreeMap::new();
    let owners: BTreeSet<I> = owners.into_iter().collect();
    let (Some(first), Some(last)) = (owners.first(), owners.last()) else { return Ok(kept) };
    let mut query = Query::select();
    query.column(owner).column("word").from(table);
    query.and_where(Expr::col(owner).between(*first, *last));
    for row in db.query_all(&query).await? {
        kept.entry(row.try_get("", owner)?).or_default().insert(row.try_get("", "word")?);
    }
    Ok(kept)
}

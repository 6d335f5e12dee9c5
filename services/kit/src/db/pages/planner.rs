//! How a page of a list is read, where pages are by keyset and filters may fit few rows or many.
//!
//! - **Ordered scan**: seeks along indexes that end with the list's order, one for each value of what the indexes begin
//!   with, merged, and read until the page is full. Filters that have no such index are checked for each row.
//! - **Index, then top-N**: the rows that a selective filter finds by an index of its own, sorted.
//! - Where a filter that has an index of its own fits more than a few rows, the ordered scan is tried first, over
//!   [`LOOK_AHEAD`] rows at most. If they do not fill the page, what fits stands late in this order: index, then top-N.
//!
//! The several statements of a page see different states of the database where others commit in between. A row that
//! moves across the page's end meanwhile is on one page, on both or on none, as with any keyset paging; none is twice
//! on a page, because each plan reads a whole page by one statement.

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseBackend, DbErr, QueryResult,
    sea_query::{Expr, ExprTrait, Func, Order as Direction, Query, SelectStatement, UnionType},
};

/// How many rows a scan looks at for a filter that may be selective.
pub const LOOK_AHEAD: u64 = 2_000;

/// The order of a list.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    pub backend: DatabaseBackend,
    /// What its statements call the columns that it is by: those of the sort key, then the id.
    pub columns: &'static [&'static str],
    pub descending: bool,
}

/// The plans of a page.
pub struct Plans {
    pub order: Order,
    /// Rows after the page before, by the order's columns: each along an index that goes on in this order. A row is in one
    /// of them at the most.
    pub seeks: Vec<SelectStatement>,
    /// What each row must fit, [`unindexed`] but for columns of the seeks' own indexes.
    pub filter: Condition,
    /// Where the filter may fit few rows: how to find them.
    pub selective: Option<Selective>,
}

/// A filter with an index of its own.
pub struct Selective {
    /// It fits so few rows that they are sorted without a scan first.
    pub few: bool,
    /// The rows after the page before that it fits, by the order's columns, sorted: a page of them.
    pub top_n: SelectStatement,
}

impl Plans {
    /// A page of up to `limit` rows. `before` is the condition of standing before a row in this order, and `read` reads
    /// the rows of a statement of their keys.
    pub async fn page<R, E, Fut>(
        &self,
        db: &impl ConnectionTrait,
        limit: u64,
        before: impl Fn(&QueryResult) -> Result<Condition, DbErr>,
        read: impl Fn(SelectStatement) -> Fut,
    ) -> Result<Vec<R>, E>
    where
        E: From<DbErr>,
        Fut: Future<Output = Result<Vec<R>, E>>,
    {
        let scan = |filter: Condition| self.scan(filter, limit, 0);
        let Some(selective) = &self.selective else { return read(scan(self.filter.clone())).await };
        if !selective.few {
            let ahead = db.query_one(&self.scan(Condition::all(), 1, LOOK_AHEAD)).await?;
            let Some(ahead) = ahead else {
                // The list ends before that: the scan is bounded by itself.
                return read(scan(self.filter.clone())).await;
            };
            let near = read(scan(self.filter.clone().add(before(&ahead)?))).await?;
            if near.len() as u64 == limit {
                return Ok(near);
            }
        }
        read(selective.top_n.clone()).await
    }

    /// The keys of rows that fit, by an ordered scan.
    pub fn scan(&self, filter: Condition, limit: u64, offset: u64) -> SelectStatement {
        let seeks = self.seeks.iter().map(|seek| seek.clone().cond_where(filter.clone()).to_owned());
        self.order.merge(UnionType::All, seeks, limit, offset)
    }
}

impl Order {
    /// What several seeks find, merged into this order.
    pub fn merge(
        &self,
        how: UnionType,
        seeks: impl IntoIterator<Item = SelectStatement>,
        limit: u64,
        offset: u64,
    ) -> SelectStatement {
        let mut parts = seeks.into_iter().map(|mut rows| {
            if self.backend == DatabaseBackend::Sqlite {
                // It merges what it reads by itself, row by row.
                return rows;
            }
            // The others would read all of each: a page of each is enough.
            self.sort(&mut rows, limit + offset);
            Query::select().columns(self.columns.iter().copied()).from_subquery(rows, "part").to_owned()
        });
        let mut merged = parts.next().unwrap_or_default();
        merged.unions(parts.map(|next| (how, next)));
        if offset > 0 {
            merged.offset(offset);
        }
        self.sort(&mut merged, limit).to_owned()
    }

    /// Sorts a statement that has the order's columns, and ends it after so many rows.
    pub fn sort<'a>(&self, rows: &'a mut SelectStatement, limit: u64) -> &'a mut SelectStatement {
        let direction = if self.descending { Direction::Desc } else { Direction::Asc };
        for column in self.columns {
            rows.order_by(*column, direction.clone());
        }
        rows.limit(limit)
    }

    /// Whether a row with this key and id stands after the last row of the page before.
    pub fn after(&self, [key, id]: [Expr; 2], last: [Expr; 2]) -> Condition {
        self.beyond([key, id], last, self.descending)
    }

    /// Whether a row with this key and id stands before another one.
    pub fn before(&self, [key, id]: [Expr; 2], other: [Expr; 2]) -> Condition {
        self.beyond([key, id], other, !self.descending)
    }

    fn beyond(&self, [key, id]: [Expr; 2], [other_key, other_id]: [Expr; 2], less: bool) -> Condition {
        let mut all = Condition::all();
        // MySQL finds no range in a comparison of pairs: the first column alone gives it one.
        if self.backend == DatabaseBackend::MySql {
            let (key, other) = (key.clone(), other_key.clone());
            all = all.add(if less { key.lte(other) } else { key.gte(other) });
        }
        let (place, other) = (Expr::tuple([key, id]), Expr::tuple([other_key, other_id]));
        all.add(if less { place.lt(other) } else { place.gt(other) })
    }
}

/// A column that no index is used for: planners that know no figures would take one that leads to many rows, and sort
/// them.
pub fn unindexed(column: impl ColumnTrait) -> Expr {
    let plain = || Expr::col((column.entity_name(), column));
    Func::coalesce([plain(), plain()]).into()
}

#[cfg(test)]
mod tests;

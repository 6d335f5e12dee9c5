//! What a service contributes to the audit: whether its own equations hold, and what it knows of orders.
//!
//! Its own equations are conditions in SQL over rows that the database itself adds up, in one statement and
//! so at one moment: only what does not hold leaves the database.

use contracts::mesh::{OrderFigures, Violation};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseBackend, DbErr, EntityTrait, IntoSimpleExpr,
    QueryFilter, QueryOrder, QueryResult, QuerySelect, Statement, prelude::Uuid, sea_query::ExprTrait,
};

use crate::{Db, Fault, db::Transaction, id::OrderId};

/// The most violations of one kind that are reported.
pub const MOST: usize = 1_000;
/// Orders on one page of figures.
const PAGE: u64 = 500;

/// A service that can be audited.
#[async_trait::async_trait]
pub trait Audit: Send + Sync {
    /// Checks its own equations: how many things it looked at, and what does not hold.
    async fn check(&self) -> Result<(i64, Vec<Violation>), Fault>;

    /// The last order of the page of figures after an order; none at the end.
    async fn page(&self, after: OrderId) -> Result<Option<OrderId>, Fault>;

    /// What it knows of orders, in the order of their ids.
    async fn figures(&self, of: &Span) -> Result<Vec<OrderFigures>, Fault>;
}

/// Which orders are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Span {
    These(Vec<OrderId>),
    /// All after one, up to another.
    Between(OrderId, OrderId),
}

impl Span {
    /// Their rows, by the column that names the order.
    pub fn of<C: ColumnTrait>(&self, column: C) -> Condition {
        match self {
            Span::These(ids) => Condition::all().add(column.is_in(ids.iter().copied())),
            Span::Between(after, last) => Condition::all().add(column.gt(*after)).add(column.lte(*last)),
        }
    }
}

/// The last order of the page after an order, among the rows of a table; `column` names the order and has an
/// index.
pub async fn page_of<E: EntityTrait>(
    db: &Db,
    column: E::Column,
    only: Condition,
    after: OrderId,
) -> Result<Option<OrderId>, Fault> {
    let ids = E::find()
        .select_only()
        .column(column)
        .distinct()
        .filter(column.into_simple_expr().gt(after))
        .filter(only)
        .order_by_asc(column)
        .limit(PAGE)
        .into_tuple::<OrderId>()
        .all(db.read())
        .await?;
    Ok(ids.last().copied())
}

/// A column of ids, and how they are written.
pub type IdColumn = (&'static str, fn(Uuid) -> String);

/// Rows of which equations must hold.
pub struct Books {
    /// The tables behind FROM, with the sums that the equations compare.
    pub rows: &'static str,
    /// What a violation names: columns, and how the ids in them are written.
    pub ids: &'static [IdColumn],
    /// What a violation shows: words, and the expressions behind them.
    pub figures: &'static [(&'static str, &'static str)],
    /// Names of equations, and the conditions that hold. What is NULL does not.
    pub equations: &'static [(&'static str, &'static str)],
}

impl Books {
    /// What does not hold.
    pub async fn violations(&self, on: &Snapshot) -> Result<Vec<Violation>, DbErr> {
        let rows =
            on.0.query_all_raw(Statement::from_string(on.0.get_database_backend(), self.sql())).await?;
        let mut violations = Vec::new();
        for row in &rows {
            let ids = self.read_ids(row)?;
            let detail = self.read_figures(row)?;
            for (number, (equation, _)) in self.equations.iter().enumerate() {
                if text(row, &format!("e{number}"))?.as_deref() != Some("1") {
                    violations.push(Violation {
                        equation: (*equation).to_owned(),
                        ids: ids.clone(),
                        detail: detail.clone(),
                    });
                }
            }
        }
        violations.truncate(MOST);
        Ok(violations)
    }

    /// Everything but the ids is read as text: what sums and conditions are typed as differs too much.
    fn sql(&self) -> String {
        let ids = self.ids.iter().enumerate().map(|(number, (column, _))| format!("{column} AS i{number}"));
        let figures = self
            .figures
            .iter()
            .enumerate()
            .map(|(number, (_, expression))| format!("CAST({expression} AS CHAR(40)) AS f{number}"));
        let equations = self.equations.iter().enumerate().map(|(number, (_, holds))| {
            format!("CAST(CASE WHEN {holds} THEN 1 ELSE 0 END AS CHAR(1)) AS e{number}")
        });
        let columns = ids.chain(figures).chain(equations).collect::<Vec<_>>().join(", ");
        let all = self.equations.iter().map(|(_, holds)| format!("({holds})")).collect::<Vec<_>>();
        let all = all.join(" AND ");
        let rows = self.rows;
        format!("SELECT {columns} FROM {rows} WHERE CASE WHEN {all} THEN 1 ELSE 0 END = 0 LIMIT {MOST}")
    }

    fn read_ids(&self, row: &QueryResult) -> Result<Vec<String>, DbErr> {
        let read = |(number, (_, write)): (usize, &IdColumn)| {
            Ok(write(row.try_get::<Uuid>("", &format!("i{number}"))?))
        };
        self.ids.iter().enumerate().map(read).collect()
    }

    fn read_figures(&self, row: &QueryResult) -> Result<String, DbErr> {
        let read = |(number, (word, _)): (usize, &(&str, &str))| {
            Ok(format!("{word} {}", text(row, &format!("f{number}"))?.unwrap_or_else(|| "none".to_owned())))
        };
        let words: Result<Vec<String>, DbErr> = self.figures.iter().enumerate().map(read).collect();
        Ok(words?.join(", "))
    }
}

/// PostgreSQL fills a CHAR up with blanks.
fn text(row: &QueryResult, column: &str) -> Result<Option<String>, DbErr> {
    Ok(row.try_get::<Option<String>>("", column)?.map(|text| text.trim_end().to_owned()))
}

/// A transaction that only reads, and may take its time.
pub struct Snapshot(Transaction);

impl Snapshot {
    /// Begins one.
    pub async fn of(db: &Db) -> Result<Self, DbErr> {
        let tx = db.read().begin().await?;
        if tx.get_database_backend() == DatabaseBackend::Postgres {
            tx.execute_unprepared("SET LOCAL statement_timeout = '60s'").await?;
        }
        Ok(Self(tx))
    }

    /// How many rows a table has.
    pub async fn count(&self, table: &str) -> Result<i64, DbErr> {
        let count = format!("SELECT COUNT(*) AS rows_there FROM {table}");
        let row = self.0.query_one_raw(Statement::from_string(self.0.get_database_backend(), count)).await?;
        row.map_or(Ok(0), |row| row.try_get("", "rows_there"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_is_unknown_does_not_hold() {
        let books = Books {
            rows: "things t",
            ids: &[("t.id", |id| id.to_string())],
            figures: &[("free", "t.free")],
            equations: &[("one", "t.free = 1"), ("two", "t.sold = 2")],
        };
        assert_eq!(
            books.sql(),
            "SELECT t.id AS i0, CAST(t.free AS CHAR(40)) AS f0, \
             CAST(CASE WHEN t.free = 1 THEN 1 ELSE 0 END AS CHAR(1)) AS e0, \
             CAST(CASE WHEN t.sold = 2 THEN 1 ELSE 0 END AS CHAR(1)) AS e1 FROM things t \
             WHERE CASE WHEN (t.free = 1) AND (t.sold = 2) THEN 1 ELSE 0 END = 0 LIMIT 1000"
        );
    }
}

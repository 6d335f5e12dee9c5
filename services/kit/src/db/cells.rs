//! Rows that are decoded where they are read, each once, by the places of their columns.

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbErr, QueryResult, Statement, StatementBuilder, TryGetable,
    sea_query::ValueType,
};

use super::direct;

/// The cells of a row.
pub struct Cells<'r>(Row<'r>);

enum Row<'r> {
    /// Of a read in place: SQLite's own memory, until the next row.
    Direct(&'r rusqlite::Row<'r>),
    Driver(&'r QueryResult),
}

impl<'r> Cells<'r> {
    pub(super) fn direct(row: &'r rusqlite::Row<'r>) -> Self {
        Self(Row::Direct(row))
    }

    pub(super) fn driver(row: &'r QueryResult) -> Self {
        Self(Row::Driver(row))
    }

    /// The cell of the column at this place, from 0.
    pub fn get<T: TryGetable + ValueType>(&self, place: usize) -> Result<T, DbErr> {
        match self.0 {
            Row::Driver(row) => row.try_get_by_index(place),
            Row::Direct(row) => {
                let not_so = || DbErr::Type(format!("column {place} is no {}", T::type_name()));
                let cell = row.get_ref(place).map_err(|_| not_so())?;
                let value = direct::value(cell, &T::array_type()).ok_or_else(not_so)?;
                <T as ValueType>::try_from(value).map_err(|_| not_so())
            }
        }
    }
}

/// Whatever rows can be read from.
pub trait Rows: ConnectionTrait {
    /// The rows of a query, each decoded by `read`, which may be called more than once for a row.
    fn rows<T: Send>(
        &self,
        query: &impl StatementBuilder,
        read: impl Fn(&Cells<'_>) -> Result<T, DbErr> + Send + Sync,
    ) -> impl Future<Output = Result<Vec<T>, DbErr>> + Send {
        let statement = query.build(&self.get_database_backend());
        async move { self.rows_of(statement, &read).await }
    }

    /// The row of a query that finds one at the most.
    fn row<T: Send>(
        &self,
        query: &impl StatementBuilder,
        read: impl Fn(&Cells<'_>) -> Result<T, DbErr> + Send + Sync,
    ) -> impl Future<Output = Result<Option<T>, DbErr>> + Send {
        let statement = query.build(&self.get_database_backend());
        async move { Ok(self.rows_of(statement, &read).await?.pop()) }
    }

    /// The rows of a statement.
    fn rows_of<T: Send>(
        &self,
        statement: Statement,
        read: &(dyn Fn(&Cells<'_>) -> Result<T, DbErr> + Send + Sync),
    ) -> impl Future<Output = Result<Vec<T>, DbErr>> + Send {
        async move {
            let rows = self.query_all_raw(statement).await?;
            rows.iter().map(|row| read(&Cells::driver(row))).collect()
        }
    }
}

impl Rows for DatabaseConnection {}

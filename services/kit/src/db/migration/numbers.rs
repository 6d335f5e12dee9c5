//! Columns of states: from words, or from wider integers, to the small numbers of the contract.

use sea_orm::{ConnectionTrait, DatabaseBackend};
use sea_orm_migration::{prelude::*, schema::*};

use super::Steps;

/// A column that holds a state.
pub struct StateColumn {
    pub table: &'static str,
    pub column: &'static str,
    /// Whether it may hold nothing.
    pub null: bool,
    /// The indexes that it is part of, each with all of its columns.
    pub indexes: &'static [(&'static str, &'static [&'static str])],
}

impl StateColumn {
    /// Has the column hold numbers where it held words. A word that has no number stops the migration; on SQLite it stays,
    /// and its row cannot be read.
    pub async fn renumber(&self, manager: &Steps<'_>, numbers: &[(&str, i16)]) -> Result<(), DbErr> {
        let Self { table, column, null, .. } = *self;
        let db = manager.get_connection();
        match manager.get_database_backend() {
            DatabaseBackend::Postgres => {
                let cases = self.cases(numbers, column, "", &format!("CAST({column} AS smallint)"));
                // PostgreSQL makes the indexes on the column anew by itself.
                let change = format!("ALTER TABLE {table} ALTER COLUMN {column} TYPE smallint USING {cases}");
                db.execute_unprepared(&change).await?;
            }
            DatabaseBackend::MySql => {
                // In two statements that commit by themselves: a migration that was killed between them finds numbers,
                // as text, and lets them be; one that was killed later finds them in a column of numbers, hence the cast.
                let cases = self.cases(numbers, &format!("CAST({column} AS char)"), "'", column);
                db.execute_unprepared(&format!("UPDATE {table} SET {column} = {cases}")).await?;
                let nothing = if null { "NULL" } else { "NOT NULL" };
                db.execute_unprepared(&format!("ALTER TABLE {table} MODIFY {column} smallint {nothing}"))
                    .await?;
            }
            _ => self.replace(manager, &self.cases(numbers, column, "", column)).await?,
        }
        Ok(())
    }

    /// Has a column of wider integers be as narrow as the others.
    pub async fn narrow(&self, manager: &Steps<'_>) -> Result<(), DbErr> {
        let Self { table, column, .. } = *self;
        let change = match manager.get_database_backend() {
            DatabaseBackend::Postgres => {
                format!("ALTER TABLE {table} ALTER COLUMN {column} TYPE smallint")
            }
            DatabaseBackend::MySql => format!("ALTER TABLE {table} MODIFY {column} smallint NOT NULL"),
            // SQLite stores an integer in as many bytes as it needs, whatever its column is called.
            _ => return Ok(()),
        };
        manager.get_connection().execute_unprepared(&change).await.map(|_| ())
    }

    /// The number of each word, and what takes the place of a word that is not known.
    fn cases(&self, numbers: &[(&str, i16)], word: &str, quote: &str, unknown: &str) -> String {
        let when = |(word, number): &(&str, i16)| format!("WHEN '{word}' THEN {quote}{number}{quote} ");
        let cases: String = numbers.iter().map(when).collect();
        format!("CASE {word} {cases}ELSE {unknown} END")
    }

    /// On SQLite, where a column keeps its type: a new one takes its place.
    async fn replace(&self, manager: &Steps<'_>, cases: &str) -> Result<(), DbErr> {
        let Self { table, column, null, indexes } = *self;
        let new = if null {
            small_integer_null("renumbered").take()
        } else {
            small_integer("renumbered").default(0).take()
        };
        manager.alter_table(Table::alter().table(table).add_column(new).to_owned()).await?;
        manager.write(&format!("UPDATE {table} SET renumbered = {cases}")).await?;
        for (name, _) in indexes {
            manager.drop_index(Index::drop().name(*name).table(table).to_owned()).await?;
        }
        manager.alter_table(Table::alter().table(table).drop_column(column).to_owned()).await?;
        let rename = Table::alter().table(table).rename_column("renumbered", column).to_owned();
        manager.alter_table(rename).await?;
        for (name, columns) in indexes {
            let mut index = Index::create().name(*name).table(table).to_owned();
            for column in *columns {
                index.col(*column);
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

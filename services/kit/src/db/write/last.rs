//! What a transaction writes last: rows that nothing in it reads or changes any more.
//!
//! On PostgreSQL they go with the events in one statement, as parts of a WITH: one round trip instead of one each. The other
//! databases take them one after the other.

use sea_orm::{
    ConnectionTrait, DatabaseBackend, DbErr,
    sea_query::{CommonTableExpression, InsertStatement, SubQueryStatement, UpdateStatement, WithClause},
};

/// How many parts a statement has at the most. That keeps its parameters below the limit of every database.
const PARTS: usize = 8;

/// A statement that may wait for the end of its transaction.
#[derive(Debug, Clone)]
pub enum Last {
    Insert(InsertStatement),
    Update(UpdateStatement),
}

impl From<InsertStatement> for Last {
    fn from(insert: InsertStatement) -> Self {
        Self::Insert(insert)
    }
}

impl From<UpdateStatement> for Last {
    fn from(update: UpdateStatement) -> Self {
        Self::Update(update)
    }
}

impl From<Last> for SubQueryStatement {
    fn from(last: Last) -> Self {
        match last {
            Last::Insert(insert) => insert.into(),
            Last::Update(update) => update.into(),
        }
    }
}

/// Writes them. The parts of one statement see nothing of each other, and their order is nobody's to say: which is why a
/// row that another statement of the transaction reads or changes must not be among them.
pub(super) async fn write(tx: &impl ConnectionTrait, mut parts: Vec<Last>) -> Result<(), DbErr> {
    let at_once = if tx.get_database_backend() == DatabaseBackend::Postgres { PARTS } else { 1 };
    while !parts.is_empty() {
        let rest = parts.split_off(parts.len().min(at_once));
        if let Some(last) = parts.pop() {
            write_together(tx, parts, last).await?;
        }
        parts = rest;
    }
    Ok(())
}

async fn write_together(tx: &impl ConnectionTrait, others: Vec<Last>, last: Last) -> Result<(), DbErr> {
    if others.is_empty() {
        match last {
            Last::Insert(insert) => tx.execute(&insert).await?,
            Last::Update(update) => tx.execute(&update).await?,
        };
        return Ok(());
    }
    let mut with = WithClause::new();
    for (number, other) in others.into_iter().enumerate() {
        with.cte(CommonTableExpression::new().table_name(format!("part_{number}")).query(other).to_owned());
    }
    tx.execute(&with.query(last)).await?;
    Ok(())
}

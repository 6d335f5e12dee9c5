//! Inserting a row unless there is one: the database decides who is first.

use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DatabaseBackend, DbErr, EntityTrait, sea_query::OnConflict,
};

use crate::fault::unique_violation;

/// Inserts a row, unless there is one with the same value of these columns, which a unique index covers;
/// says whether it did. Waits for another transaction that has just inserted such a row.
///
/// Not by `OnConflict::do_nothing` on MySQL: the driver has it count the rows that it finds, so a row that was
/// there already and is left alone counts as one too.
pub async fn insert_new<A>(
    db: &impl ConnectionTrait,
    row: A,
    columns: impl IntoIterator<Item = <A::Entity as EntityTrait>::Column>,
) -> Result<bool, DbErr>
where
    A: ActiveModelTrait,
{
    let insert = A::Entity::insert(row);
    if db.get_database_backend() == DatabaseBackend::MySql {
        // There, an error ends the statement and not the transaction.
        return match insert.exec_without_returning(db).await {
            Ok(_) => Ok(true),
            Err(error) if unique_violation(&error).is_some() => Ok(false),
            Err(error) => Err(error),
        };
    }
    #[allow(clippy::disallowed_methods, reason = "this is the function to use instead")]
    let first = OnConflict::columns(columns).do_nothing().to_owned();
    Ok(insert.on_conflict(first).exec_without_returning(db).await? == 1)
}

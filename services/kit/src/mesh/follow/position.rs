//! Where one is in a feed that one follows.

use sea_orm::{ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter, sea_query::Expr};

use crate::{Db, Tx, insert_new, outbox::cursor};

/// Where this role is in a feed. `source` names the feed and what it is followed for.
pub async fn position(db: &Db, source: &str) -> Result<i64, DbErr> {
    let found = cursor::Entity::find_by_id(source.to_owned()).one(db.read()).await?;
    Ok(found.map_or(0, |cursor| cursor.position))
}

/// Records how far a feed was followed, in the transaction that did what the event asks for: a process that dies
/// between the two would do it twice or never. Answers whether that is further than before.
///
/// Every replica of a role follows a feed, and all of them share one position. It never goes back, and its row stays
/// locked until the commit: of replicas that handle one event, one is answered `true`, and the others only after its
/// transaction has ended. What must not be done twice is done in that case alone.
pub async fn advance(tx: &Tx, source: &str, position: i64) -> Result<bool, DbErr> {
    // Twice: the row may be made by another replica between the update and the insert.
    for _ in 0..2 {
        let moved = cursor::Entity::update_many()
            .col_expr(cursor::Column::Position, Expr::value(position))
            .filter(cursor::Column::Source.eq(source))
            .filter(cursor::Column::Position.lt(position))
            .exec(&**tx)
            .await?;
        if moved.rows_affected > 0 {
            return Ok(true);
        }
        let row = cursor::ActiveModel { source: Set(source.to_owned()), position: Set(position) };
        if insert_new(&**tx, row, [cursor::Column::Source]).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

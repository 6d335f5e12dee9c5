//! Outlets: where events are handed on to, how far they were, and which replica does it.

use std::time::Duration;

use kit::{Time, Tx, insert_new};
use sea_orm::{
    ActiveModelTrait as _,
    ActiveValue::Set,
    ColumnTrait, DbErr, EntityTrait, IntoActiveModel as _, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait as _},
};

use super::entities::outlet::{ActiveModel, Column, Entity, Model};

/// The name of the one that leads to NATS.
pub const NATS: &str = "nats";
/// For how long a replica has an outlet for itself without saying so again.
pub const LEASE: Duration = Duration::from_secs(15);

/// A replica's turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Raised by whoever takes the outlet from another: with an older one nothing is written any more.
    pub fence: i64,
    /// Events up to here are handed on.
    pub position: i64,
    /// What they were handed on to; empty before the first.
    pub target: String,
    /// They are to be handed on from there, whatever the target already has.
    pub replays: bool,
}

/// Takes an outlet for a while, unless another replica has it.
pub async fn take(tx: &Tx, name: &str, owner: &str) -> Result<Option<Turn>, DbErr> {
    let new = ActiveModel {
        name: Set(name.to_owned()),
        position: Set(0),
        target: Set(String::new()),
        replays: Set(false),
        owner: Set(String::new()),
        fence: Set(0),
        lease_until: Set(Time(0)),
    };
    let find = || Entity::find_by_id(name.to_owned()).lock_exclusive();
    // Of two replicas that find none, one makes it; then both find it, one after the other.
    let row = match find().one(&**tx).await? {
        Some(row) => row,
        None => {
            insert_new(&**tx, new, [Column::Name]).await?;
            let Some(row) = find().one(&**tx).await? else { return Ok(None) };
            row
        }
    };
    let is_mine = row.owner == owner;
    if !is_mine && row.lease_until > tx.now() {
        return Ok(None);
    }
    let fence = if is_mine { row.fence } else { row.fence + 1 };
    let mine = Model { owner: owner.to_owned(), fence, lease_until: tx.now() + LEASE, ..row };
    let turn = Turn { fence, position: mine.position, target: mine.target.clone(), replays: mine.replays };
    Entity::update(mine.into_active_model().reset_all()).exec(&**tx).await?;
    Ok(Some(turn))
}

/// Writes how far events were handed on, and keeps the outlet for another while. `false` where it is another's by now.
pub async fn advance(tx: &Tx, name: &str, turn: &Turn) -> Result<bool, DbErr> {
    let done = Entity::update_many()
        .col_expr(Column::Position, Expr::value(turn.position))
        .col_expr(Column::Target, Expr::value(turn.target.as_str()))
        .col_expr(Column::Replays, Expr::value(turn.replays))
        .col_expr(Column::LeaseUntil, Expr::value(tx.now() + LEASE))
        .filter(Column::Name.eq(name))
        .filter(Column::Fence.eq(turn.fence))
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Gives an outlet back, so that another replica takes it at once.
pub async fn give_back(tx: &Tx, name: &str, turn: &Turn) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::Owner, Expr::value(""))
        .col_expr(Column::LeaseUntil, Expr::value(Time(0)))
        .filter(Column::Name.eq(name))
        .filter(Column::Fence.eq(turn.fence))
        .exec(&**tx)
        .await
        .map(|_| ())
}

/// Has events handed on again from after a position. Whoever has the outlet finds that it is its own no more, takes it
/// anew, and begins there. `false` where nothing was handed on yet.
pub async fn replay(tx: &Tx, name: &str, after: i64) -> Result<bool, DbErr> {
    let done = Entity::update_many()
        .col_expr(Column::Position, Expr::value(after))
        .col_expr(Column::Replays, Expr::value(true))
        .col_expr(Column::Owner, Expr::value(""))
        .col_expr(Column::Fence, Expr::col(Column::Fence).add(1))
        .col_expr(Column::LeaseUntil, Expr::value(Time(0)))
        .filter(Column::Name.eq(name))
        .filter(Column::Position.gt(after))
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected == 1)
}

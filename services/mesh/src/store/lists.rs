//! Events in their order, from a position on.

use kit::Db;
use sea_orm::{
    ColumnTrait, Condition, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::ExprTrait as _,
};

use super::entities::event::{self, Column};
use crate::domain::Types;

/// How many events one query looks at for those of some types: positions have no gaps, so it is also a bound of positions.
const LOOKED_AT: i64 = 20_000;

/// What was found.
#[derive(Debug)]
pub struct Found {
    pub events: Vec<event::Model>,
    /// How far was looked, where there may be more behind it.
    pub until: Option<i64>,
}

/// The first events after a position, of some types.
pub async fn after(db: &Db, types: &Types, after: i64, limit: u64) -> Result<Found, DbErr> {
    let behind =
        |position| event::Entity::find().filter(Column::Position.gt(position)).order_by_asc(Column::Position);
    if types.is_all() {
        let events = behind(after).limit(limit).all(db.read()).await?;
        let until = events.last().filter(|_| events.len() as u64 >= limit).map(|last| last.position);
        return Ok(Found { events, until });
    }
    // Those before it may be forgotten.
    let first = behind(after).select_only().column(Column::Position).limit(1);
    let Some(first) = first.into_tuple::<i64>().one(db.read()).await? else {
        return Ok(Found { events: Vec::new(), until: None });
    };
    let end = first.saturating_add(LOOKED_AT - 1);
    let such = behind(after).filter(Column::Position.lte(end)).filter(condition(types));
    let events = such.limit(limit).all(db.read()).await?;
    if events.len() as u64 >= limit {
        let until = events.last().map(|last| last.position);
        return Ok(Found { events, until });
    }
    let more = behind(end).select_only().column(Column::Position).limit(1);
    let more = more.into_tuple::<i64>().one(db.read()).await?.is_some();
    Ok(Found { events, until: more.then_some(end) })
}

fn condition(types: &Types) -> Condition {
    let mut any = Condition::any();
    if !types.exact().is_empty() {
        any = any.add(Column::Kind.is_in(types.exact()));
    }
    for family in types.families() {
        // A dot is followed by a slash.
        any = any.add(Column::Kind.gte(format!("{family}.")).and(Column::Kind.lt(format!("{family}/"))));
    }
    any
}

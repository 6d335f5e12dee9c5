//! What users have bought and kept: a row per user and article, kept by the transactions in which orders become
//! paid, in which paid ones are cancelled or refunded in full, and in which units come back. So a page of it costs
//! the same whatever a user has ordered.

use std::collections::HashMap;

use kit::{
    Page, Time, Tx,
    id::{ArticleId, UserId},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, DatabaseBackend, EntityTrait, IntoActiveModel, JoinType,
    ModelTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{CaseStatement, Expr, ExprTrait, OnConflict, SimpleExpr},
};

use super::{
    entities::{line, order, purchase},
    view::View,
};
use crate::{
    domain::{Line, Refunds, State},
    error::Error,
};

/// Orders in these states are bought.
const BOUGHT: [State; 3] = [State::Paid, State::Shipped, State::Delivered];

/// How many units of a line are bought: those of a paid order that did not come back, none where all of the
/// money went back.
fn units(order: &order::Model, line: &Line) -> i64 {
    let bought = BOUGHT.contains(&order.state) && order.refunds != Refunds::Full;
    if bought { (line.quantity - line.returned).into() } else { 0 }
}

/// More units of an order's lines are bought, at the time at which it was placed.
async fn bought(tx: &Tx, order: &order::Model, lines: &[(&Line, i64)]) -> Result<(), Error> {
    use purchase::Column;
    let mut rows: Vec<_> = lines
        .iter()
        .map(|(line, units)| purchase::ActiveModel {
            user_id: Set(order.user_id),
            article_id: Set(line.article_id),
            code: Set(line.code.clone()),
            name: Set(line.name.clone()),
            quantity: Set(*units),
            last_time: Set(time_of(order)),
        })
        .collect();
    // Every transaction locks the rows of a user's articles in this order, so that two never wait for each other.
    rows.sort_by_key(|row| row.article_id.clone().take());
    let backend = tx.get_database_backend();
    let new = |column: &str| match backend {
        DatabaseBackend::MySql => Expr::cust(format!("VALUES({column})")),
        _ => Expr::cust(format!("excluded.{column}")),
    };
    let old = |column: Column| Expr::col((purchase::Entity, column));
    let newest = |name: &str, column: Column| -> SimpleExpr {
        let newer = old(Column::LastTime).lte(new("last_time"));
        CaseStatement::new().case(newer, new(name)).finally(old(column)).into()
    };
    let mut merged = OnConflict::columns([Column::UserId, Column::ArticleId]);
    merged
        .value(Column::Quantity, old(Column::Quantity).add(new("quantity")))
        .value(Column::Code, newest("code", Column::Code))
        .value(Column::Name, newest("name", Column::Name))
        // Last: MySQL assigns one after the other, and the others compare with what it was.
        .value(Column::LastTime, newest("last_time", Column::LastTime));
    purchase::Entity::insert_many(rows).on_conflict(merged).exec_without_returning(&**tx).await?;
    Ok(())
}

/// So many units of an order's lines are bought no more.
async fn given_back(tx: &Tx, order: &order::Model, lines: &[(&Line, i64)]) -> Result<(), Error> {
    let articles: Vec<ArticleId> = lines.iter().map(|(line, _)| line.article_id).collect();
    let rows = purchase::Entity::find()
        .filter(purchase::Column::UserId.eq(order.user_id))
        .filter(purchase::Column::ArticleId.is_in(articles))
        .order_by_asc(purchase::Column::ArticleId)
        .lock_exclusive()
        .all(&**tx)
        .await?;
    let keeps_some =
        |id: ArticleId| lines.iter().any(|(line, _)| line.article_id == id && units(order, line) > 0);
    let is_last = |row: &&purchase::Model| row.last_time == time_of(order) && !keeps_some(row.article_id);
    let mut before = last_before(tx, order, rows.iter().filter(is_last).map(|row| row.article_id)).await?;
    for row in rows {
        let less = lines.iter().filter(|(line, _)| line.article_id == row.article_id);
        let quantity = row.quantity - less.map(|(_, units)| units).sum::<i64>();
        if quantity <= 0 {
            row.delete(&**tx).await?;
            continue;
        }
        let last = before.remove(&row.article_id);
        let mut row = row.into_active_model();
        row.quantity = Set(quantity);
        if let Some((code, name, time)) = last {
            (row.code, row.name, row.last_time) = (Set(code), Set(name), Set(time));
        }
        row.update(&**tx).await?;
    }
    Ok(())
}

/// What the user's other orders say of these articles, each as it was bought last.
async fn last_before(
    tx: &Tx,
    order: &order::Model,
    articles: impl Iterator<Item = ArticleId>,
) -> Result<HashMap<ArticleId, (String, String, Time)>, Error> {
    let articles: Vec<ArticleId> = articles.collect();
    if articles.is_empty() {
        return Ok(HashMap::new());
    }
    let of_order =
        line::Entity::belongs_to(order::Entity).from(line::Column::OrderId).to(order::Column::Id).into();
    let rows: Vec<(ArticleId, String, String, Option<Time>)> = line::Entity::find()
        .select_only()
        .columns([line::Column::ArticleId, line::Column::Code, line::Column::Name])
        .column(order::Column::PlaceTime)
        .join(JoinType::InnerJoin, of_order)
        .filter(order::Column::UserId.eq(order.user_id))
        .filter(order::Column::State.is_in(BOUGHT))
        .filter(order::Column::Refunds.ne(Refunds::Full))
        .filter(
            Expr::col((line::Entity, line::Column::Quantity))
                .gt(Expr::col((line::Entity, line::Column::Returned))),
        )
        .filter(order::Column::Id.ne(order.id))
        .filter(line::Column::ArticleId.is_in(articles))
        .order_by_asc(order::Column::PlaceTime)
        .into_tuple()
        .all(&**tx)
        .await?;
    // The last one of an article stays.
    let last = |(id, code, name, time): (_, _, _, Option<Time>)| Some((id, (code, name, time?)));
    Ok(rows.into_iter().filter_map(last).collect())
}

fn time_of(order: &order::Model) -> Time {
    order.place_time.unwrap_or(order.create_time)
}

/// Brings a user's purchases up to date with a change of an order.
pub async fn update(tx: &Tx, before: &View, after: &View) -> Result<(), Error> {
    let (mut more, mut less) = (Vec::new(), Vec::new());
    for line in &after.lines {
        let old = before.lines.iter().find(|old| old.id == line.id);
        match units(&after.order, line) - old.map_or(0, |old| units(&before.order, old)) {
            0 => {}
            change @ 1.. => more.push((line, change)),
            change => less.push((line, -change)),
        }
    }
    if !more.is_empty() {
        bought(tx, &after.order, &more).await?;
    }
    if !less.is_empty() {
        given_back(tx, &after.order, &less).await?;
    }
    Ok(())
}

/// A page of what a user has bought, the last first.
pub async fn purchases(
    db: &impl ConnectionTrait,
    user: UserId,
    page: &Page<(Time, ArticleId)>,
) -> Result<Vec<purchase::Model>, Error> {
    use purchase::Column;
    let mut query = purchase::Entity::find().filter(Column::UserId.eq(user));
    if let Some((time, article)) = page.after {
        // The first condition is what the index is entered by.
        let later = Condition::any().add(Column::LastTime.lt(time)).add(Column::ArticleId.lt(article));
        query = query.filter(Column::LastTime.lte(time)).filter(later);
    }
    let query = query.order_by_desc(Column::LastTime).order_by_desc(Column::ArticleId);
    Ok(query.limit(page.limit()).all(db).await?)
}

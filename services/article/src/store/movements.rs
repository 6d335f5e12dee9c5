//! How reservations move stock: one UPDATE and one INSERT, however many lines.

use kit::{
    Tx,
    id::{ArticleId, OrderId},
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseBackend, DbErr, QueryResult,
    sea_query::{Expr, ExprTrait, InsertStatement, Query, SelectStatement, UpdateStatement},
};

use super::{
    entities::{line, movement, stock},
    stock::{publish, update_listing_status},
};
use crate::{
    domain::stock::{Attempt, Found, Line, Movement},
    error::Error,
};

/// Whether the same transaction moves the stock again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Moves {
    Again,
    NoMore,
}

/// Moves the stock of a reservation's lines, whose articles are locked, and their listing statuses with it.
pub async fn shift_free(
    tx: &Tx,
    key: Attempt,
    movement: Movement,
    lines: &[Line],
    (found, moves): (Vec<Found>, Moves),
) -> Result<(), Error> {
    let articles = found.iter().map(|found| found.article_id).collect();
    let moved = tx.execute(&update(key, movement)).await?.rows_affected();
    write_down(tx, key, movement, (moved, articles), moves).await?;
    let units = |id| lines.iter().find(|line| line.article_id == id).map_or(0, |line| line.quantity);
    let moved = found.into_iter().map(|it| (it, it.free + movement.free * units(it.article_id)));
    Ok(update_listing_status(tx, moved).await?)
}

/// Sells what a reservation's lines have. Stock that is not there is an error of the caller's, who knows the
/// reservation's state and has locked its row.
pub async fn sell(tx: &Tx, key: Attempt, movement: Movement) -> Result<(), Error> {
    let id = |row: QueryResult| row.try_get("", "article_id");
    // A sale changes neither the free units nor the listing status, so it locks stock alone.
    let (moved, articles) = if tx.db().backend() == DatabaseBackend::Sqlite {
        let mut update = update(key, movement);
        let rows = tx.query_all(update.returning_col(stock::Column::ArticleId)).await?;
        (rows.len() as u64, rows.into_iter().map(id).collect::<Result<Vec<ArticleId>, DbErr>>()?)
    } else {
        // One UPDATE of several rows takes its locks in any order.
        let lock = Query::select()
            .column(stock::Column::ArticleId)
            .from(stock::Entity)
            .and_where(stock::Column::ArticleId.in_subquery(of_lines(key, line::Column::ArticleId)))
            .order_by(stock::Column::ArticleId, sea_orm::Order::Asc)
            .lock_exclusive()
            .to_owned();
        let locked =
            tx.query_all(&lock).await?.into_iter().map(id).collect::<Result<Vec<ArticleId>, DbErr>>()?;
        (tx.execute(&update(key, movement)).await?.rows_affected(), locked)
    };
    write_down(tx, key, movement, (moved, articles), Moves::NoMore).await
}

/// Moves the figures.
fn update(key: Attempt, movement: Movement) -> UpdateStatement {
    let quantity = || {
        let mut quantity = Query::select().expr(units()).from(line::Entity).cond_where(of(key)).to_owned();
        quantity.and_where(
            Expr::col((line::Entity, line::Column::ArticleId))
                .equals((stock::Entity, stock::Column::ArticleId)),
        );
        Expr::from(sea_orm::sea_query::SubQueryStatement::from(quantity))
    };
    let mut update = Query::update();
    update
        .table(stock::Entity)
        .value(stock::Column::Movements, Expr::col(stock::Column::Movements).add(1))
        .and_where(stock::Column::ArticleId.in_subquery(of_lines(key, line::Column::ArticleId)));
    let figures = [
        (stock::Column::Free, movement.free),
        (stock::Column::Reserved, movement.reserved),
        (stock::Column::Sold, movement.sold),
    ];
    for (figure, times) in figures.into_iter().filter(|(_, times)| *times != 0) {
        update.value(figure, Expr::col(figure).add(quantity().mul(times)));
        if times < 0 {
            update.and_where(Expr::col((stock::Entity, figure)).gte(quantity()));
        }
    }
    update
}

/// Writes down what was moved of these articles, whose stock is locked, and tells followers of it.
async fn write_down(
    tx: &Tx,
    key: Attempt,
    movement: Movement,
    (moved, articles): (u64, Vec<ArticleId>),
    moves: Moves,
) -> Result<(), Error> {
    let rows = movements(tx, key, movement)?;
    // On PostgreSQL with the events, in one statement; not where the next movement would raise the counters before it.
    let written = if moves == Moves::NoMore && tx.db().backend() == DatabaseBackend::Postgres {
        tx.write_last(rows);
        articles.len() as u64
    } else {
        tx.execute(&rows).await?.rows_affected()
    };
    for id in articles {
        publish(tx, id);
    }
    // The UPDATE's conditions let no figure go below zero. A row that they kept from moving shows here, and all of it is
    // rolled back: a bug, or stock that somebody changed by hand.
    if moved == written {
        Ok(())
    } else {
        Err(kit::Fault::internal("a reservation does not match its stock").into())
    }
}

/// The movements of a reservation's lines; each article's counter has its sequence already.
fn movements(tx: &Tx, key: Attempt, movement: Movement) -> Result<InsertStatement, Error> {
    use movement::Column;
    let quantity = |times: i64| units().mul(times);
    let rows = Query::select()
        .column((stock::Entity, stock::Column::ArticleId))
        .column((stock::Entity, stock::Column::Movements))
        .expr(Expr::val(movement.reason))
        .expr(quantity(movement.free))
        .expr(quantity(movement.reserved))
        .expr(quantity(movement.sold))
        .expr(Expr::val(Some::<OrderId>(key.order_id)))
        .expr(Expr::val(""))
        .expr(Expr::val(tx.actor()))
        .expr(Expr::val(tx.now()))
        .from(line::Entity)
        .inner_join(
            stock::Entity,
            Expr::col((stock::Entity, stock::Column::ArticleId))
                .equals((line::Entity, line::Column::ArticleId)),
        )
        .cond_where(of(key))
        .to_owned();
    let mut insert = Query::insert();
    insert.into_table(movement::Entity).columns([
        Column::ArticleId,
        Column::Sequence,
        Column::Reason,
        Column::FreeChange,
        Column::ReservedChange,
        Column::SoldChange,
        Column::OrderId,
        Column::Note,
        Column::Actor,
        Column::CreateTime,
    ]);
    insert.select_from(rows).map_err(kit::Fault::internal)?;
    Ok(insert)
}

/// What there is of a line to be moved: what came back already is not.
fn units() -> Expr {
    Expr::col((line::Entity, line::Column::Quantity)).sub(Expr::col((line::Entity, line::Column::Returned)))
}

/// A column of a reservation's lines.
fn of_lines(key: Attempt, column: line::Column) -> SelectStatement {
    Query::select().column((line::Entity, column)).from(line::Entity).cond_where(of(key)).to_owned()
}

fn of(key: Attempt) -> Condition {
    Condition::all()
        .add(Expr::col((line::Entity, line::Column::OrderId)).eq(key.order_id))
        .add(Expr::col((line::Entity, line::Column::Attempt)).eq(key.attempt))
}

//! Stock and its movements.

use kit::{
    Tx,
    id::{ArticleId, OrderId},
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseBackend, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};

use super::{
    articles,
    entities::{article, line, movement, stock},
};
use crate::{
    domain::{
        listing_status::Shelf,
        stock::{Attempt, Found, Line, MOST_FREE, Movement, Reason, Return, Short},
    },
    error::Error,
};

#[cfg(test)]
pub use movement::Entity as Movements;
pub use movement::Model as Moved;
pub use stock::Model as Stock;

/// An article's stock.
pub async fn find(db: &impl ConnectionTrait, id: ArticleId) -> Result<Stock, Error> {
    let found = stock::Entity::find_by_id(id).filter(articles::exists(Expr::val(id))).one(db).await?;
    found.ok_or(Error::NoArticle(None))
}

/// Changes what is free. The database refuses what would leave less than none, or too much.
pub async fn adjust(tx: &Tx, id: ArticleId, delta: i64, reason: Reason, note: &str) -> Result<Stock, Error> {
    let found = lock(tx, vec![id]).await?;
    let free = || Expr::col((stock::Entity, stock::Column::Free));
    let mut most = Condition::all();
    if delta > 0 {
        most = most.add(free().lte(MOST_FREE - delta));
    }
    let done = stock::Entity::update_many()
        .col_expr(stock::Column::Free, free().add(delta))
        .col_expr(stock::Column::Movements, stock::Column::Movements.into_expr().add(1))
        .filter(stock::Column::ArticleId.eq(id))
        .filter(free().gte(delta.saturating_neg()))
        .filter(most)
        .filter(articles::exists(Expr::val(id)))
        .exec(&**tx)
        .await?;
    let stock = find(&**tx, id).await?;
    match done.rows_affected {
        1 => {}
        _ if delta > 0 => return Err(Error::TooMuch),
        _ => return Err(Error::OutOfStock(vec![Short { article_id: id, free: stock.free }])),
    }
    shelve(tx, found.into_iter().map(|found| (found, stock.free))).await?;
    let moved = Moved {
        article_id: id,
        sequence: stock.movements,
        reason: reason as i32,
        free_change: delta,
        reserved_change: 0,
        sold_change: 0,
        order_id: None,
        note: note.to_owned(),
        actor: tx.actor(),
        create_time: tx.now(),
    };
    movement::Entity::insert(movement::ActiveModel::from(moved)).exec_without_returning(&**tx).await?;
    Ok(stock)
}

/// What stock is of these articles, in the order of their ids. As long as their rows are held, it does not change.
pub async fn figures(tx: &Tx, ids: Vec<ArticleId>) -> Result<Vec<Stock>, DbErr> {
    stock::Entity::find().filter(stock::Column::ArticleId.is_in(ids)).all(&**tx).await
}

/// Makes sold units free again. Their order's reservation is locked and has counted them.
pub async fn take_back(tx: &Tx, back: Return, note: &str) -> Result<Stock, Error> {
    let (id, units) = (back.article_id, back.units);
    let found = lock(tx, vec![id]).await?;
    let column = |column: stock::Column| Expr::col((stock::Entity, column));
    let done = stock::Entity::update_many()
        .col_expr(stock::Column::Free, column(stock::Column::Free).add(units))
        .col_expr(stock::Column::Sold, column(stock::Column::Sold).sub(units))
        .col_expr(stock::Column::Movements, stock::Column::Movements.into_expr().add(1))
        .filter(stock::Column::ArticleId.eq(id))
        .filter(column(stock::Column::Sold).gte(units))
        .filter(column(stock::Column::Free).lte(MOST_FREE - units))
        .exec(&**tx)
        .await?;
    // Also of an article that is deleted by now: what was sold can come back.
    let stock = stock::Entity::find_by_id(id).one(&**tx).await?.ok_or(Error::NoArticle(None))?;
    if done.rows_affected != 1 {
        return Err(Error::TooMuch);
    }
    shelve(tx, found.into_iter().map(|found| (found, stock.free))).await?;
    let moved = Moved {
        article_id: id,
        sequence: stock.movements,
        reason: Reason::Returned as i32,
        free_change: units,
        reserved_change: 0,
        sold_change: -units,
        order_id: Some(back.order_id),
        note: note.to_owned(),
        actor: tx.actor(),
        create_time: tx.now(),
    };
    movement::Entity::insert(movement::ActiveModel::from(moved)).exec_without_returning(&**tx).await?;
    Ok(stock)
}

/// Movements of an article before a sequence, the newest first.
pub async fn movements(
    db: &impl ConnectionTrait,
    id: ArticleId,
    before: Option<i64>,
    limit: u64,
) -> Result<Vec<Moved>, Error> {
    let rows = movement::Entity::find()
        .filter(movement::Column::ArticleId.eq(id))
        .filter(Condition::all().add_option(before.map(|sequence| movement::Column::Sequence.lt(sequence))))
        .filter(articles::exists(Expr::val(id)))
        .order_by_desc(movement::Column::Sequence)
        .limit(limit)
        .all(db)
        .await?;
    if rows.is_empty() {
        find(db, id).await?;
    }
    Ok(rows)
}

/// Reads these articles and their stock, and keeps both as they are until the transaction ends. Locks are
/// taken in the order of ids, here as everywhere.
pub async fn lock(tx: &Tx, ids: Vec<ArticleId>) -> Result<Vec<Found>, DbErr> {
    let rows: Vec<(ArticleId, bool, i64, Shelf, i64)> = article::Entity::find()
        .inner_join(stock::Entity)
        .select_only()
        .column(article::Column::Id)
        .column(article::Column::Active)
        .column(article::Column::LowStockThreshold)
        .column(article::Column::Shelf)
        .column(stock::Column::Free)
        .filter(article::Column::Id.is_in(ids))
        .order_by_asc(article::Column::Id)
        .lock_exclusive()
        .into_tuple()
        .all(&**tx)
        .await?;
    let found = |(article_id, active, low_stock_threshold, shelf, free)| Found {
        article_id,
        active,
        low_stock_threshold,
        shelf,
        free,
    };
    Ok(rows.into_iter().map(found).collect())
}

/// Takes locked articles to the shelves that they stand on by what is free now.
async fn shelve(tx: &Tx, moved: impl IntoIterator<Item = (Found, i64)>) -> Result<(), DbErr> {
    for (found, free) in moved {
        let Some(shelf) = found.moved(free) else { continue };
        article::Entity::update_many()
            .col_expr(article::Column::Shelf, Expr::val(shelf))
            .filter(article::Column::Id.eq(found.article_id))
            .exec(&**tx)
            .await?;
    }
    Ok(())
}

/// Moves the stock of a reservation's lines, whose articles are locked, and their shelves with it.
pub async fn shift_free(
    tx: &Tx,
    key: Attempt,
    movement: Movement,
    lines: &[Line],
    found: Vec<Found>,
) -> Result<(), Error> {
    shift(tx, key, movement).await?;
    let units = |id| lines.iter().find(|line| line.article_id == id).map_or(0, |line| line.quantity);
    let moved = found.into_iter().map(|it| (it, it.free + movement.free * units(it.article_id)));
    Ok(shelve(tx, moved).await?)
}

/// Moves the stock of a reservation's lines, and writes it down. Stock that is not there is an error of the
/// caller's, who knows the reservation's state and has locked its row.
pub async fn shift(tx: &Tx, key: Attempt, movement: Movement) -> Result<(), Error> {
    // Where what is free changes, everything is locked already.
    if movement.free == 0 && tx.db().backend() != DatabaseBackend::Sqlite {
        // One UPDATE of several rows takes its locks in any order.
        let lock = Query::select()
            .column(stock::Column::ArticleId)
            .from(stock::Entity)
            .and_where(stock::Column::ArticleId.in_subquery(of_lines(key, line::Column::ArticleId)))
            .order_by(stock::Column::ArticleId, sea_orm::Order::Asc)
            .lock_exclusive()
            .to_owned();
        tx.query_all(&lock).await?;
    }
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
    let moved = tx.execute(&update).await?.rows_affected();
    let written = write_down(tx, key, movement).await?;
    if moved == written {
        Ok(())
    } else {
        Err(kit::Fault::internal("a reservation does not match its stock").into())
    }
}

/// Writes the movements of a reservation's lines; each article's counter has its sequence already.
async fn write_down(tx: &Tx, key: Attempt, movement: Movement) -> Result<u64, Error> {
    use movement::Column;
    let quantity = |times: i64| units().mul(times);
    let rows = Query::select()
        .column((stock::Entity, stock::Column::ArticleId))
        .column((stock::Entity, stock::Column::Movements))
        .expr(Expr::val(movement.reason as i32))
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
    Ok(tx.execute(&insert).await?.rows_affected())
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

//! Stock and its movements.

use contracts::article::StockChanged;
use kit::{Tx, id::ArticleId};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};

use super::{
    articles,
    entities::{article, movement, stock},
};
use crate::{
    domain::{
        listing_status::ListingStatus,
        stock::{Found, MOST_FREE, Reason, Return, Short},
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
    // The article's row first, although the UPDATE alone would be right for the stock: the listing status is computed
    // from what is free, and must not be overwritten by one computed from an older figure.
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
    // Read behind the UPDATE, whose lock holds: `movements` is this movement's number, and no other's.
    let stock = find(&**tx, id).await?;
    match done.rows_affected {
        1 => {}
        _ if delta > 0 => return Err(Error::TooMuch),
        _ => return Err(Error::OutOfStock(vec![Short { article_id: id, free: stock.free }])),
    }
    update_listing_status(tx, found.into_iter().map(|found| (found, stock.free))).await?;
    let moved = Moved {
        article_id: id,
        sequence: stock.movements,
        reason,
        free_change: delta,
        reserved_change: 0,
        sold_change: 0,
        order_id: None,
        note: note.to_owned(),
        actor: tx.actor(),
        create_time: tx.now(),
    };
    movement::Entity::insert(movement::ActiveModel::from(moved)).exec_without_returning(&**tx).await?;
    publish(tx, id);
    Ok(stock)
}

/// The stock of these articles. As long as their rows are locked, it does not change.
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
    update_listing_status(tx, found.into_iter().map(|found| (found, stock.free))).await?;
    let moved = Moved {
        article_id: id,
        sequence: stock.movements,
        reason: Reason::Returned,
        free_change: units,
        reserved_change: 0,
        sold_change: -units,
        order_id: Some(back.order_id),
        note: note.to_owned(),
        actor: tx.actor(),
        create_time: tx.now(),
    };
    movement::Entity::insert(movement::ActiveModel::from(moved)).exec_without_returning(&**tx).await?;
    publish(tx, id);
    Ok(stock)
}

/// Tells followers that an article's stock moved. Its row is locked, so that the events are in the order of the movements.
pub(super) fn publish(tx: &Tx, id: ArticleId) {
    tx.publish(id, &StockChanged { article_id: id.to_string() });
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

/// Reads these articles and their stock, and keeps both as they are until the transaction ends. Locks are taken in the
/// order of ids, here as everywhere: two orders of the same articles wait for each other at the first, instead of being
/// a deadlock.
pub async fn lock(tx: &Tx, ids: Vec<ArticleId>) -> Result<Vec<Found>, DbErr> {
    let rows: Vec<(ArticleId, bool, i64, ListingStatus, i64)> = article::Entity::find()
        .inner_join(stock::Entity)
        .select_only()
        .column(article::Column::Id)
        .column(article::Column::Active)
        .column(article::Column::LowStockThreshold)
        .column(article::Column::ListingStatus)
        .column(stock::Column::Free)
        .filter(article::Column::Id.is_in(ids))
        .order_by_asc(article::Column::Id)
        .lock_exclusive()
        .into_tuple()
        .all(&**tx)
        .await?;
    let found = |(article_id, active, low_stock_threshold, listing_status, free)| Found {
        article_id,
        active,
        low_stock_threshold,
        listing_status,
        free,
    };
    Ok(rows.into_iter().map(found).collect())
}

/// Writes the listing status of locked articles, where what is free now changes it.
pub(super) async fn update_listing_status(
    tx: &Tx,
    moved: impl IntoIterator<Item = (Found, i64)>,
) -> Result<(), DbErr> {
    for (found, free) in moved {
        let Some(status) = found.new_status(free) else { continue };
        article::Entity::update_many()
            .col_expr(article::Column::ListingStatus, Expr::val(status))
            .filter(article::Column::Id.eq(found.article_id))
            .exec(&**tx)
            .await?;
    }
    Ok(())
}

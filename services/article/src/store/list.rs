//! Lists of articles: filters, search, and pages by sort key.
//!
//! A page is a scan along the order's index from the cursor on, which stops when the page is full. Where what
//! is asked for is rare that would read the whole catalogue; so a scan looks ahead so far only. What is not
//! found there is looked for by an index of its own, and sorted.

use kit::{Money, id::ArticleId};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseBackend, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait, Func, Order as Direction, Query},
};

use super::{
    articles::{joined, seen, with_stock},
    table::{article, stock},
    words::{Candidates, candidates, has_word, having},
};
use crate::{
    domain::{
        article::{Article, price_order},
        listing::{Cursor, Filter, Key, Order},
    },
    error::Error,
};

/// How many rows a scan looks ahead for what is rare.
const AHEAD: u64 = 2_000;

/// A page of articles, each with its own cursor: up to `limit` after one.
pub async fn page(
    db: &impl ConnectionTrait,
    filter: &Filter,
    order: (Order, bool),
    after: Option<&Cursor>,
    limit: u64,
) -> Result<Vec<(Cursor, Article)>, Error> {
    let Some(Matching { all, rare }) = matching(db, filter, Some(order.0)).await? else {
        return Ok(Vec::new());
    };
    let all = all.add_option(after.map(|after| beyond(db, order, after)));
    let Some(rare) = rare else { return scan(db, all, order, limit).await };
    let Some(horizon) = horizon(db, filter, order, after).await? else {
        return scan(db, all, order, limit).await;
    };
    let (order_by, descending) = order;
    let within = beyond(db, (order_by, !descending), &horizon);
    let near = scan(db, all.clone().add(within), order, limit).await?;
    if near.len() as u64 == limit { Ok(near) } else { sort(db, all.add(rare), order, limit).await }
}

/// Up to `limit` articles after one, by their ids: in the order in which they were created, which no change
/// of them changes.
pub async fn by_id(
    db: &impl ConnectionTrait,
    filter: &Filter,
    after: Option<ArticleId>,
    limit: u64,
) -> Result<Vec<Article>, Error> {
    let Some(Matching { all, .. }) = matching(db, filter, None).await? else { return Ok(Vec::new()) };
    let rows = with_stock()
        .filter(all.add_option(after.map(|after| article::Column::Id.gt(after))))
        .order_by_asc(article::Column::Id)
        .limit(limit)
        .all(db)
        .await?;
    rows.into_iter().map(joined).collect()
}

/// Rows along an order's index.
async fn scan(
    db: &impl ConnectionTrait,
    all: Condition,
    (order, descending): (Order, bool),
    limit: u64,
) -> Result<Vec<(Cursor, Article)>, Error> {
    let direction = direction(descending);
    let rows = with_stock()
        .filter(all)
        .order_by(column(order), direction.clone())
        .order_by(article::Column::Id, direction)
        .limit(limit)
        .all(db)
        .await?;
    rows.into_iter().map(|row| Ok((cursor(order, &row.0), joined(row)?))).collect()
}

/// All rows, sorted. What they are sorted by is hidden from planners, which else would scan along its index.
async fn sort(
    db: &impl ConnectionTrait,
    all: Condition,
    (order, descending): (Order, bool),
    limit: u64,
) -> Result<Vec<(Cursor, Article)>, Error> {
    let none = if order == Order::Name { Expr::val("") } else { Expr::val(0) };
    let hidden = Expr::from(Func::coalesce([column(order).into_expr(), none]));
    let direction = direction(descending);
    let rows = with_stock()
        .filter(all)
        .order_by(hidden, direction.clone())
        .order_by(article::Column::Id, direction)
        .limit(limit)
        .all(db)
        .await?;
    rows.into_iter().map(|row| Ok((cursor(order, &row.0), joined(row)?))).collect()
}

/// Where a scan that looks ahead ends; `None` where there is less than that to come.
async fn horizon(
    db: &impl ConnectionTrait,
    filter: &Filter,
    order: (Order, bool),
    after: Option<&Cursor>,
) -> Result<Option<Cursor>, DbErr> {
    let direction = direction(order.1);
    let query = article::Entity::find()
        .select_only()
        .column(column(order.0))
        .column(article::Column::Id)
        .filter(Condition::all().add_option(in_category(filter)))
        .filter(Condition::all().add_option(after.map(|after| beyond(db, order, after))))
        .order_by(column(order.0), direction.clone())
        .order_by(article::Column::Id, direction)
        .offset(AHEAD)
        .limit(1);
    let Some(row) = db.query_one(&query.into_query()).await? else { return Ok(None) };
    let key = match order.0 {
        Order::Name => Key::Name(row.try_get_by_index(0)?),
        Order::Price => Key::Price(row.try_get_by_index(0)?),
        Order::CreateTime => Key::CreateTime(row.try_get_by_index(0)?),
    };
    Ok(Some(Cursor { key, id: row.try_get_by_index(1)? }))
}

/// What comes after a place in an order.
fn beyond(
    db: &impl ConnectionTrait,
    (order, descending): (Order, bool),
    Cursor { key, id }: &Cursor,
) -> Condition {
    let key = match key {
        Key::Name(name) => Expr::val(name.as_str()),
        Key::Price(number) | Key::CreateTime(number) => Expr::val(*number),
    };
    let mut all = Condition::all();
    // MySQL finds no range in a comparison of pairs: the first column alone gives it one.
    if db.get_database_backend() == DatabaseBackend::MySql {
        let (column, key) = (column(order).into_expr(), key.clone());
        all = all.add(if descending { column.lte(key) } else { column.gte(key) });
    }
    let place = Expr::tuple([column(order).into_expr(), article::Column::Id.into_expr()]);
    let last = Expr::tuple([key, Expr::val(*id)]);
    all.add(if descending { place.lt(last) } else { place.gt(last) })
}

fn column(order: Order) -> article::Column {
    match order {
        Order::Name => article::Column::NameFolded,
        Order::Price => article::Column::PriceOrder,
        Order::CreateTime => article::Column::CreateTime,
    }
}

fn direction(descending: bool) -> Direction {
    if descending { Direction::Desc } else { Direction::Asc }
}

/// What a filter asks for.
struct Matching {
    all: Condition,
    /// Where that may be rare: what leads to it by an index of its own. It is nothing more than `all` says.
    rare: Option<Condition>,
}

/// What a filter asks for, in lists of this order; `None` where nothing can be found.
async fn matching(
    db: &impl ConnectionTrait,
    filter: &Filter,
    order: Option<Order>,
) -> Result<Option<Matching>, DbErr> {
    let (mut all, mut rare) = (conditions(filter), rare(filter, order));
    if let Some(words) = &filter.words {
        match candidates(db, words).await? {
            Candidates::Few(ids) if ids.is_empty() => return Ok(None),
            Candidates::Few(ids) => {
                all = all.add(article::Column::Id.is_in(ids));
                rare = None;
            }
            Candidates::Many(rarest) => {
                for word in words {
                    all = all.add(has_word((article::Entity, article::Column::Id), word));
                }
                rare = Some(Condition::all().add(article::Column::Id.in_subquery(having(&rarest))));
            }
        }
    }
    Ok(Some(Matching { all, rare }))
}

/// What leads to what a filter asks for, words aside.
fn rare(filter: &Filter, order: Option<Order>) -> Option<Condition> {
    let stocked = |condition: Expr| {
        let ids = Query::select()
            .column(stock::Column::ArticleId)
            .from(stock::Entity)
            .and_where(condition)
            .to_owned();
        Some(Condition::all().add(article::Column::Id.in_subquery(ids)))
    };
    let free = || Expr::col(stock::Column::Free);
    if filter.low_stock == Some(true) {
        let most = Query::select()
            .expr(Expr::col(article::Column::LowStockThreshold).max())
            .from(article::Entity)
            .to_owned();
        return stocked(free().lte(Expr::from(sea_orm::sea_query::SubQueryStatement::from(most))));
    }
    match filter.in_stock {
        Some(true) => stocked(free().gt(0)),
        Some(false) => stocked(free().eq(0)),
        None => {
            let priced = filter.min_price.is_some() || filter.max_price.is_some();
            (priced && order != Some(Order::Price)).then(Condition::all)
        }
    }
}

fn in_category(filter: &Filter) -> Option<Expr> {
    (!filter.category.is_empty()).then(|| article::Column::CategoryFolded.eq(&filter.category))
}

/// Where a row stands in an order.
fn cursor(order: Order, row: &article::Model) -> Cursor {
    let key = match order {
        Order::Name => Key::Name(row.name_folded.clone()),
        Order::Price => Key::Price(row.price_order),
        Order::CreateTime => Key::CreateTime(row.create_time.0),
    };
    Cursor { key, id: row.id }
}

/// The filters but for the words.
fn conditions(filter: &Filter) -> Condition {
    let free = || Expr::col((stock::Entity, stock::Column::Free));
    let threshold = || Expr::col((article::Entity, article::Column::LowStockThreshold));
    let mut all = seen(filter.sight).add_option(in_category(filter));
    let in_currency = |price: Money| article::Column::Currency.eq(price.currency.code());
    if let Some(least) = filter.min_price {
        all = all.add(in_currency(least)).add(article::Column::PriceOrder.gte(price_order(least)));
    }
    if let Some(most) = filter.max_price {
        all = all.add(in_currency(most)).add(article::Column::PriceOrder.lte(price_order(most)));
    }
    all.add_option(filter.in_stock.map(|yes| if yes { free().gt(0) } else { free().eq(0) }))
        .add_option(filter.active.map(|active| article::Column::Active.eq(active)))
        .add_option(filter.low_stock.map(|low| match low {
            true => article::Column::Active.eq(true).and(free().lte(threshold())),
            false => free().gt(threshold()),
        }))
}

//! Lists of articles: filters, search, and pages by sort key.
//!
//! Each order has an index that begins with the shelf on which an article stands (`domain::shelf`). A page is
//! one seek for each shelf that is asked for; what follows is merged, and read until the page is full.
//!
//! Words, and prices in another order, are looked for on the way. Where they are rare that would read the whole
//! catalogue; so a scan looks ahead so far only. What is not found there is looked for by an index of its own,
//! and sorted.

use kit::id::ArticleId;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseBackend, DbErr, JoinType, QueryFilter, QueryOrder,
    QuerySelect, SelectTwo,
    sea_query::{Expr, ExprTrait, Func, Order as Direction, Query, SelectStatement, UnionType},
};

use super::{
    articles::{joined, with_stock},
    table::{article, stock},
    words::{Candidates, candidates, has_word, having},
};
use crate::{
    domain::{
        article::{Article, price_order},
        listing::{Cursor, Filter, Key, Order},
        shelf::{Shelf, shelves},
    },
    error::Error,
};

#[cfg(test)]
mod tests;

/// How many rows a scan looks ahead for what is rare.
const AHEAD: u64 = 2_000;

/// What the key of a row is called within a query.
const KEY: &str = "sort_key";

/// A page of articles, each with its own cursor: up to `limit` after one.
pub async fn page(
    db: &impl ConnectionTrait,
    filter: &Filter,
    order: (Order, bool),
    after: Option<&Cursor>,
    limit: u64,
) -> Result<Vec<(Cursor, Article)>, Error> {
    let shelves = shelves(filter);
    if shelves.is_empty() {
        return Ok(Vec::new());
    }
    let Some(fit) = fit(db, filter, order.0).await? else { return Ok(Vec::new()) };
    let list = List { backend: db.get_database_backend(), filter, order, shelves, after };
    let Some(rare) = fit.rare else { return list.read(db, list.along(fit.all, limit, 0)).await };
    if !fit.few {
        let Some(horizon) = list.horizon(db).await? else {
            return list.read(db, list.along(fit.all, limit, 0)).await;
        };
        let (order_by, descending) = order;
        let within = beyond(list.backend, visible, (order_by, !descending), &horizon);
        let near = list.read(db, list.along(fit.all.clone().add(within), limit, 0)).await?;
        if near.len() as u64 == limit {
            return Ok(near);
        }
    }
    list.read(db, list.sorted(rare.add(fit.all), limit)).await
}

/// Up to `limit` articles after one, by their ids: in the order in which they were created, which no change
/// of them changes.
pub async fn by_id(
    db: &impl ConnectionTrait,
    filter: &Filter,
    after: Option<ArticleId>,
    limit: u64,
) -> Result<Vec<Article>, Error> {
    let Some(fit) = fit(db, filter, Order::CreateTime).await? else { return Ok(Vec::new()) };
    let rows = with_stock()
        .filter(fit.all.add(hidden(article::Column::Shelf).is_in(shelves(filter))))
        .filter(Condition::all().add_option(in_category(filter)))
        .filter(Condition::all().add_option(after.map(|after| article::Column::Id.gt(after))))
        .order_by_asc(article::Column::Id)
        .limit(limit)
        .all(db)
        .await?;
    rows.into_iter().map(joined).collect()
}

/// A page that is asked for.
struct List<'a> {
    backend: DatabaseBackend,
    filter: &'a Filter,
    order: (Order, bool),
    shelves: Vec<Shelf>,
    after: Option<&'a Cursor>,
}

impl List<'_> {
    /// Keys and ids along the order's index, shelf by shelf and merged.
    fn along(&self, all: Condition, limit: u64, offset: u64) -> SelectStatement {
        let after = self.after.map(|after| beyond(self.backend, visible, self.order, after));
        let all = all.add_option(after).add_option(in_category(self.filter));
        let shelf = |shelf: &Shelf| {
            let mut rows = self.rows(visible);
            rows.and_where(article::Column::Shelf.eq(*shelf)).cond_where(all.clone());
            if self.backend == DatabaseBackend::Sqlite {
                // It merges what it reads by itself, row by row.
                return rows;
            }
            self.cut(&mut rows, limit + offset);
            Query::select().columns([KEY, "id"]).from_subquery(rows, "shelf").to_owned()
        };
        let mut shelves = self.shelves.iter().map(shelf);
        let mut merged = shelves.next().unwrap_or_default();
        merged.unions(shelves.map(|next| (UnionType::All, next)));
        if offset > 0 {
            merged.offset(offset);
        }
        self.cut(&mut merged, limit).to_owned()
    }

    /// Keys and ids of all rows of these, sorted.
    fn sorted(&self, all: Condition, limit: u64) -> SelectStatement {
        let after = self.after.map(|after| beyond(self.backend, hidden, self.order, after));
        let mut rows = self.rows(hidden);
        rows.cond_where(all.add_option(after).add_option(in_category(self.filter)));
        self.cut(&mut rows, limit).to_owned()
    }

    fn rows(&self, column: fn(article::Column) -> Expr) -> SelectStatement {
        Query::select()
            .expr_as(column(key(self.order.0)), KEY)
            .column((article::Entity, article::Column::Id))
            .from(article::Entity)
            .to_owned()
    }

    fn cut<'a>(&self, rows: &'a mut SelectStatement, limit: u64) -> &'a mut SelectStatement {
        let direction = if self.order.1 { Direction::Desc } else { Direction::Asc };
        rows.order_by(KEY, direction.clone()).order_by("id", direction).limit(limit)
    }

    /// The articles of these ids, in no order.
    fn articles(&self, ids: SelectStatement) -> SelectTwo<article::Entity, stock::Entity> {
        const PAGE: &str = "page";
        let mut rows = with_stock();
        let found = Expr::col((PAGE, "id")).equals((article::Entity, article::Column::Id));
        QuerySelect::query(&mut rows).join_subquery(JoinType::InnerJoin, ids, PAGE, found);
        rows
    }

    /// The articles of these ids, in order.
    async fn read(
        &self,
        db: &impl ConnectionTrait,
        ids: SelectStatement,
    ) -> Result<Vec<(Cursor, Article)>, Error> {
        let mut articles = Vec::new();
        for row in self.articles(ids).all(db).await? {
            articles.push((cursor(self.order.0, &row.0), joined(row)?));
        }
        articles.sort_by(|(one, _), (other, _)| if self.order.1 { other.cmp(one) } else { one.cmp(other) });
        Ok(articles)
    }

    /// Where a scan that looks ahead ends; `None` where there is less than that to come.
    async fn horizon(&self, db: &impl ConnectionTrait) -> Result<Option<Cursor>, DbErr> {
        let Some(row) = db.query_one(&self.along(Condition::all(), 1, AHEAD)).await? else { return Ok(None) };
        let key = match self.order.0 {
            Order::Name => Key::Name(row.try_get_by_index(0)?),
            Order::Price => Key::Price(row.try_get_by_index(0)?),
            Order::CreateTime => Key::CreateTime(row.try_get_by_index(0)?),
        };
        Ok(Some(Cursor { key, id: row.try_get_by_index(1)? }))
    }
}

/// What comes after a place in an order.
fn beyond(
    backend: DatabaseBackend,
    column: fn(article::Column) -> Expr,
    (order, descending): (Order, bool),
    Cursor { key: last, id }: &Cursor,
) -> Condition {
    let last = match last {
        Key::Name(name) => Expr::val(name.as_str()),
        Key::Price(number) | Key::CreateTime(number) => Expr::val(*number),
    };
    let mut all = Condition::all();
    // MySQL finds no range in a comparison of pairs: the first column alone gives it one.
    if backend == DatabaseBackend::MySql {
        let (column, last) = (column(key(order)), last.clone());
        all = all.add(if descending { column.lte(last) } else { column.gte(last) });
    }
    let place = Expr::tuple([column(key(order)), visible(article::Column::Id)]);
    let last = Expr::tuple([last, Expr::val(*id)]);
    all.add(if descending { place.lt(last) } else { place.gt(last) })
}

/// The column that an order is by.
fn key(order: Order) -> article::Column {
    match order {
        Order::Name => article::Column::NameFolded,
        Order::Price => article::Column::PriceOrder,
        Order::CreateTime => article::Column::CreateTime,
    }
}

fn visible(column: article::Column) -> Expr {
    Expr::col((article::Entity, column))
}

/// A column hidden from planners, which else would take an index that has it.
fn hidden(column: article::Column) -> Expr {
    let none = if matches!(column, article::Column::NameFolded) { Expr::val("") } else { Expr::val(0) };
    Func::coalesce([visible(column), none]).into()
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

/// What a filter asks for, shelves and category aside.
struct Fit {
    all: Condition,
    /// Where that may be rare: what leads to it by an index of its own.
    rare: Option<Condition>,
    /// Whether it is rare for sure.
    few: bool,
}

/// What a filter asks for, in lists of this order; `None` where nothing can be found.
async fn fit(db: &impl ConnectionTrait, filter: &Filter, order: Order) -> Result<Option<Fit>, DbErr> {
    let Some(words) = &filter.words else {
        let priced = filter.min_price.is_some() || filter.max_price.is_some();
        if !priced || order == Order::Price {
            return Ok(Some(Fit { all: prices(filter, visible), rare: None, few: false }));
        }
        let rare = prices(filter, visible).add(article::Column::Shelf.is_in(shelves(filter)));
        return Ok(Some(Fit { all: prices(filter, hidden), rare: Some(rare), few: false }));
    };
    let mut all = prices(filter, hidden);
    let stands = Condition::all().add(hidden(article::Column::Shelf).is_in(shelves(filter)));
    Ok(match candidates(db, words).await? {
        Candidates::Few(ids) if ids.is_empty() => None,
        Candidates::Few(ids) => {
            all = all.add(article::Column::Id.is_in(ids));
            Some(Fit { all, rare: Some(stands), few: true })
        }
        Candidates::Many(rarest) => {
            for word in words {
                all = all.add(has_word((article::Entity, article::Column::Id), word));
            }
            let rare = stands.add(article::Column::Id.in_subquery(having(&rarest)));
            Some(Fit { all, rare: Some(rare), few: false })
        }
    })
}

fn in_category(filter: &Filter) -> Option<Expr> {
    (!filter.category.is_empty()).then(|| article::Column::CategoryFolded.eq(&filter.category))
}

/// The range of prices.
fn prices(filter: &Filter, column: fn(article::Column) -> Expr) -> Condition {
    let price = || column(article::Column::PriceOrder);
    let mut all = Condition::all();
    if let Some(priced) = filter.min_price.or(filter.max_price) {
        all = all.add(article::Column::Currency.eq(priced.currency.code()));
    }
    all.add_option(filter.min_price.map(|least| price().gte(price_order(least))))
        .add_option(filter.max_price.map(|most| price().lte(price_order(most))))
}

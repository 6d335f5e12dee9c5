//! Lists of articles: filters, search, and pages by sort key.
//!
//! Each order has an index that begins with the shelf on which an article stands (`domain::shelf`). A page is
//! one seek for each shelf that is asked for; what follows is merged, and read until the page is full.
//!
//! The articles of a word have an index in the order in which they were created, for all lists but of what
//! itself is rare. Otherwise words, and prices in another order, are looked for on the way. Where they are rare
//! that would read the whole catalogue; so a scan looks ahead so far only. What is not found there is looked for
//! by an index of its own, and sorted.

use kit::id::ArticleId;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseBackend, DbErr, JoinType, QueryFilter, QueryOrder,
    QuerySelect, SelectTwo,
    sea_query::{
        Expr, ExprTrait, Func, IntoIden, Order as Direction, Query, SelectStatement, SubQueryStatement,
        UnionType,
    },
};

use super::{
    articles::{joined, with_stock},
    entities::{article, stock, word},
    words::{Word, has_word, having, rarest_first},
};
use crate::{
    domain::{
        article::{Article, price_order},
        list::{Cursor, Filter, Key, Order},
        listing_status::{PLENTY, Shelf, shelves},
    },
    error::Error,
};

#[cfg(test)]
mod tests;

/// How many rows a scan looks ahead for what is rare.
const AHEAD: u64 = 2_000;
/// As many articles of a range of prices as are sorted without a look for them on the way.
const FEW_PRICES: u64 = 500;

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
    let (shelves, backend) = (shelves(filter), db.get_database_backend());
    let Some(words) = words(db, filter).await? else { return Ok(Vec::new()) };
    if shelves.is_empty() {
        return Ok(Vec::new());
    }
    let list = List { backend, filter, order, shelves, words, after };
    let priced = filter.min_price.is_some() || filter.max_price.is_some();
    if list.words.is_empty() && (!priced || order.0 == Order::Price) {
        return list.read(db, list.along(prices(filter, visible), limit, 0)).await;
    }
    if let (Order::CreateTime, Some(rarest)) = (order.0, list.words.first())
        && list.shelves.contains(&PLENTY)
        && let Some(words) = rarest.spelled_out(db).await?
    {
        return match words.as_slice() {
            [] => Ok(Vec::new()),
            words => list.read(db, list.created(words, limit)).await,
        };
    }
    if !list.is_few(db).await? {
        let met = list.met();
        let Some(horizon) = list.horizon(db).await? else {
            return list.read(db, list.along(met, limit, 0)).await;
        };
        let within = beyond(backend, place(order.0), !order.1, &horizon);
        let near = list.read(db, list.along(met.add(within), limit, 0)).await?;
        if near.len() as u64 == limit {
            return Ok(near);
        }
    }
    list.read(db, list.sorted(limit)).await
}

/// Up to `limit` articles after one, by their ids: in the order in which they were created, which no change
/// of them changes.
pub async fn by_id(
    db: &impl ConnectionTrait,
    filter: &Filter,
    after: Option<ArticleId>,
    limit: u64,
) -> Result<Vec<Article>, Error> {
    let Some(words) = words(db, filter).await? else { return Ok(Vec::new()) };
    let few = match words.first() {
        Some(rarest) if rarest.is_rare(db).await? => Some(rarest),
        _ => None,
    };
    let rows = with_stock()
        .filter(prices(filter, hidden).add(hidden(article::Column::Shelf).is_in(shelves(filter))))
        .filter(Condition::all().add_option(in_category(filter)))
        .filter(have(&words))
        .filter(
            Condition::all()
                .add_option(few.map(|rarest| article::Column::Id.in_subquery(having(rarest.asked))))
                .add_option(after.map(|after| article::Column::Id.gt(after))),
        )
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
    /// The rarest first.
    words: Vec<Word<'a>>,
    after: Option<&'a Cursor>,
}

impl List<'_> {
    /// Keys and ids along the order's index, shelf by shelf and merged.
    fn along(&self, all: Condition, limit: u64, offset: u64) -> SelectStatement {
        let after = self.after.map(|after| beyond(self.backend, place(self.order.0), self.order.1, after));
        let all = all.add_option(after).add_option(in_category(self.filter));
        let shelves = self.shelves.iter().map(|shelf| {
            let mut rows = self.rows();
            rows.and_where(article::Column::Shelf.eq(*shelf)).cond_where(all.clone()).to_owned()
        });
        self.merged(UnionType::All, shelves, limit, offset)
    }

    /// Keys and ids of those with one of these words, and all that is asked for, by their index in the order in
    /// which they were created.
    fn created(&self, words: &[String], limit: u64) -> SelectStatement {
        let column = |column| Expr::col((word::Entity, column));
        let place = || [column(word::Column::CreateTime), column(word::Column::ArticleId)];
        let after = self.after.map(|after| beyond(self.backend, place(), self.order.1, after));
        let fits = self
            .looked_up((word::Entity, word::Column::ArticleId), Expr::val(1))
            .limit(1)
            .offset(0)
            .to_owned();
        let words = words.iter().map(|word| {
            let [key, id] = place();
            Query::select()
                .expr_as(key, KEY)
                .expr_as(id, "id")
                .from(word::Entity)
                .and_where(column(word::Column::Word).eq(word))
                .cond_where(Condition::all().add_option(after.clone()))
                .and_where(Expr::exists(fits.clone()))
                .to_owned()
        });
        // Who has several of them is found once.
        self.merged(UnionType::Distinct, words, limit, 0)
    }

    /// What each of these finds, merged.
    fn merged(
        &self,
        how: UnionType,
        all: impl Iterator<Item = SelectStatement>,
        limit: u64,
        offset: u64,
    ) -> SelectStatement {
        let mut all = all.map(|mut rows| {
            if self.backend == DatabaseBackend::Sqlite {
                // It merges what it reads by itself, row by row.
                return rows;
            }
            self.cut(&mut rows, limit + offset);
            Query::select().columns([KEY, "id"]).from_subquery(rows, "part").to_owned()
        });
        let mut merged = all.next().unwrap_or_default();
        merged.unions(all.map(|next| (how, next)));
        if offset > 0 {
            merged.offset(offset);
        }
        self.cut(&mut merged, limit).to_owned()
    }

    /// Whether what is looked for is rare.
    async fn is_few(&self, db: &impl ConnectionTrait) -> Result<bool, DbErr> {
        if let Some(rarest) = self.words.first() {
            return rarest.is_rare(db).await;
        }
        Ok(db.query_one(self.priced().offset(FEW_PRICES).limit(1)).await?.is_none())
    }

    /// The articles in the range of prices.
    fn priced(&self) -> SelectStatement {
        Query::select()
            .expr_as(visible(article::Column::Id), "article_id")
            .from(article::Entity)
            .and_where(article::Column::Shelf.is_in(self.shelves.clone()))
            .cond_where(prices(self.filter, visible))
            .to_owned()
    }

    /// What is looked for on the way along another index.
    fn met(&self) -> Condition {
        prices(self.filter, hidden).add(have(&self.words))
    }

    /// Keys and ids of all that fit, by the rarest word or by price, sorted.
    fn sorted(&self, limit: u64) -> SelectStatement {
        const LED: &str = "led_to";
        let led_to = match self.words.first() {
            Some(rarest) => having(rarest.asked),
            None => self.priced(),
        };
        let place = [hidden(key(self.order.0)), visible(article::Column::Id)];
        let after = self.after.map(|after| beyond(self.backend, place, self.order.1, after));
        // A subquery for each: planners would rather read all articles than look up a few thousand.
        let mut key_of = self.looked_up((LED, "article_id"), visible(key(self.order.0)));
        key_of.cond_where(Condition::all().add_option(after));
        let looked_up = Query::select()
            .expr_as(Expr::from(SubQueryStatement::from(key_of)), KEY)
            .expr_as(Expr::col((LED, "article_id")), "id")
            .from_subquery(led_to, LED)
            // All; but so that what is looked up once is not looked up again to be compared.
            .limit(i64::MAX as u64)
            .to_owned();
        let mut rows = Query::select().columns([KEY, "id"]).from_subquery(looked_up, "found").to_owned();
        rows.and_where(Expr::col(KEY).is_not_null());
        self.cut(&mut rows, limit).to_owned()
    }

    /// Something of the article that a word or a price led to, if it is what is asked for.
    fn looked_up(&self, id: (impl IntoIden, impl IntoIden), what: Expr) -> SelectStatement {
        let others = self.words.get(1..).unwrap_or_default();
        Query::select()
            .expr(what)
            .from(article::Entity)
            .and_where(visible(article::Column::Id).equals(id))
            .and_where(hidden(article::Column::Shelf).is_in(self.shelves.clone()))
            .cond_where(prices(self.filter, hidden).add(have(others)))
            .cond_where(Condition::all().add_option(in_category(self.filter)))
            .to_owned()
    }

    fn rows(&self) -> SelectStatement {
        Query::select()
            .expr_as(visible(key(self.order.0)), KEY)
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

/// What comes after a place in an order, where rows have a key and an id.
fn beyond(
    backend: DatabaseBackend,
    [key, own_id]: [Expr; 2],
    descending: bool,
    Cursor { key: last, id }: &Cursor,
) -> Condition {
    let last = match last {
        Key::Name(name) => Expr::val(name.as_str()),
        Key::Price(number) | Key::CreateTime(number) => Expr::val(*number),
    };
    let mut all = Condition::all();
    // MySQL finds no range in a comparison of pairs: the first column alone gives it one.
    if backend == DatabaseBackend::MySql {
        let (key, last) = (key.clone(), last.clone());
        all = all.add(if descending { key.lte(last) } else { key.gte(last) });
    }
    let place = Expr::tuple([key, own_id]);
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

/// Where an article stands in an order.
fn place(order: Order) -> [Expr; 2] {
    [visible(key(order)), visible(article::Column::Id)]
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

/// The words that a filter asks for, the rarest first; `None` where nothing can be found.
async fn words<'a>(db: &impl ConnectionTrait, filter: &'a Filter) -> Result<Option<Vec<Word<'a>>>, DbErr> {
    let Some(words) = &filter.words else { return Ok(Some(Vec::new())) };
    let words = rarest_first(db, words).await?;
    Ok(words.first().is_some_and(|rarest| rarest.found != Some(0)).then_some(words))
}

/// Whether an article has all these words.
fn have(words: &[Word]) -> Condition {
    let has = |word: &Word| has_word((article::Entity, article::Column::Id), word.asked);
    words.iter().map(has).fold(Condition::all(), Condition::add)
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

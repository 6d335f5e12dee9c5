//! Lists of articles: filters, search, and pages by sort key, read by the plans of [`kit::planner`].
//!
//! Each order has an index that begins with the listing status. An ordered scan is one seek for each status that is
//! asked for. Prices are in those indexes, too; words are looked up for each article that a scan meets.
//!
//! The articles of a word have an index in the order in which they were created. In that order, a search is a seek for
//! each word that begins as it is asked for, merged. In others, an article of a word, or of a range of prices, may be
//! rare: those are selective filters.

use kit::{
    db::{Cells, Rows},
    id::ArticleId,
    planner::{Order as PageOrder, Plans, Selective, unindexed},
};
use sea_orm::{
    ColumnTrait, Condition, DbErr, JoinType, QueryFilter, QueryOrder, QueryResult, QuerySelect, QueryTrait,
    Select,
    sea_query::{Expr, ExprTrait, IntoIden, Query, SelectStatement, SubQueryStatement, UnionType},
};

use super::{
    entities::{
        article::{self, SHOWN, decode, shown},
        word,
    },
    words::{Word, having},
};
use crate::{
    domain::{
        article::Article,
        list::{Cursor, Filter, Key, Order},
        listing_status::{ACTIVE_IN_STOCK, ListingStatus, statuses},
    },
    error::Error,
};

mod filter;
#[cfg(test)]
mod tests;

use filter::{column, have, in_category, key, prices, sort_key, words};

/// As many articles of a range of prices as are sorted without an ordered scan first.
const FEW_PRICES: u64 = 500;

/// What the key of a row is called within a query.
const KEY: &str = "sort_key";

/// A page of articles, each with its own cursor: up to `limit` after one.
pub async fn page(
    db: &impl Rows,
    filter: &Filter,
    order: (Order, bool),
    after: Option<&Cursor>,
    limit: u64,
) -> Result<Vec<(Cursor, Article)>, Error> {
    let Some(words) = words(db, filter).await? else { return Ok(Vec::new()) };
    let (by, descending) = order;
    let page = PageOrder { backend: db.get_database_backend(), columns: &[KEY, "id"], descending };
    let list = List { page, filter, by, statuses: statuses(filter), words, after };
    if list.statuses.is_empty() {
        return Ok(Vec::new());
    }
    if let (Order::CreateTime, Some(rarest)) = (by, list.words.first())
        // A page of a rare status would read most of a common word's articles: those statuses have an index.
        && list.statuses.contains(&ACTIVE_IN_STOCK)
        && let Some(words) = rarest.spelled_out(db).await?
    {
        return match words.as_slice() {
            [] => Ok(Vec::new()),
            words => list.read(db, list.word_seeks(words, limit)).await,
        };
    }
    let selective = match list.is_selective() {
        true => Some(Selective { few: list.is_few(db).await?, top_n: list.top_n(limit) }),
        false => None,
    };
    let plans = list.plans(selective);
    plans.page(db, limit, |row| list.before(row), |keys| list.read(db, keys)).await
}

/// Up to `limit` articles after one, by their ids: in the order in which they were created, which no change
/// of them changes.
pub async fn by_id(
    db: &impl Rows,
    filter: &Filter,
    after: Option<ArticleId>,
    limit: u64,
) -> Result<Vec<Article>, Error> {
    let Some(words) = words(db, filter).await? else { return Ok(Vec::new()) };
    let few = match words.first() {
        Some(rarest) if rarest.is_rare(db).await? => Some(rarest),
        _ => None,
    };
    let query = shown()
        .filter(prices(filter, unindexed))
        .filter(unindexed(article::Column::ListingStatus).is_in(statuses(filter)))
        .filter(Condition::all().add_option(in_category(filter)))
        .filter(have(&words))
        .filter(
            Condition::all()
                .add_option(few.map(|rarest| article::Column::Id.in_subquery(having(rarest.asked))))
                .add_option(after.map(|after| article::Column::Id.gt(after))),
        )
        .order_by_asc(article::Column::Id)
        .limit(limit);
    Ok(db.rows(query.as_query(), decode).await?)
}

/// A list that is asked for.
struct List<'a> {
    page: PageOrder,
    filter: &'a Filter,
    by: Order,
    statuses: Vec<ListingStatus>,
    /// The rarest first.
    words: Vec<Word<'a>>,
    after: Option<&'a Cursor>,
}

impl List<'_> {
    /// Whether the filter may fit few articles, and has an index of its own.
    fn is_selective(&self) -> bool {
        let priced = self.filter.min_price.is_some() || self.filter.max_price.is_some();
        !self.words.is_empty() || priced && self.by != Order::Price
    }

    /// Whether a selective filter fits few articles.
    async fn is_few(&self, db: &impl Rows) -> Result<bool, DbErr> {
        if let Some(rarest) = self.words.first() {
            return rarest.is_rare(db).await;
        }
        Ok(db.query_one(self.by_price().offset(FEW_PRICES).limit(1)).await?.is_none())
    }

    fn plans(&self, selective: Option<Selective>) -> Plans {
        let place = [column(key(self.by)), column(article::Column::Id)];
        let after = Condition::all().add_option(self.after_last(place)).add_option(in_category(self.filter));
        let seek = |status: &ListingStatus| {
            Query::select()
                .expr_as(column(key(self.by)), KEY)
                .column((article::Entity, article::Column::Id))
                .from(article::Entity)
                .and_where(article::Column::ListingStatus.eq(*status))
                .cond_where(after.clone())
                .to_owned()
        };
        let filter = match self.is_selective() {
            true => prices(self.filter, unindexed).add(have(&self.words)),
            // By price, a range of prices is a range of the order's own index.
            false => prices(self.filter, column),
        };
        Plans { order: self.page, seeks: self.statuses.iter().map(seek).collect(), filter, selective }
    }

    /// Keys and ids of those with one of these words, and all that is asked for, by their index in the order in
    /// which they were created.
    fn word_seeks(&self, words: &[String], limit: u64) -> SelectStatement {
        let column = |column| Expr::col((word::Entity, column));
        let place = || [column(word::Column::CreateTime), column(word::Column::ArticleId)];
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
                .cond_where(Condition::all().add_option(self.after_last(place())))
                .and_where(Expr::exists(fits.clone()))
                .to_owned()
        });
        // Who has several of them is found once.
        self.page.merge(UnionType::Distinct, words, limit, 0)
    }

    /// The articles in the range of prices.
    fn by_price(&self) -> SelectStatement {
        Query::select()
            .expr_as(column(article::Column::Id), "article_id")
            .from(article::Entity)
            .and_where(article::Column::ListingStatus.is_in(self.statuses.clone()))
            .cond_where(prices(self.filter, column))
            .to_owned()
    }

    /// Keys and ids of all that fit, by the rarest word or by price, sorted.
    fn top_n(&self, limit: u64) -> SelectStatement {
        const LED: &str = "led_to";
        let led_to = match self.words.first() {
            Some(rarest) => having(rarest.asked),
            None => self.by_price(),
        };
        let place = [unindexed(key(self.by)), column(article::Column::Id)];
        // A subquery for each: planners would rather read all articles than look up a few thousand.
        let mut key_of = self.looked_up((LED, "article_id"), column(key(self.by)));
        key_of.cond_where(Condition::all().add_option(self.after_last(place)));
        let looked_up = Query::select()
            .expr_as(Expr::from(SubQueryStatement::from(key_of)), KEY)
            .expr_as(Expr::col((LED, "article_id")), "id")
            .from_subquery(led_to, LED)
            // All; but so that what is looked up once is not looked up again to be compared.
            .limit(i64::MAX as u64)
            .to_owned();
        let mut rows = Query::select().columns([KEY, "id"]).from_subquery(looked_up, "found").to_owned();
        rows.and_where(Expr::col(KEY).is_not_null());
        self.page.sort(&mut rows, limit).to_owned()
    }

    /// Something of the article that a word or a price led to, if it is what is asked for.
    fn looked_up(&self, id: (impl IntoIden, impl IntoIden), what: Expr) -> SelectStatement {
        let others = self.words.get(1..).unwrap_or_default();
        Query::select()
            .expr(what)
            .from(article::Entity)
            .and_where(column(article::Column::Id).equals(id))
            .and_where(unindexed(article::Column::ListingStatus).is_in(self.statuses.clone()))
            .cond_where(prices(self.filter, unindexed).add(have(others)))
            .cond_where(Condition::all().add_option(in_category(self.filter)))
            .to_owned()
    }

    /// Whether a row with this key and id comes after the page before.
    fn after_last(&self, place: [Expr; 2]) -> Option<Condition> {
        let last = self.after?;
        let key = match &last.key {
            Key::Name(name) => Expr::val(name.as_str()),
            Key::Price(number) | Key::CreateTime(number) => Expr::val(*number),
        };
        Some(self.page.after(place, [key, Expr::val(last.id)]))
    }

    /// Whether an article stands before the one with the key and the id of a row.
    fn before(&self, row: &QueryResult) -> Result<Condition, DbErr> {
        let other = match self.by {
            Order::Name => Expr::val(row.try_get_by_index::<String>(0)?),
            Order::Price | Order::CreateTime => Expr::val(row.try_get_by_index::<i64>(0)?),
        };
        let place = [column(key(self.by)), column(article::Column::Id)];
        Ok(self.page.before(place, [other, Expr::val(row.try_get_by_index::<ArticleId>(1)?)]))
    }

    /// The articles of these ids, each with its key, in no order.
    fn articles(&self, ids: SelectStatement) -> Select<article::Entity> {
        const PAGE: &str = "page";
        let mut rows = shown().expr_as(Expr::col((PAGE, KEY)), KEY);
        let found = Expr::col((PAGE, "id")).equals((article::Entity, article::Column::Id));
        QuerySelect::query(&mut rows).join_subquery(JoinType::InnerJoin, ids, PAGE, found);
        rows
    }

    /// The articles of these ids, in order. Their cursors have the keys that led to them, by the same statement: an article
    /// that moves in the order meanwhile has the place where it was found.
    async fn read(&self, db: &impl Rows, ids: SelectStatement) -> Result<Vec<(Cursor, Article)>, Error> {
        let query = self.articles(ids);
        let read = |row: &Cells<'_>| {
            let article = decode(row)?;
            Ok((Cursor { key: sort_key(self.by, row, SHOWN)?, id: article.id }, article))
        };
        let mut articles = db.rows(query.as_query(), read).await?;
        let descending = self.page.descending;
        articles.sort_by(|(one, _), (other, _)| if descending { other.cmp(one) } else { one.cmp(other) });
        Ok(articles)
    }
}

//! Lists of articles: filters, search, and pages by sort key.
//!
//! A page is a scan along the order's index from the cursor on, which stops when the page is full. For a
//! search that finds little that would read the whole catalogue; so the articles with the words are looked
//! for first, and if they are few, only they are sorted.

use kit::{Money, id::ArticleId};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, IntoIden, Order as Direction, Query, SelectStatement, UnionType},
};

use super::{
    articles::{joined, seen, with_stock},
    table::{article, stock, word},
};
use crate::{
    domain::{
        article::{Article, price_order},
        listing::{Cursor, Filter, Key, Order},
    },
    error::Error,
};

/// As many hits as are looked up and sorted rather than met on the way along an index.
const FEW: u64 = 2_000;
/// How far the articles with one word are counted, to begin with the rarest.
const COUNTED: u64 = 10_000;

/// A page of articles, each with its own cursor: up to `limit` after one.
pub async fn page(
    db: &impl ConnectionTrait,
    filter: &Filter,
    (order, descending): (Order, bool),
    after: Option<&Cursor>,
    limit: u64,
) -> Result<Vec<(Cursor, Article)>, Error> {
    let Some(mut matching) = matching(db, filter).await? else { return Ok(Vec::new()) };
    let column = match order {
        Order::Name => article::Column::NameFolded,
        Order::Price => article::Column::PriceOrder,
        Order::CreateTime => article::Column::CreateTime,
    };
    if let Some(Cursor { key, id }) = after {
        let key = match key {
            Key::Name(name) => Expr::val(name.as_str()),
            Key::Price(number) | Key::CreateTime(number) => Expr::val(*number),
        };
        let place = Expr::tuple([column.into_expr(), article::Column::Id.into_expr()]);
        let last = Expr::tuple([key, Expr::val(*id)]);
        matching = matching.add(if descending { place.lt(last) } else { place.gt(last) });
    }
    let direction = if descending { Direction::Desc } else { Direction::Asc };
    let rows = with_stock()
        .filter(matching)
        .order_by(column, direction.clone())
        .order_by(article::Column::Id, direction)
        .limit(limit)
        .all(db)
        .await?;
    rows.into_iter().map(|row| Ok((cursor(order, &row.0), joined(row)?))).collect()
}

/// Up to `limit` articles after one, by their ids: in the order in which they were created, which no change
/// of them changes.
pub async fn by_id(
    db: &impl ConnectionTrait,
    filter: &Filter,
    after: Option<ArticleId>,
    limit: u64,
) -> Result<Vec<Article>, Error> {
    let Some(matching) = matching(db, filter).await? else { return Ok(Vec::new()) };
    let rows = with_stock()
        .filter(matching.add_option(after.map(|after| article::Column::Id.gt(after))))
        .order_by_asc(article::Column::Id)
        .limit(limit)
        .all(db)
        .await?;
    rows.into_iter().map(joined).collect()
}

/// What a filter asks for; `None` where nothing can be found.
async fn matching(db: &impl ConnectionTrait, filter: &Filter) -> Result<Option<Condition>, DbErr> {
    let mut matching = conditions(filter);
    if let Some(words) = &filter.words {
        match candidates(db, words).await? {
            Candidates::Few(ids) if ids.is_empty() => return Ok(None),
            Candidates::Few(ids) => matching = matching.add(article::Column::Id.is_in(ids)),
            Candidates::Many => {
                for word in words {
                    matching = matching.add(has_word((article::Entity, article::Column::Id), word));
                }
            }
        }
    }
    Ok(Some(matching))
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
    let mut all = seen(filter.sight);
    if !filter.category.is_empty() {
        all = all.add(article::Column::CategoryFolded.eq(&filter.category));
    }
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

enum Candidates {
    /// These and no others have all the words.
    Few(Vec<ArticleId>),
    /// More than [`FEW`] words of articles have the rarest beginning.
    Many,
}

async fn candidates(db: &impl ConnectionTrait, words: &[String]) -> Result<Candidates, DbErr> {
    let words = rarest_first(db, words).await?;
    let Some((rarest, others)) = words.split_first() else { return Ok(Candidates::Few(Vec::new())) };
    // Not DISTINCT: for that, PostgreSQL reads all rows before it gives any.
    let mut found =
        word::Entity::find().select_only().column(word::Column::ArticleId).filter(begins_with(rarest));
    for other in others {
        found = found.filter(has_word((word::Entity, word::Column::ArticleId), other));
    }
    let mut ids: Vec<ArticleId> = found.limit(FEW + 1).into_tuple().all(db).await?;
    if ids.len() as u64 > FEW {
        return Ok(Candidates::Many);
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(Candidates::Few(ids))
}

async fn rarest_first<'a>(db: &impl ConnectionTrait, words: &'a [String]) -> Result<Vec<&'a String>, DbErr> {
    let mut order: Vec<(i64, &String)> = words.iter().map(|word| (0, word)).collect();
    if words.len() > 1 {
        let count = |(place, beginning): (usize, &String)| {
            let rows = Query::select()
                .expr(Expr::val(1))
                .from(word::Entity)
                .cond_where(begins_with(beginning))
                .limit(COUNTED)
                .to_owned();
            Query::select()
                .expr_as(Expr::val(place as i64), "place")
                .expr_as(Expr::cust("COUNT(*)"), "rows_found")
                .from_subquery(rows, "counted")
                .to_owned()
        };
        let mut counts = words.iter().enumerate().map(count);
        if let Some(mut all) = counts.next() {
            all.unions(counts.map(|next| (UnionType::All, next)));
            for row in db.query_all(&all).await? {
                let place: i64 = row.try_get("", "place")?;
                order[place as usize].0 = row.try_get("", "rows_found")?;
            }
        }
    }
    order.sort();
    Ok(order.into_iter().map(|(_, word)| word).collect())
}

/// Rows of words with this beginning; no word has the last character that there is.
fn begins_with(beginning: &str) -> Condition {
    let end = format!("{beginning}\u{10FFFF}");
    Condition::all().add(column(word::Column::Word).gte(beginning)).add(column(word::Column::Word).lt(end))
}

/// Whether the article with an id has a word with this beginning. The limit says nothing new, but keeps
/// planners from making a join of it, which would be driven by the words instead of by the order.
fn has_word(id: (impl IntoIden, impl IntoIden), beginning: &str) -> Expr {
    const INNER: &str = "w";
    let end = format!("{beginning}\u{10FFFF}");
    let found: SelectStatement = Query::select()
        .expr(Expr::val(1))
        .from_as(word::Entity, INNER)
        .and_where(Expr::col((INNER, word::Column::ArticleId)).equals(id))
        .and_where(Expr::col((INNER, word::Column::Word)).gte(beginning))
        .and_where(Expr::col((INNER, word::Column::Word)).lt(end))
        .limit(1)
        .offset(0)
        .to_owned();
    Expr::exists(found)
}

fn column(column: word::Column) -> Expr {
    Expr::col((word::Entity, column))
}

//! Filters and orders of lists as conditions and columns.

use kit::db::Cells;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr,
    sea_query::{Expr, ExprTrait},
};

use crate::{
    domain::{
        article::price_order,
        list::{Filter, Key, Order},
    },
    store::{
        entities::article,
        words::{Word, has_word, rarest_first},
    },
};

/// The column that an order is by.
pub fn key(order: Order) -> article::Column {
    match order {
        Order::Name => article::Column::NameFolded,
        Order::Price => article::Column::PriceOrder,
        Order::CreateTime => article::Column::CreateTime,
    }
}

pub fn column(column: article::Column) -> Expr {
    Expr::col((article::Entity, column))
}

/// The key of a row by an order, which is in this place of it.
pub fn sort_key(order: Order, row: &Cells<'_>, place: usize) -> Result<Key, DbErr> {
    Ok(match order {
        Order::Name => Key::Name(row.get(place)?),
        Order::Price => Key::Price(row.get(place)?),
        Order::CreateTime => Key::CreateTime(row.get(place)?),
    })
}

/// The words that a filter asks for, the rarest first; `None` where nothing can be found.
pub async fn words<'a>(
    db: &impl ConnectionTrait,
    filter: &'a Filter,
) -> Result<Option<Vec<Word<'a>>>, DbErr> {
    let Some(words) = &filter.words else { return Ok(Some(Vec::new())) };
    let words = rarest_first(db, words).await?;
    Ok(words.first().is_some_and(|rarest| rarest.found != Some(0)).then_some(words))
}

/// Whether an article has all these words.
pub fn have(words: &[Word]) -> Condition {
    let has = |word: &Word| has_word((article::Entity, article::Column::Id), word.asked);
    words.iter().map(has).fold(Condition::all(), Condition::add)
}

pub fn in_category(filter: &Filter) -> Option<Expr> {
    (!filter.category.is_empty()).then(|| article::Column::CategoryFolded.eq(&filter.category))
}

/// The range of prices.
pub fn prices(filter: &Filter, column: fn(article::Column) -> Expr) -> Condition {
    let price = || column(article::Column::PriceOrder);
    let mut all = Condition::all();
    if let Some(priced) = filter.min_price.or(filter.max_price) {
        all = all.add(article::Column::Currency.eq(priced.currency.code()));
    }
    all.add_option(filter.min_price.map(|least| price().gte(price_order(least))))
        .add_option(filter.max_price.map(|most| price().lte(price_order(most))))
}

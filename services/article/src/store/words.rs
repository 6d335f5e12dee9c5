//! Search by words: the articles with words of these beginnings.

use kit::id::ArticleId;
use sea_orm::{
    Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait, IntoIden, Query, SelectStatement, UnionType},
};

use super::table::word;

/// As many hits as are looked up and sorted rather than met on the way along an index.
const FEW: u64 = 2_000;
/// How far the articles with one word are counted, to begin with the rarest.
const COUNTED: u64 = 10_000;

/// The articles with some words.
pub enum Candidates {
    /// These and no others have all the words.
    Few(Vec<ArticleId>),
    /// More than [`FEW`] words of articles have this beginning, the rarest.
    Many(String),
}

/// Looks which articles have words of all these beginnings, if they are few.
pub async fn candidates(db: &impl ConnectionTrait, words: &[String]) -> Result<Candidates, DbErr> {
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
        return Ok(Candidates::Many((*rarest).clone()));
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

/// The articles with a word of this beginning.
pub fn having(beginning: &str) -> SelectStatement {
    Query::select()
        .column(word::Column::ArticleId)
        .from(word::Entity)
        .cond_where(begins_with(beginning))
        .to_owned()
}

/// Rows of words with this beginning; no word has the last character that there is.
fn begins_with(beginning: &str) -> Condition {
    let end = format!("{beginning}\u{10FFFF}");
    Condition::all().add(column(word::Column::Word).gte(beginning)).add(column(word::Column::Word).lt(end))
}

/// Whether the article with an id has a word with this beginning. The limit says nothing new, but keeps
/// planners from making a join of it, which would be driven by the words instead of by the order.
pub fn has_word(id: (impl IntoIden, impl IntoIden), beginning: &str) -> Expr {
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

//! Search by words: the articles with words of these beginnings.

use sea_orm::{
    Condition, ConnectionTrait, DbErr,
    sea_query::{Expr, ExprTrait, IntoIden, Query, SelectStatement, UnionType},
};

use super::table::word;

/// How far the articles with one word are counted, to begin with the rarest.
const COUNTED: u64 = 10_000;

/// As many hits as are looked up and sorted rather than met on the way along an index.
pub const FEW: u64 = 2_000;

/// A beginning of words.
#[derive(Debug, Clone, Copy)]
pub struct Word<'a> {
    pub beginning: &'a str,
    /// How many words of articles begin so, as far as they are counted: beyond [`FEW`].
    pub found: u64,
}

/// The words of a search, the rarest first.
pub async fn rarest_first<'a>(
    db: &impl ConnectionTrait,
    words: &'a [String],
) -> Result<Vec<Word<'a>>, DbErr> {
    let most = if words.len() > 1 { COUNTED } else { FEW + 1 };
    let count = |(place, beginning): (usize, &String)| {
        let rows = Query::select()
            .expr(Expr::val(1))
            .from(word::Entity)
            .cond_where(begins_with(beginning))
            .limit(most)
            .to_owned();
        Query::select()
            .expr_as(Expr::val(place as i64), "place")
            .expr_as(Expr::cust("COUNT(*)"), "rows_found")
            .from_subquery(rows, "counted")
            .to_owned()
    };
    let mut counts = words.iter().enumerate().map(count);
    let Some(mut all) = counts.next() else { return Ok(Vec::new()) };
    all.unions(counts.map(|next| (UnionType::All, next)));
    let mut counted: Vec<Word> = words.iter().map(|beginning| Word { beginning, found: 0 }).collect();
    for row in db.query_all(&all).await? {
        let place: i64 = row.try_get("", "place")?;
        counted[place as usize].found = row.try_get::<i64>("", "rows_found")? as u64;
    }
    counted.sort_by_key(|word| word.found);
    Ok(counted)
}

/// The articles with a word of this beginning, each once.
pub fn having(beginning: &str) -> SelectStatement {
    Query::select()
        .distinct()
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

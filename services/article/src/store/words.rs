//! Search by words: the articles with words of these beginnings.

use sea_orm::{
    Condition, ConnectionTrait, DatabaseBackend, DbErr, StatementBuilder,
    sea_query::{
        CommonTableExpression, Expr, ExprTrait, Func, IntoIden, Query, SelectStatement, SubQueryStatement,
        UnionType, WithClause,
    },
};

use super::table::word;

/// How far the articles with one word are counted, to begin with the rarest.
const COUNTED: u64 = 10_000;

/// As many hits as are looked up and sorted rather than met on the way along an index.
pub const FEW: u64 = 2_000;

/// As many words of one beginning as are merged.
const MERGED: u64 = 8;

/// A beginning of words.
#[derive(Debug, Clone, Copy)]
pub struct Word<'a> {
    pub beginning: &'a str,
    /// How many words of articles begin so, as far as they are counted: beyond [`FEW`]. A word alone is not.
    pub found: Option<u64>,
}

impl<'a> From<&'a str> for Word<'a> {
    fn from(beginning: &'a str) -> Self {
        Word { beginning, found: None }
    }
}

impl Word<'_> {
    /// Whether no more than [`FEW`] words of articles begin so.
    pub async fn is_rare(&self, db: &impl ConnectionTrait) -> Result<bool, DbErr> {
        match self.found {
            Some(found) => Ok(found <= FEW),
            None => Ok(db.query_one(rows(self.beginning).offset(FEW).limit(1)).await?.is_none()),
        }
    }

    /// The words that begin so; `None` where they are many.
    pub async fn spelled_out(&self, db: &impl ConnectionTrait) -> Result<Option<Vec<String>>, DbErr> {
        let found = match db.get_database_backend() {
            // It skips from word to word by itself.
            DatabaseBackend::MySql => {
                let mut words = Query::select();
                words.distinct().column(word::Column::Word).from(word::Entity);
                words.cond_where(begins_with(self.beginning)).limit(MERGED + 1);
                db.query_all(&words).await?
            }
            _ => db.query_all(&self.skipping()).await?,
        };
        if found.len() as u64 > MERGED {
            return Ok(None);
        }
        found.iter().map(|row| row.try_get("", "word")).collect::<Result<_, _>>().map(Some)
    }

    /// The words that begin so, each looked for behind the one before.
    fn skipping(&self) -> impl StatementBuilder + use<> {
        const SPELLED: &str = "spelled";
        let least = |all: Condition| {
            let word = Func::min(column(word::Column::Word));
            Query::select().expr_as(word, "word").from(word::Entity).cond_where(all).to_owned()
        };
        let spelled = || Expr::col((SPELLED, "word"));
        // One lower bound: with two, planners may seek by the wrong one.
        let behind = Condition::all()
            .add(column(word::Column::Word).gt(spelled()))
            .add(column(word::Column::Word).lt(behind_all(self.beginning)));
        let next = Query::select()
            .expr(Expr::from(SubQueryStatement::from(least(behind))))
            .from(SPELLED)
            .and_where(spelled().is_not_null())
            .to_owned();
        let mut all = least(begins_with(self.beginning));
        all.union(UnionType::All, next);
        let all = CommonTableExpression::new().table_name(SPELLED).column("word").query(all).to_owned();
        Query::select()
            .column("word")
            .from(SPELLED)
            .and_where(spelled().is_not_null())
            .limit(MERGED + 1)
            .to_owned()
            .with(WithClause::new().recursive(true).cte(all).to_owned())
    }
}

/// The words of a search, the rarest first.
pub async fn rarest_first<'a>(
    db: &impl ConnectionTrait,
    words: &'a [String],
) -> Result<Vec<Word<'a>>, DbErr> {
    if let [beginning] = words {
        return Ok(vec![beginning.as_str().into()]);
    }
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
    let Some(mut all) = counts.next() else { return Ok(Vec::new()) };
    all.unions(counts.map(|next| (UnionType::All, next)));
    let mut counted: Vec<Word> = words.iter().map(|beginning| beginning.as_str().into()).collect();
    for row in db.query_all(&all).await? {
        let place: i64 = row.try_get("", "place")?;
        counted[place as usize].found = Some(row.try_get::<i64>("", "rows_found")? as u64);
    }
    counted.sort_by_key(|word| word.found);
    Ok(counted)
}

/// The articles with a word of this beginning, each once.
pub fn having(beginning: &str) -> SelectStatement {
    rows(beginning).distinct().to_owned()
}

/// An article's id for each of its words with this beginning.
fn rows(beginning: &str) -> SelectStatement {
    Query::select()
        .column(word::Column::ArticleId)
        .from(word::Entity)
        .cond_where(begins_with(beginning))
        .to_owned()
}

/// Rows of words with this beginning.
fn begins_with(beginning: &str) -> Condition {
    Condition::all()
        .add(column(word::Column::Word).gte(beginning))
        .add(column(word::Column::Word).lt(behind_all(beginning)))
}

/// What comes behind all words with this beginning: no word has the last character that there is.
fn behind_all(beginning: &str) -> String {
    format!("{beginning}\u{10FFFF}")
}

/// Whether the article with an id has a word with this beginning. The limit says nothing new, but keeps
/// planners from making a join of it, which would be driven by the words instead of by the order.
pub fn has_word(id: (impl IntoIden, impl IntoIden), beginning: &str) -> Expr {
    const INNER: &str = "w";
    let found: SelectStatement = Query::select()
        .expr(Expr::val(1))
        .from_as(word::Entity, INNER)
        .and_where(Expr::col((INNER, word::Column::ArticleId)).equals(id))
        .and_where(Expr::col((INNER, word::Column::Word)).gte(beginning))
        .and_where(Expr::col((INNER, word::Column::Word)).lt(behind_all(beginning)))
        .limit(1)
        .offset(0)
        .to_owned();
    Expr::exists(found)
}

fn column(column: word::Column) -> Expr {
    Expr::col((word::Entity, column))
}

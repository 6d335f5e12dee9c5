//! Search by words: the articles that have them.

use std::collections::BTreeSet;

use kit::words::{Asked, Form};
use sea_orm::{
    Condition, ConnectionTrait, DatabaseBackend, DbErr, StatementBuilder,
    sea_query::{
        CommonTableExpression, Expr, ExprTrait, Func, IntoIden, Query, SelectStatement, SubQueryStatement,
        UnionType, WithClause,
    },
};

use super::entities::word;

/// How far the articles with one word are counted, to begin with the rarest.
const COUNTED: u64 = 10_000;

/// As many hits as are looked up and sorted without an ordered scan first.
pub const FEW: u64 = 2_000;

/// As many words of one beginning as are merged.
const MERGED: u64 = 8;

/// A word that is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Word<'a> {
    pub asked: &'a Asked,
    /// How many words of articles fit it, as far as they are counted: beyond [`FEW`]. A word alone is not.
    pub found: Option<u64>,
}

impl<'a> From<&'a Asked> for Word<'a> {
    fn from(asked: &'a Asked) -> Self {
        Word { asked, found: None }
    }
}

impl Word<'_> {
    /// Whether no more than [`FEW`] words of articles fit it.
    pub async fn is_rare(&self, db: &impl ConnectionTrait) -> Result<bool, DbErr> {
        match self.found {
            Some(found) => Ok(found <= FEW),
            None => Ok(db.query_one(rows(self.asked).offset(FEW).limit(1)).await?.is_none()),
        }
    }

    /// The words that may fit it; `None` where they are many.
    pub async fn spelled_out(&self, db: &impl ConnectionTrait) -> Result<Option<Vec<String>>, DbErr> {
        let mut words = BTreeSet::new();
        for form in &self.asked.forms {
            if form.whole {
                words.insert(form.text.clone());
                continue;
            }
            let found = match db.get_database_backend() {
                // It skips from word to word by itself.
                DatabaseBackend::MySql => {
                    let mut words = Query::select();
                    words.distinct().column(word::Column::Word).from(word::Entity);
                    words.cond_where(begins_with(&form.text)).limit(MERGED + 1);
                    db.query_all(&words).await?
                }
                _ => db.query_all(&skipping(&form.text)).await?,
            };
            for row in found {
                words.insert(row.try_get("", "word")?);
            }
            if words.len() as u64 > MERGED {
                return Ok(None);
            }
        }
        Ok(Some(words.into_iter().collect()))
    }
}

/// The words that begin so, each looked for behind the one before.
fn skipping(beginning: &str) -> impl StatementBuilder + use<> {
    const SPELLED: &str = "spelled";
    let least = |all: Condition| {
        let word = Func::min(column(word::Column::Word));
        Query::select().expr_as(word, "word").from(word::Entity).cond_where(all).to_owned()
    };
    let spelled = || Expr::col((SPELLED, "word"));
    // One lower bound: with two, planners may seek by the wrong one.
    let behind = Condition::all()
        .add(column(word::Column::Word).gt(spelled()))
        .add(column(word::Column::Word).lt(behind_all(beginning)));
    let next = Query::select()
        .expr(Expr::from(SubQueryStatement::from(least(behind))))
        .from(SPELLED)
        .and_where(spelled().is_not_null())
        .to_owned();
    let mut all = least(begins_with(beginning));
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

/// The words of a search, the rarest first. The counts may be outdated when the list is read: they choose the plan, and
/// no answer depends on them.
pub async fn rarest_first<'a>(db: &impl ConnectionTrait, words: &'a [Asked]) -> Result<Vec<Word<'a>>, DbErr> {
    if let [asked] = words {
        return Ok(vec![asked.into()]);
    }
    let count = |(place, asked): (usize, &Asked)| {
        Query::select()
            .expr_as(Expr::val(place as i64), "place")
            .expr_as(Expr::cust("COUNT(*)"), "rows_found")
            .from_subquery(rows(asked).limit(COUNTED).to_owned(), "counted")
            .to_owned()
    };
    let mut counts = words.iter().enumerate().map(count);
    let Some(mut all) = counts.next() else { return Ok(Vec::new()) };
    all.unions(counts.map(|next| (UnionType::All, next)));
    let mut counted: Vec<Word> = words.iter().map(Word::from).collect();
    for row in db.query_all(&all).await? {
        let place: i64 = row.try_get("", "place")?;
        counted[place as usize].found = Some(row.try_get::<i64>("", "rows_found")? as u64);
    }
    counted.sort_by_key(|word| word.found);
    Ok(counted)
}

/// The articles with a word that fits, each once.
pub fn having(asked: &Asked) -> SelectStatement {
    let mut rows = rows(asked);
    match asked.forms.as_slice() {
        [_] => rows.distinct().to_owned(),
        _ => Query::select().distinct().column("article_id").from_subquery(rows, "forms").to_owned(),
    }
}

/// An article's id for each of its words that fits, for each form that it fits.
fn rows(asked: &Asked) -> SelectStatement {
    let mut forms = asked.forms.iter().map(|form| {
        Query::select().column(word::Column::ArticleId).from(word::Entity).cond_where(fits(form)).to_owned()
    });
    let mut all = forms.next().unwrap_or_default();
    all.unions(forms.map(|next| (UnionType::All, next)));
    all
}

/// Rows of words of a form.
fn fits(form: &Form) -> Condition {
    match form.whole {
        true => Condition::all().add(column(word::Column::Word).eq(form.text.as_str())),
        false => begins_with(&form.text),
    }
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

/// Whether the article with an id has a word that fits. The limit says nothing new, but keeps planners from
/// making a join of it, which would be driven by the words instead of by the order.
pub fn has_word(id: (impl IntoIden, impl IntoIden), asked: &Asked) -> Condition {
    const INNER: &str = "w";
    let (table, id) = (id.0.into_iden(), id.1.into_iden());
    let word = || Expr::col((INNER, word::Column::Word));
    let found = |form: &Form| {
        let text = form.text.as_str();
        let fits = match form.whole {
            true => Condition::all().add(word().eq(text)),
            false => Condition::all().add(word().gte(text)).add(word().lt(behind_all(text))),
        };
        let found: SelectStatement = Query::select()
            .expr(Expr::val(1))
            .from_as(word::Entity, INNER)
            .and_where(Expr::col((INNER, word::Column::ArticleId)).equals((table.clone(), id.clone())))
            .cond_where(fits)
            .limit(1)
            .offset(0)
            .to_owned();
        Expr::exists(found)
    };
    asked.forms.iter().map(found).fold(Condition::any(), Condition::add)
}

fn column(column: word::Column) -> Expr {
    Expr::col((word::Entity, column))
}

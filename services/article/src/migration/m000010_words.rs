//! Names, categories and words of the articles that are there, by today's rules of `kit::words`: made again for all of
//! them, a few hundred at a time. Of what is there already nothing is written, so it can be done again.

use kit::{
    id::ArticleId,
    migration::{Rows, kept_words},
    words::{fold_line, words},
};
use sea_orm::{ConnectionTrait, FromQueryResult};
use sea_orm_migration::prelude::*;

pub struct Words;

impl MigrationName for Words {
    fn name(&self) -> &str {
        "m000010_words"
    }
}

/// Articles of one step.
const ARTICLES: u64 = 250;
/// Rows of one INSERT, words of one DELETE: databases take some 32,000 parameters in a statement.
const WORDS: usize = 5_000;

/// The columns that folding needs, whatever else the table will have one day.
#[derive(FromQueryResult)]
struct Row {
    id: ArticleId,
    code: String,
    name: String,
    name_folded: String,
    description: String,
    category: String,
    category_folded: String,
    create_time: i64,
    deleted_time: Option<i64>,
}

#[async_trait::async_trait]
impl MigrationTrait for Words {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        again(manager.get_connection()).await
    }
}

/// Makes all of it again, by the rules of today.
async fn again(db: &SchemaManagerConnection<'_>) -> Result<(), DbErr> {
    let columns = [
        "id",
        "code",
        "name",
        "name_folded",
        "description",
        "category",
        "category_folded",
        "create_time",
        "deleted_time",
    ];
    let mut articles = Rows::of("articles", &columns, ARTICLES);
    while let Some(rows) = articles.next(db, |row: &Row| row.id).await? {
        lines(db, &rows).await?;
        index(db, &rows).await?;
    }
    Ok(())
}

/// What lists sort and compare by: one statement for all rows that change.
async fn lines(db: &SchemaManagerConnection<'_>, rows: &[Row]) -> Result<(), DbErr> {
    let (mut names, mut categories) = (CaseStatement::new(), CaseStatement::new());
    let mut changed = Vec::new();
    for row in rows {
        let (name, category) = (fold_line(&row.name, 200), fold_line(&row.category, 100));
        if (&name, &category) == (&row.name_folded, &row.category_folded) {
            continue;
        }
        names = names.case(Expr::col("id").eq(row.id), name);
        categories = categories.case(Expr::col("id").eq(row.id), category);
        changed.push(row.id);
    }
    if changed.is_empty() {
        return Ok(());
    }
    let mut update = Query::update();
    update.table("articles").value("name_folded", names).value("category_folded", categories);
    db.execute(update.and_where(Expr::col("id").is_in(changed))).await.map(|_| ())
}

/// The words that these articles lack, and those that they have no more.
async fn index(db: &SchemaManagerConnection<'_>, rows: &[Row]) -> Result<(), DbErr> {
    let mut kept = kept_words(db, "article_words", "article_id", rows.iter().map(|row| row.id)).await?;
    let (mut gone, mut new) = (Vec::new(), Vec::new());
    for row in rows.iter().filter(|row| row.deleted_time.is_none()) {
        let mut old = kept.remove(&row.id).unwrap_or_default();
        for word in words([row.name.as_str(), &row.code, &row.category, &row.description]) {
            if !old.remove(&word) {
                new.push((row.id, word, row.create_time));
            }
        }
        gone.extend(old.into_iter().map(|word| (row.id, word)));
    }
    for some in gone.chunks(WORDS) {
        let mut delete = Query::delete();
        let row = Expr::tuple([Expr::col("article_id"), Expr::col("word")]);
        delete.from_table("article_words").and_where(row.in_tuples(some.iter().cloned()));
        db.execute(&delete).await?;
    }
    for some in new.chunks(WORDS) {
        let mut insert = Query::insert();
        insert.into_table("article_words").columns(["article_id", "word", "create_time"]);
        for (id, word, time) in some.iter().cloned() {
            insert.values_panic([id.into(), word.into(), time.into()]);
        }
        db.execute(&insert).await?;
    }
    Ok(())
}

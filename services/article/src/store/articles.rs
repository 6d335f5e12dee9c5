//! Articles one by one, and their words.

use std::collections::BTreeSet;

use contracts::article::{ArticleChange, ArticleChanged};
use kit::{Time, Tx, db::Rows, fault, id::ArticleId};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, DbErr, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait},
};

use super::{
    entities::{
        article::{self, columns, decode, read, shown},
        stock, word,
    },
    images,
};
use crate::{
    domain::{
        article::{Article, Content},
        list::Visibility,
        listing_status::{DELETED, listing_status},
    },
    error::Error,
};

/// Rows of one INSERT: databases take some 32,000 parameters in a statement.
const MOST_WORDS_AT_ONCE: usize = 5_000;

/// Inserts an article, its words and its stock, which is empty. The unique index on codes decides between two of the same
/// code; a check before would only make a race of it.
pub async fn insert(tx: &Tx, id: ArticleId, content: &Content) -> Result<Article, Error> {
    let now = tx.now();
    let mut row = columns(content);
    row.id = Set(id);
    row.version = Set(1);
    row.create_time = Set(now);
    row.update_time = Set(now);
    row.deleted_time = Set(None);
    row.listing_status = Set(listing_status(content.active, 0, content.low_stock_threshold));
    article::Entity::insert(row).exec_without_returning(&**tx).await.map_err(taken)?;
    let empty = stock::Model { article_id: id, free: 0, reserved: 0, sold: 0, movements: 0 };
    stock::Entity::insert(stock::ActiveModel::from(empty)).exec_without_returning(&**tx).await?;
    insert_words(tx, words_of(id, content.words(), now).collect()).await?;
    publish(tx, id, ArticleChange::Created);
    Ok(Article { id, content: content.clone(), version: 1, create_time: now, update_time: now, free: 0 })
}

/// Changes an article as `change` has it, if it is in the version that `etag` names; an empty etag is any.
pub async fn update(
    tx: &Tx,
    id: ArticleId,
    etag: &str,
    change: impl FnOnce(&mut Content) -> Result<bool, Error>,
) -> Result<Article, Error> {
    let row = lock(tx, id, etag).await?;
    let free = free(tx, id).await?;
    let article = read(row, free)?;
    let mut content = article.content.clone();
    if !change(&mut content)? {
        return Ok(article);
    }
    rewrite(tx, &article, &content).await?;
    Ok(Article { content, version: article.version + 1, update_time: tx.now(), ..article })
}

/// Writes what an article is from now on, if it is still in this version: its row, its words, its image.
pub(super) async fn rewrite(tx: &Tx, article: &Article, after: &Content) -> Result<(), Error> {
    let Article { id, version, create_time, content: before, .. } = article;
    let (id, version) = (*id, *version);
    let mut row = columns(after);
    row.version = Set(version + 1);
    row.update_time = Set(tx.now());
    if (before.active, before.low_stock_threshold) != (after.active, after.low_stock_threshold) {
        // Whoever moves stock locks the article's row first, which this transaction holds.
        row.listing_status =
            Set(listing_status(after.active, free(tx, id).await?, after.low_stock_threshold));
    }
    save(tx, id, version, row).await?;
    let (old, new) = (before.words(), after.words());
    delete_words(tx, id, old.difference(&new).cloned().collect()).await?;
    insert_words(tx, words_of(id, new.difference(&old).cloned(), *create_time).collect()).await?;
    images::follow(tx, id, before, after).await?;
    publish(tx, id, ArticleChange::Updated);
    Ok(())
}

/// Tells followers of a change. The article's row is locked, so that they get its changes in their order.
pub(super) fn publish(tx: &Tx, id: ArticleId, change: ArticleChange) {
    tx.publish(id, &ArticleChanged { article_id: id.to_string(), change: change.into() });
}

/// Marks an article as deleted and frees its code. It is found no more, but for the mesh by its id. A mark and not a
/// DELETE: orders that have reserved it still commit, release and restock.
pub async fn delete(tx: &Tx, id: ArticleId, etag: &str) -> Result<(), Error> {
    let row = lock(tx, id, etag).await?;
    let deleted = article::ActiveModel {
        code_folded: Set(format!(":{id}")),
        active: Set(false),
        listing_status: Set(DELETED),
        version: Set(row.version + 1),
        update_time: Set(tx.now()),
        deleted_time: Set(Some(tx.now())),
        ..Default::default()
    };
    save(tx, id, row.version, deleted).await?;
    word::Entity::delete_many().filter(word::Column::ArticleId.eq(id)).exec(&**tx).await?;
    images::remove(tx, id).await?;
    publish(tx, id, ArticleChange::Deleted);
    Ok(())
}

/// Finds an article by its id.
pub async fn by_id(db: &impl Rows, visibility: Visibility, id: ArticleId) -> Result<Article, Error> {
    one(db, Condition::all().add(visible_by_id(visibility)).add(article::Column::Id.eq(id))).await
}

/// Finds an article by its code.
pub async fn by_code(db: &impl Rows, visibility: Visibility, code: &str) -> Result<Article, Error> {
    one(db, Condition::all().add(visible_to(visibility)).add(article::Column::CodeFolded.eq(fold_code(code))))
        .await
}

/// Finds those articles of a batch that there are, in no order.
pub async fn by_ids(
    db: &impl Rows,
    visibility: Visibility,
    ids: BTreeSet<ArticleId>,
) -> Result<Vec<Article>, Error> {
    let Some(last) = ids.last().copied() else { return Ok(Vec::new()) };
    // The last one again and again, up to a power of two: each number of ids is a statement of its own to prepare.
    let number = ids.len().next_power_of_two();
    let asked = ids.into_iter().chain(std::iter::repeat(last)).take(number);
    let query = shown().filter(visible_by_id(visibility)).filter(article::Column::Id.is_in(asked));
    Ok(db.rows(query.as_query(), decode).await?)
}

/// What a caller can find.
pub(super) fn visible_to(visibility: Visibility) -> Condition {
    match visibility {
        Visibility::Public => Condition::all().add(article::Column::Active.eq(true)),
        Visibility::Staff | Visibility::Mesh => Condition::all().add(article::Column::DeletedTime.is_null()),
    }
}

/// What a caller can find who knows the id.
fn visible_by_id(visibility: Visibility) -> Condition {
    match visibility {
        Visibility::Public | Visibility::Staff => visible_to(visibility),
        Visibility::Mesh => Condition::all(),
    }
}

async fn one(db: &impl Rows, condition: Condition) -> Result<Article, Error> {
    db.row(shown().filter(condition).as_query(), decode).await?.ok_or(Error::NoArticle(None))
}

/// Reads an article for change; nobody else changes it until the transaction ends. The etag is compared under the lock:
/// of two updates that send the same one, the second is refused.
async fn lock(tx: &Tx, id: ArticleId, etag: &str) -> Result<article::Model, Error> {
    let found = article::Entity::find_by_id(id)
        .filter(visible_to(Visibility::Staff))
        .lock_exclusive()
        .one(&**tx)
        .await?;
    let row = found.ok_or(Error::NoArticle(None))?;
    if etag.is_empty() || etag == row.version.to_string() { Ok(row) } else { Err(Error::Stale) }
}

/// What is free of an article. As long as its row is locked, that does not change.
async fn free(tx: &Tx, id: ArticleId) -> Result<i64, DbErr> {
    Ok(stock::Entity::find_by_id(id).one(&**tx).await?.map_or(0, |stock| stock.free))
}

/// Writes the columns that are set, if the article is still in this version. After [`lock`] it is; an import that has
/// locked its articles by their codes relies on it likewise.
async fn save(tx: &Tx, id: ArticleId, version: i64, row: article::ActiveModel) -> Result<(), Error> {
    let done = article::Entity::update_many()
        .set(row)
        .filter(article::Column::Id.eq(id))
        .filter(article::Column::Version.eq(version))
        .exec(&**tx)
        .await
        .map_err(taken)?;
    if done.rows_affected == 1 { Ok(()) } else { Err(Error::Stale) }
}

/// Rows of an article's words.
pub(super) fn words_of(
    article_id: ArticleId,
    words: impl IntoIterator<Item = String>,
    create_time: Time,
) -> impl Iterator<Item = word::Model> {
    words.into_iter().map(move |word| word::Model { article_id, word, create_time })
}

/// Inserts words of articles.
pub(super) async fn insert_words(tx: &Tx, words: Vec<word::Model>) -> Result<(), DbErr> {
    for some in words.chunks(MOST_WORDS_AT_ONCE) {
        let rows = some.iter().cloned().map(word::ActiveModel::from);
        word::Entity::insert_many(rows).exec_without_returning(&**tx).await?;
    }
    Ok(())
}

async fn delete_words(tx: &Tx, id: ArticleId, words: BTreeSet<String>) -> Result<(), DbErr> {
    if words.is_empty() {
        return Ok(());
    }
    let words: Vec<String> = words.into_iter().collect();
    for some in words.chunks(MOST_WORDS_AT_ONCE) {
        let gone = word::Entity::delete_many()
            .filter(word::Column::ArticleId.eq(id))
            .filter(word::Column::Word.is_in(some.iter().map(String::as_str)));
        gone.exec(&**tx).await?;
    }
    Ok(())
}

pub(super) fn taken(error: DbErr) -> Error {
    match fault::unique_violation(&error) {
        Some(by) if by.contains("articles_code") || by.contains("code_folded") => Error::CodeTaken,
        _ => Error::Database(error),
    }
}

/// How codes are compared.
pub fn fold_code(code: &str) -> String {
    code.to_ascii_lowercase()
}

/// A condition that an article exists for staff, within a query on something that has its id.
pub(super) fn exists(id: Expr) -> Expr {
    let mut found = sea_orm::sea_query::Query::select();
    found
        .expr(Expr::val(1))
        .from(article::Entity)
        .and_where(Expr::col((article::Entity, article::Column::Id)).eq(id))
        .and_where(article::Column::DeletedTime.is_null());
    Expr::exists(found)
}

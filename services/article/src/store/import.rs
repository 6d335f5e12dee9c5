//! A batch of an import's rows in a few statements.

use std::collections::HashMap;

use contracts::article::ArticleChange;
use kit::{
    Tx,
    id::{ArticleId, Id},
};
use sea_orm::{ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{
    articles::{fold_code, insert_words, publish, rewrite, taken, words_of},
    entities::{
        self,
        article::{self, columns, read},
        movement,
    },
    stock::{self, Stock},
};
use crate::{
    domain::{
        acts,
        article::Content,
        import::{Done, Row, Unfit},
        listing_status::listing_status,
        stock::Reason,
    },
    error::Error,
};

/// Creates and updates articles as rows have it, whose codes differ. Fails with [`Error::CodeTaken`] where an
/// article of one of the codes was created meanwhile: then the batch is to be done again.
pub async fn apply(tx: &Tx, rows: &[Row]) -> Result<Vec<Result<Done, Unfit>>, Error> {
    let codes = rows.iter().map(|row| fold_code(&row.code));
    // The articles that are there are locked in the order of their ids, as by everybody who locks several. Codes that are
    // not there cannot be locked: if another import creates one first, the unique index refuses this whole batch.
    let found = article::Entity::find()
        .filter(article::Column::CodeFolded.is_in(codes))
        .order_by_asc(article::Column::Id)
        .lock_exclusive()
        .all(&**tx)
        .await?;
    let mut found: HashMap<String, article::Model> =
        found.into_iter().map(|model| (model.code_folded.clone(), model)).collect();
    let counted = rows.iter().filter(|row| row.count.is_some());
    let counted: Vec<_> =
        counted.filter_map(|row| found.get(&fold_code(&row.code)).map(|model| model.id)).collect();
    let stocks: HashMap<ArticleId, Stock> = match counted.is_empty() {
        true => HashMap::new(),
        false => {
            stock::figures(tx, counted).await?.into_iter().map(|stock| (stock.article_id, stock)).collect()
        }
    };
    let (mut done, mut new) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        done.push(match found.remove(&fold_code(&row.code)) {
            Some(model) => {
                // Of stock a row says something only by counting.
                let before = read(model, 0)?;
                let correction = match (&row.count, stocks.get(&before.id)) {
                    (Some(count), Some(stock)) => count.correction(stock.free, stock.reserved),
                    _ => Ok(0),
                };
                match row.applied(Some(&before.content)).and_then(|content| Ok((content, correction?))) {
                    Ok((content, 0)) if content == before.content => Ok(Done::Unchanged),
                    Ok((content, correction)) => {
                        if content != before.content {
                            rewrite(tx, &before, &content).await?;
                            if content.price != before.content.price {
                                tx.audit(&acts::repriced(before.id, before.content.price, content.price));
                            }
                        }
                        if let Some(count) = row.count.as_ref().filter(|_| correction != 0) {
                            stock::adjust(tx, before.id, correction, Reason::Correction, &count.note).await?;
                            tx.audit(&acts::corrected(before.id, correction));
                        }
                        Ok(Done::Updated)
                    }
                    Err(unfit) => Err(unfit),
                }
            }
            None => row.applied(None).map(|content| {
                new.push((content, row.received));
                Done::Created
            }),
        });
    }
    insert(tx, new).await?;
    Ok(done)
}

/// Inserts articles, their stock, what was received of it, and their words.
async fn insert(tx: &Tx, mut new: Vec<(Content, i64)>) -> Result<(), Error> {
    if new.is_empty() {
        return Ok(());
    }
    // In one order everywhere, so that two imports of the same codes wait for each other instead of locking
    // each other out. Ids are given here, so that an export has the articles in the order of their rows.
    let mut new: Vec<_> =
        new.drain(..).map(|(content, received)| (ArticleId::new(), content, received)).collect();
    new.sort_by_cached_key(|(_, content, _)| fold_code(&content.code));
    let now = tx.now();
    let rows = new.iter().map(|(id, content, received)| {
        let mut row = columns(content);
        row.id = Set(*id);
        row.version = Set(1);
        row.create_time = Set(now);
        row.update_time = Set(now);
        row.deleted_time = Set(None);
        row.listing_status = Set(listing_status(content.active, *received, content.low_stock_threshold));
        row
    });
    article::Entity::insert_many(rows).exec_without_returning(&**tx).await.map_err(taken)?;
    let rows = new.iter().map(|(id, _, received)| {
        let movements = i64::from(*received > 0);
        let row = Stock { article_id: *id, free: *received, reserved: 0, sold: 0, movements };
        entities::stock::ActiveModel::from(row)
    });
    entities::stock::Entity::insert_many(rows).exec_without_returning(&**tx).await?;
    receive(tx, &new).await?;
    let words = new.iter().flat_map(|(id, content, _)| words_of(*id, content.words(), now));
    insert_words(tx, words.collect()).await?;
    for (id, _, received) in &new {
        publish(tx, *id, ArticleChange::Created);
        if *received > 0 {
            stock::publish(tx, *id);
        }
    }
    Ok(())
}

/// Writes down what was received.
async fn receive(tx: &Tx, new: &[(ArticleId, Content, i64)]) -> Result<(), DbErr> {
    let rows: Vec<_> = new
        .iter()
        .filter(|(_, _, received)| *received > 0)
        .map(|(id, _, received)| {
            movement::ActiveModel::from(movement::Model {
                article_id: *id,
                sequence: 1,
                reason: Reason::Received,
                free_change: *received,
                reserved_change: 0,
                sold_change: 0,
                order_id: None,
                note: String::new(),
                actor: tx.actor(),
                create_time: tx.now(),
            })
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    movement::Entity::insert_many(rows).exec_without_returning(&**tx).await.map(|_| ())
}

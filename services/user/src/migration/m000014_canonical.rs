//! The canonical forms of the e-mails that are there. Usernames have theirs: they were of ASCII letters ever since.
//!
//! Of accounts whose canonical forms are the same the eldest gets it; the others keep their exact forms beside it
//! (`names::kept`), and are told in the log. What is right already stays, so it can be done again.

use kit::{
    id::UserId,
    migration::{Rows, kept_words},
};
use sea_orm::{ConnectionTrait, FromQueryResult};
use sea_orm_migration::prelude::*;

use crate::{domain::names, store::words};

pub struct Canonical;

impl MigrationName for Canonical {
    fn name(&self) -> &str {
        "m000014_canonical"
    }
}

/// Users of one step.
const USERS: u64 = 500;

/// What is read of users, whatever else the table will have one day.
#[derive(FromQueryResult)]
struct Row {
    id: UserId,
    username: String,
    email: String,
    email_folded: String,
    first_name: String,
    last_name: String,
}

#[async_trait::async_trait]
impl MigrationTrait for Canonical {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        let columns = ["id", "username", "email", "email_folded", "first_name", "last_name"];
        let mut users = Rows::of("users", &columns, USERS);
        while let Some(rows) = users.next(db, |row: &Row| row.id).await? {
            for row in rows.iter().filter(|row| row.email_folded != names::canonical(&row.email)) {
                give(db, row).await?;
            }
            let readable: Vec<&Row> =
                rows.iter().filter(|row| names::readable(&row.email).is_some()).collect();
            add_words(db, &readable).await?;
        }
        Ok(())
    }
}

/// Gives a user the canonical form, or the next best. Users are met in the order of their ids, so that a younger one who
/// has it already (whose e-mail was written in that form) is met here, and not before.
async fn give(db: &SchemaManagerConnection<'_>, row: &Row) -> Result<(), DbErr> {
    let canonical = names::canonical(&row.email);
    let kept = names::kept(&row.email);
    let now = stored(db, Expr::col("id").eq(row.id)).await?;
    if now.is_none_or(|now| now.email_folded == kept) {
        return Ok(());
    }
    match stored(db, Expr::col("email_folded").eq(canonical.as_str())).await? {
        Some(holder) if holder.id > row.id => {
            store(db, holder.id, &holder.email_folded, &names::kept(&holder.email)).await?;
            tell(holder.id, row.id);
            store(db, row.id, &row.email_folded, &canonical).await
        }
        Some(holder) => {
            store(db, row.id, &row.email_folded, &kept).await?;
            tell(row.id, holder.id);
            Ok(())
        }
        None => store(db, row.id, &row.email_folded, &canonical).await,
    }
}

fn tell(user: UserId, holder: UserId) {
    tracing::warn!(user_id = %user, same_mailbox_as = %holder, "email.ambiguous");
}

/// Who has it, as it is stored now.
#[derive(FromQueryResult)]
struct Stored {
    id: UserId,
    email: String,
    email_folded: String,
}

async fn stored(db: &SchemaManagerConnection<'_>, is: Expr) -> Result<Option<Stored>, DbErr> {
    let mut query = Query::select();
    query.columns(["id", "email", "email_folded"]).from("users").and_where(is).limit(1);
    Stored::find_by_statement(db.get_database_backend().build(&query)).one(db).await
}

/// Stores another form; tokens that are on their way in mails go on to count.
async fn store(db: &SchemaManagerConnection<'_>, id: UserId, old: &str, new: &str) -> Result<(), DbErr> {
    for (table, key) in [("users", "id"), ("one_time_tokens", "user_id")] {
        let mut update = Query::update();
        update.table(table).value("email_folded", new);
        update.and_where(Expr::col(key).eq(id)).and_where(Expr::col("email_folded").eq(old));
        db.execute(&update).await?;
    }
    Ok(())
}

/// The words of e-mails whose domain people read otherwise than it is written.
async fn add_words(db: &SchemaManagerConnection<'_>, rows: &[&Row]) -> Result<(), DbErr> {
    let mut kept = kept_words(db, "user_words", "user_id", rows.iter().map(|row| row.id)).await?;
    for row in rows {
        let all = words::of_texts(&row.username, &row.email, &row.first_name, &row.last_name);
        let old = kept.remove(&row.id).unwrap_or_default();
        let mut insert = Query::insert();
        insert.into_table("user_words").columns(["user_id", "word"]);
        let mut some = false;
        for word in all.difference(&old) {
            insert.values_panic([row.id.into(), word.as_str().into()]);
            some = true;
        }
        if some {
            db.execute(&insert).await?;
        }
    }
    Ok(())
}

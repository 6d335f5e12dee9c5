//! The words of the users that are there, by today's rules of `kit::words`: by each name, and by both as one where they
//! are written without a blank. Of what is there already nothing is written, so it can be done again.

use kit::{
    id::UserId,
    migration::{Rows, kept_words},
    words::of_person,
};
use sea_orm::{ConnectionTrait, FromQueryResult};
use sea_orm_migration::prelude::*;

pub struct Names;

impl MigrationName for Names {
    fn name(&self) -> &str {
        "m000007_names"
    }
}

/// Users of one step: one SELECT of each table, one INSERT.
const USERS: u64 = 500;
/// Rows of one INSERT: databases take some 32,000 parameters in a statement.
const WORDS: usize = 5_000;

/// What users are found by, whatever else the table will have one day.
#[derive(FromQueryResult)]
struct Row {
    id: UserId,
    username: String,
    email: String,
    first_name: String,
    last_name: String,
}

#[async_trait::async_trait]
impl MigrationTrait for Names {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        fill(manager.get_connection()).await
    }
}

/// Writes the words that are not there, by the rules of today: it can be done again.
async fn fill(db: &SchemaManagerConnection<'_>) -> Result<(), DbErr> {
    let columns = ["id", "username", "email", "first_name", "last_name"];
    let mut users = Rows::of("users", &columns, USERS);
    while let Some(rows) = users.next(db, |row: &Row| row.id).await? {
        let mut kept = kept_words(db, "user_words", "user_id", rows.iter().map(|row| row.id)).await?;
        let mut new = Vec::new();
        for row in rows {
            let all = of_person(&[&row.username, &row.email], &row.first_name, &row.last_name);
            let old = kept.remove(&row.id).unwrap_or_default();
            new.extend(all.difference(&old).map(|word| (row.id, word.clone())));
        }
        for some in new.chunks(WORDS) {
            let mut insert = Query::insert();
            insert.into_table("user_words").columns(["user_id", "word"]);
            for (id, word) in some.iter().cloned() {
                insert.values_panic([id.into(), word.into()]);
            }
            db.execute(&insert).await?;
        }
    }
    Ok(())
}

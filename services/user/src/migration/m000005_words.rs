//! The words by which users are found, for those that there are, too. Names were found by their beginnings alone:
//! their indexes go.

use kit::{
    id::UserId,
    migration::{Rows, Steps, kept_words, sorted_text},
    words::{WORD_LENGTH, of_person},
};
use sea_orm::{ConnectionTrait, FromQueryResult};
use sea_orm_migration::{prelude::*, schema::*};

pub struct Words;

impl MigrationName for Words {
    fn name(&self) -> &str {
        "m000005_words"
    }
}

/// Users of one step; each has few words.
const USERS: u64 = 500;

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
impl MigrationTrait for Words {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        let mut table = Table::create()
            .table("user_words")
            .col(uuid("user_id"))
            .col(sorted_text(manager, "word", WORD_LENGTH as u32))
            .primary_key(Index::create().name("user_words_key").col("user_id").col("word"))
            .foreign_key(
                ForeignKey::create()
                    .name("user_words_user")
                    .from("user_words", "user_id")
                    .to("users", "id")
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .to_owned();
        if manager.get_database_backend() == sea_orm::DatabaseBackend::Sqlite {
            table.extra("WITHOUT ROWID");
        }
        manager.create_table(table).await?;
        let by_word =
            Index::create().name("user_words_word").table("user_words").col("word").col("user_id").to_owned();
        manager.create_index(by_word).await?;
        for name in ["users_first_name_folded", "users_last_name_folded"] {
            manager.drop_index(Index::drop().name(name).table("users").to_owned()).await?;
        }
        fill(manager.get_connection()).await
    }
}

/// Writes the words that are not there, user by user, by the rules of today: it can be done again.
pub(super) async fn fill(db: &SchemaManagerConnection<'_>) -> Result<(), DbErr> {
    let columns = ["id", "username", "email", "first_name", "last_name"];
    let mut users = Rows::of("users", &columns, USERS);
    while let Some(rows) = users.next(db, |row: &Row| row.id).await? {
        let mut kept = kept_words(db, "user_words", "user_id", rows.iter().map(|row| row.id)).await?;
        for row in rows {
            let all = of_person(&[&row.username, &row.email], &row.first_name, &row.last_name);
            let old = kept.remove(&row.id).unwrap_or_default();
            let mut insert = Query::insert();
            insert.into_table("user_words").columns(["user_id", "word"]);
            let mut new = all.difference(&old).cloned().peekable();
            if new.peek().is_none() {
                continue;
            }
            for word in new {
                insert.values_panic([row.id.into(), word.into()]);
            }
            db.execute(&insert).await?;
        }
    }
    Ok(())
}

//! A table of the words by which users are found; `m000007_names` fills it. Names were found by their beginnings alone:
//! their indexes go.

use kit::{
    migration::{Steps, sorted_text},
    words::WORD_LENGTH,
};
use sea_orm_migration::{prelude::*, schema::*};

pub struct Words;

impl MigrationName for Words {
    fn name(&self) -> &str {
        "m000005_words"
    }
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
        Ok(())
    }
}

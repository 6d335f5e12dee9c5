//! The articles of each word in the order in which they were created.

use kit::migration::Steps;
use sea_orm_migration::{prelude::*, schema::*};

pub struct Words;

impl MigrationName for Words {
    fn name(&self) -> &str {
        "m000007_words"
    }
}

const CREATED: &str = "UPDATE article_words SET create_time = \
    (SELECT a.create_time FROM articles a WHERE a.id = article_words.article_id)";

#[async_trait::async_trait]
impl MigrationTrait for Words {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        let mut column = Table::alter().table("article_words").to_owned();
        manager.alter_table(column.add_column(big_integer("create_time").default(0)).to_owned()).await?;
        let by_word = Index::drop().table("article_words").name("article_words_word").to_owned();
        manager.drop_index(by_word).await?;
        manager.get_connection().execute_unprepared(CREATED).await?;
        let mut created = Index::create().name("article_words_create_time").table("article_words").to_owned();
        for column in ["word", "create_time", "article_id"] {
            created.col(column);
        }
        manager.create_index(created).await
    }
}

//! The images that articles were given.

use kit::migration::{Steps, blob_type};
use sea_orm_migration::{prelude::*, schema::*};

pub struct Images;

impl MigrationName for Images {
    fn name(&self) -> &str {
        "m000004_images"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Images {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        manager
            .create_table(
                Table::create()
                    .table("article_images")
                    .col(uuid("article_id").primary_key())
                    .col(string_len("digest", 64))
                    .col(string_len("media_type", 32))
                    .col(integer("width"))
                    .col(integer("height"))
                    .col(ColumnDef::new("data").custom(blob_type(manager)).not_null())
                    .col(big_integer("create_time"))
                    .foreign_key(
                        ForeignKey::create()
                            .name("article_images_article")
                            .from("article_images", "article_id")
                            .to("articles", "id"),
                    )
                    .to_owned(),
            )
            .await
    }
}

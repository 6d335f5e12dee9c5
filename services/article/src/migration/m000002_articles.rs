//! Articles and the words by which they are found.

use kit::migration::{Steps, sorted_text};
use sea_orm_migration::{prelude::*, schema::*};

use super::clustered;

pub struct Articles;

impl MigrationName for Articles {
    fn name(&self) -> &str {
        "m000002_articles"
    }
}

/// The columns that lists are sorted by. Each has its index, and one within a category; `active` at the end
/// lets a scan pass over what the public does not see without reading the row.
const ORDERS: [(&str, [&str; 2]); 3] = [
    ("name_folded", ["articles_name", "articles_category_name"]),
    ("price_order", ["articles_price", "articles_category_price"]),
    ("create_time", ["articles_create_time", "articles_category_create_time"]),
];

#[async_trait::async_trait]
impl MigrationTrait for Articles {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        manager
            .create_table(
                Table::create()
                    .table("articles")
                    .col(uuid("id").primary_key())
                    .col(string_len("code", 64))
                    .col(sorted_text(manager, "code_folded", 64))
                    .col(string_len("name", 200))
                    .col(sorted_text(manager, "name_folded", 200))
                    .col(string_len("description", 5000))
                    .col(string_len("category", 100))
                    .col(sorted_text(manager, "category_folded", 100))
                    .col(big_integer_null("price_minor"))
                    .col(string_len_null("currency", 3))
                    .col(big_integer("price_order"))
                    .col(integer("tax_rate_basis_points"))
                    .col(string_len("image_url", 2000))
                    .col(boolean("active"))
                    .col(big_integer("low_stock_threshold"))
                    .col(big_integer("version"))
                    .col(big_integer("create_time"))
                    .col(big_integer("update_time"))
                    .col(big_integer_null("deleted_time"))
                    .check(Check::named(
                        "articles_price_whole",
                        Expr::cust("(price_minor IS NULL) = (currency IS NULL)"),
                    ))
                    .check(Check::named("articles_price_not_negative", Expr::cust("price_minor >= 0")))
                    .check(Check::named(
                        "articles_active_priced",
                        Expr::cust("NOT active OR price_minor IS NOT NULL"),
                    ))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .unique()
                    .name("articles_code")
                    .table("articles")
                    .col("code_folded")
                    .to_owned(),
            )
            .await?;
        for (column, [name, within_category]) in ORDERS {
            let mut plain = Index::create().name(name).table("articles").to_owned();
            let mut within =
                Index::create().name(within_category).table("articles").col("category_folded").to_owned();
            for index in [&mut plain, &mut within] {
                manager.create_index(index.col(column).col("id").col("active").to_owned()).await?;
            }
        }
        manager
            .create_table(
                clustered(
                    manager,
                    Table::create()
                        .table("article_words")
                        .col(uuid("article_id"))
                        .col(sorted_text(manager, "word", 40))
                        .primary_key(Index::create().name("article_words_key").col("article_id").col("word"))
                        .foreign_key(
                            ForeignKey::create()
                                .name("article_words_article")
                                .from("article_words", "article_id")
                                .to("articles", "id"),
                        ),
                )
                .to_owned(),
            )
            .await?;
        let by_word = Index::create()
            .name("article_words_word")
            .table("article_words")
            .col("word")
            .col("article_id")
            .to_owned();
        manager.create_index(by_word).await
    }
}

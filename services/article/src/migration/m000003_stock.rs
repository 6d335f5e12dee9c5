//! Stock, its movements, and what orders have reserved.

use kit::migration::Steps;
use sea_orm_migration::{prelude::*, schema::*};

use super::clustered;

pub struct Stock;

impl MigrationName for Stock {
    fn name(&self) -> &str {
        "m000003_stock"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Stock {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        manager
            .create_table(
                clustered(
                    manager,
                    Table::create()
                        .table("stock")
                        .col(uuid("article_id").primary_key())
                        .col(big_integer("free"))
                        .col(big_integer("reserved"))
                        .col(big_integer("sold"))
                        .col(big_integer("movements"))
                        .check(Check::named("stock_free", Expr::col("free").gte(0)))
                        .check(Check::named("stock_reserved", Expr::col("reserved").gte(0)))
                        .check(Check::named("stock_sold", Expr::col("sold").gte(0)))
                        .foreign_key(
                            ForeignKey::create()
                                .name("stock_article")
                                .from("stock", "article_id")
                                .to("articles", "id"),
                        ),
                )
                .to_owned(),
            )
            .await?;
        manager
            .create_table(
                clustered(
                    manager,
                    Table::create()
                        .table("stock_movements")
                        .col(uuid("article_id"))
                        .col(big_integer("sequence"))
                        .col(integer("reason"))
                        .col(big_integer("free_change"))
                        .col(big_integer("reserved_change"))
                        .col(big_integer("sold_change"))
                        .col(uuid_null("order_id"))
                        .col(string_len("note", 500))
                        .col(string_len("actor", 64))
                        .col(big_integer("create_time"))
                        .primary_key(
                            Index::create().name("stock_movements_key").col("article_id").col("sequence"),
                        )
                        .foreign_key(
                            ForeignKey::create()
                                .name("stock_movements_stock")
                                .from("stock_movements", "article_id")
                                .to("stock", "article_id"),
                        ),
                )
                .to_owned(),
            )
            .await?;
        manager
            .create_table(
                clustered(
                    manager,
                    Table::create()
                        .table("reservations")
                        .col(uuid("order_id"))
                        .col(integer("attempt"))
                        .col(integer("state"))
                        .col(big_integer("expire_time"))
                        .col(big_integer("version"))
                        .col(big_integer("create_time"))
                        .col(big_integer("update_time"))
                        .primary_key(Index::create().name("reservations_key").col("order_id").col("attempt")),
                )
                .to_owned(),
            )
            .await?;
        let by_end = Index::create()
            .name("reservations_expire_time")
            .table("reservations")
            .col("state")
            .col("expire_time")
            .to_owned();
        manager.create_index(by_end).await?;
        manager
            .create_table(
                clustered(
                    manager,
                    Table::create()
                        .table("reservation_lines")
                        .col(uuid("order_id"))
                        .col(integer("attempt"))
                        .col(uuid("article_id"))
                        .col(big_integer("quantity"))
                        .primary_key(
                            Index::create()
                                .name("reservation_lines_key")
                                .col("order_id")
                                .col("attempt")
                                .col("article_id"),
                        )
                        .check(Check::named("reservation_lines_quantity", Expr::col("quantity").gt(0)))
                        .foreign_key(
                            ForeignKey::create()
                                .name("reservation_lines_reservation")
                                .from("reservation_lines", ("order_id", "attempt"))
                                .to("reservations", ("order_id", "attempt")),
                        ),
                )
                .to_owned(),
            )
            .await
    }
}

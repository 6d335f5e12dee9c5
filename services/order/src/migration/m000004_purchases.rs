//! What users have bought: a row per user and article.

use kit::migration::Steps;
use sea_orm_migration::{prelude::*, schema::*};

pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000004_purchases"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        let table = Table::create()
            .table("order_purchases")
            .col(uuid("user_id"))
            .col(uuid("article_id"))
            .col(string_len("code", 64))
            .col(string_len("name", 200))
            .col(big_integer("quantity"))
            .col(big_integer("last_time"))
            .primary_key(Index::create().name("order_purchases_key").col("user_id").col("article_id"))
            .to_owned();
        manager.create_table(table).await?;
        let by_time = Index::create()
            .name("order_purchases_last")
            .table("order_purchases")
            .col("user_id")
            .col("last_time")
            .col("article_id")
            .to_owned();
        manager.create_index(by_time).await?;
        // From the orders that there are (PAID, SHIPPED, DELIVERED): code and name as bought last.
        let bought = "INSERT INTO order_purchases (user_id, article_id, code, name, quantity, last_time) \
             SELECT user_id, article_id, code, name, quantity, place_time FROM ( \
             SELECT o.user_id, l.article_id, l.code, l.name, o.place_time, \
             SUM(l.quantity) OVER (PARTITION BY o.user_id, l.article_id) AS quantity, \
             ROW_NUMBER() OVER (PARTITION BY o.user_id, l.article_id ORDER BY o.place_time DESC) AS newest \
             FROM orders o JOIN order_lines l ON l.order_id = o.id \
             WHERE o.state IN (4, 5, 6) AND o.place_time IS NOT NULL) bought WHERE newest = 1";
        manager.write(bought).await
    }
}

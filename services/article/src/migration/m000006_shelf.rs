//! The shelf of each article, and the indexes that lists run along: they begin with it. Those that they take
//! the place of go.

use kit::migration::Steps;
use sea_orm_migration::{prelude::*, schema::*};

pub struct Shelf;

impl MigrationName for Shelf {
    fn name(&self) -> &str {
        "m000006_shelf"
    }
}

/// The columns of each order, and what ranges of prices are looked up by on the way.
const ORDERS: [(&str, [&str; 2], &[&str]); 3] = [
    (
        "name",
        ["articles_shelf_name", "articles_shelf_category_name"],
        &["name_folded", "id", "price_order", "currency"],
    ),
    ("price", ["articles_shelf_price", "articles_shelf_category_price"], &["price_order", "id", "currency"]),
    (
        "create_time",
        ["articles_shelf_create_time", "articles_shelf_category_create_time"],
        &["create_time", "id", "price_order", "currency"],
    ),
];

const SHELVE: &str = "UPDATE articles SET shelf = CASE WHEN deleted_time IS NOT NULL THEN 0 \
    ELSE CASE WHEN active THEN 4 ELSE 1 END + (SELECT CASE WHEN s.free = 0 THEN 0 \
        WHEN s.free <= articles.low_stock_threshold THEN 1 ELSE 2 END \
        FROM stock s WHERE s.article_id = articles.id) END";

#[async_trait::async_trait]
impl MigrationTrait for Shelf {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        let mut column = Table::alter().table("articles").to_owned();
        manager.alter_table(column.add_column(small_integer("shelf").default(0)).to_owned()).await?;
        let drop = |table: &'static str, name: String| Index::drop().table(table).name(name).to_owned();
        manager.drop_index(drop("stock", "stock_free_units".to_owned())).await?;
        manager.drop_index(drop("articles", "articles_threshold".to_owned())).await?;
        for (key, ..) in ORDERS {
            for name in [format!("articles_{key}"), format!("articles_category_{key}")] {
                manager.drop_index(drop("articles", name)).await?;
            }
        }
        manager.get_connection().execute_unprepared(SHELVE).await?;
        for (_, [plain, within_category], columns) in ORDERS {
            let mut plain = Index::create().name(plain).table("articles").to_owned();
            let mut within =
                Index::create().name(within_category).table("articles").col("category_folded").to_owned();
            for index in [&mut plain, &mut within] {
                index.col("shelf");
                for column in columns {
                    index.col(*column);
                }
                manager.create_index(index.to_owned()).await?;
            }
        }
        Ok(())
    }
}

//! Orders, their lines, adjustments and history; their reservations and payments.

use kit::migration::{Steps, blob_type};
use sea_orm_migration::{prelude::*, schema::*};

pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000002_orders"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        orders(manager).await?;
        parts(manager).await?;
        work(manager).await
    }
}

async fn orders(manager: &Steps<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("orders")
        .col(uuid("id").primary_key())
        .col(uuid("user_id"))
        .col(small_integer("state"))
        // The user's id while the order is that user's basket: the unique index allows one.
        .col(uuid_null("basket_of"))
        .col(boolean("direct"))
        .col(string_len_null("currency", 3))
        .col(big_integer("total_minor"))
        .col(ColumnDef::new("address").custom(blob_type(manager)).null())
        .col(boolean("user_erased"))
        .col(uuid_null("payment_id"))
        .col(integer("payment_type"))
        .col(string_len("payment_method", 100))
        .col(string_len("payment_failure", 100))
        .col(string_len("payment_action_url", 2000))
        .col(string_len("carrier", 100))
        .col(string_len("tracking_code", 100))
        .col(integer("attempt"))
        .col(small_integer("step"))
        .col(big_integer("lease_until"))
        .col(big_integer("fence"))
        .col(string_len_null("claim", 64))
        .col(big_integer_null("expire_time"))
        .col(big_integer("events"))
        .col(big_integer("version"))
        .col(big_integer("create_time"))
        .col(big_integer_null("place_time"))
        .col(big_integer("update_time"))
        .to_owned();
    manager.create_table(table).await?;
    let index = |name: &str| Index::create().name(name).table("orders").to_owned();
    manager.create_index(index("orders_basket_of").unique().col("basket_of").to_owned()).await?;
    manager.create_index(index("orders_user_id").col("user_id").col("id").to_owned()).await?;
    manager.create_index(index("orders_state").col("state").col("expire_time").to_owned()).await?;
    manager.create_index(index("orders_step").col("step").col("lease_until").to_owned()).await
}

async fn parts(manager: &Steps<'_>) -> Result<(), DbErr> {
    let order = |name: &str, table: &str| {
        ForeignKey::create().name(name).from(table.to_owned(), "order_id").to("orders", "id").to_owned()
    };
    let lines = Table::create()
        .table("order_lines")
        .col(uuid("id").primary_key())
        .col(uuid("order_id"))
        .col(uuid("article_id"))
        .col(string_len("code", 64))
        .col(string_len("name", 200))
        .col(integer("quantity"))
        .col(big_integer("unit_price_minor"))
        .col(string_len("currency", 3))
        .col(integer("tax_rate_basis_points"))
        .foreign_key(&mut order("order_lines_order", "order_lines"))
        .check(Expr::col("quantity").between(1, 1_000))
        .to_owned();
    manager.create_table(lines).await?;
    let article = Index::create()
        .unique()
        .name("order_lines_article")
        .table("order_lines")
        .col("order_id")
        .col("article_id")
        .to_owned();
    manager.create_index(article).await?;

    let adjustments = Table::create()
        .table("order_adjustments")
        .col(uuid("id").primary_key())
        .col(uuid("order_id"))
        .col(small_integer("kind"))
        .col(string_len("label", 200))
        .col(big_integer("amount_minor"))
        .col(string_len("currency", 3))
        .foreign_key(&mut order("order_adjustments_order", "order_adjustments"))
        .to_owned();
    manager.create_table(adjustments).await?;
    let by_order = Index::create()
        .name("order_adjustments_order_id")
        .table("order_adjustments")
        .col("order_id")
        .to_owned();
    manager.create_index(by_order).await?;

    let events = Table::create()
        .table("order_events")
        .col(uuid("order_id"))
        .col(big_integer("sequence"))
        .col(small_integer("state"))
        .col(string_len("actor", 64))
        .col(string_len("note", 600))
        .col(big_integer("create_time"))
        .primary_key(Index::create().name("order_events_key").col("order_id").col("sequence"))
        .foreign_key(&mut order("order_events_order", "order_events"))
        .to_owned();
    manager.create_table(events).await
}

/// What was asked of other services, and what of it is still to be undone.
async fn work(manager: &Steps<'_>) -> Result<(), DbErr> {
    let payments = Table::create()
        .table("order_payments")
        .col(uuid("payment_id").primary_key())
        .col(uuid("order_id"))
        .col(small_integer("state"))
        .col(big_integer("seen_time"))
        .col(boolean("undo"))
        .col(boolean("flagged"))
        .col(big_integer("next_try"))
        .col(big_integer("create_time"))
        .to_owned();
    manager.create_table(payments).await?;
    let reservations = Table::create()
        .table("order_reservations")
        .col(uuid("order_id"))
        .col(integer("attempt"))
        .col(boolean("undo"))
        .col(big_integer("next_try"))
        .primary_key(Index::create().name("order_reservations_key").col("order_id").col("attempt"))
        .to_owned();
    manager.create_table(reservations).await?;
    let index = |name: &str, table: &str| Index::create().name(name).table(table.to_owned()).to_owned();
    manager.create_index(index("order_payments_order", "order_payments").col("order_id").to_owned()).await?;
    manager
        .create_index(index("order_payments_undo", "order_payments").col("undo").col("next_try").to_owned())
        .await?;
    manager
        .create_index(
            index("order_reservations_undo", "order_reservations").col("undo").col("next_try").to_owned(),
        )
        .await
}

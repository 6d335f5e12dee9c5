//! What was given back of an order's payments, what came back of its lines, and what adjustments were given as,
//! beside what they come to.

use kit::migration::Steps;
use sea_orm_migration::{prelude::*, schema::*};

pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000012_refunds"
    }
}

/// What is known of the past, a statement each, which can be repeated. Until now nothing was given that an order
/// had no room for. What was given back was told to shoppers: the mails know it.
const PAST: [&str; 4] = [
    "UPDATE order_adjustments SET given_minor = amount_minor, given_currency = currency \
     WHERE given_currency = ''",
    "UPDATE order_payments SET refunded_minor = COALESCE((SELECT MAX(m.refunded_minor) FROM order_mails m \
     WHERE m.payment_id = order_payments.payment_id), 0)",
    "UPDATE orders SET refunded_minor = COALESCE((SELECT p.refunded_minor FROM order_payments p \
     WHERE p.payment_id = orders.payment_id), 0)",
    "UPDATE orders SET refunds = CASE WHEN refunded_minor >= total_minor THEN 2 ELSE 1 END \
     WHERE refunded_minor > 0",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        for (table, column) in [
            ("order_adjustments", big_integer("given_minor").default(0).to_owned()),
            ("order_adjustments", string_len("given_currency", 3).default("").to_owned()),
            ("order_payments", big_integer("refunded_minor").default(0).to_owned()),
            ("order_lines", integer("returned").default(0).to_owned()),
            ("orders", big_integer("refunded_minor").default(0).to_owned()),
            ("orders", small_integer("refunds").default(0).to_owned()),
        ] {
            manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await?;
        }
        let mut refunds = Index::create().name("orders_refunds").table("orders").to_owned();
        manager.create_index(refunds.col("refunds").col("id").to_owned()).await?;
        for statement in PAST {
            manager.write(statement).await?;
        }
        Ok(())
    }
}

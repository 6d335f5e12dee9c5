//! Payments, their history, refunds and the ledger.

use kit::migration::Steps;
use sea_orm_migration::{prelude::*, schema::*};

pub struct Payments;

impl MigrationName for Payments {
    fn name(&self) -> &str {
        "m000002_payments"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Payments {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        manager.create_table(payments()).await?;
        manager.create_table(payment_events()).await?;
        manager.create_table(refunds()).await?;
        manager.create_table(ledger_entries()).await?;
        for (name, table, columns) in [
            ("payments_user", "payments", ["user_id", "id"]),
            ("payments_order", "payments", ["order_id", "id"]),
            ("payments_state", "payments", ["state", "id"]),
            ("payments_next_poll_time", "payments", ["next_poll_time", "id"]),
            ("refunds_payment", "refunds", ["payment_id", "id"]),
            ("refunds_next_poll_time", "refunds", ["next_poll_time", "id"]),
            ("ledger_entries_payment", "ledger_entries", ["payment_id", "id"]),
        ] {
            let [first, second] = columns;
            manager
                .create_index(Index::create().name(name).table(table).col(first).col(second).to_owned())
                .await?;
        }
        // A movement of money is booked once.
        manager
            .create_index(
                Index::create()
                    .unique()
                    .name("ledger_entries_transaction")
                    .table("ledger_entries")
                    .col("transaction_id")
                    .col("account")
                    .to_owned(),
            )
            .await
    }
}

fn payments() -> TableCreateStatement {
    Table::create()
        .table("payments")
        .col(uuid("id").primary_key())
        .col(uuid("order_id"))
        .col(uuid("user_id"))
        .col(string_len("state", 20))
        .col(integer("payment_type"))
        .col(string_len("provider", 32))
        .col(string_len("method", 100))
        .col(string_len("currency", 3))
        .col(big_integer("amount_minor"))
        .col(big_integer("fee_minor"))
        .col(big_integer("authorized_minor"))
        .col(big_integer("captured_minor"))
        .col(big_integer("voided_minor"))
        .col(big_integer("refunded_minor"))
        .col(big_integer("refund_pending_minor"))
        .col(string_len("failure_reason", 64))
        .col(string_len("action", 1024))
        .col(string_len("provider_reference", 128))
        .col(string_len_null("operation", 20))
        .col(string_len("operation_reason", 64))
        .col(string_len_null("operation_claim", 64))
        .col(integer("attempts"))
        .col(big_integer_null("next_poll_time"))
        .col(integer("last_sequence"))
        .col(big_integer("version"))
        .col(big_integer("create_time"))
        .col(big_integer("update_time"))
        .check((
            "payments_balance",
            Expr::cust(
                "0 <= refunded_minor AND 0 <= refund_pending_minor AND 0 <= voided_minor \
                 AND refunded_minor + refund_pending_minor <= captured_minor \
                 AND captured_minor + voided_minor <= authorized_minor AND authorized_minor <= amount_minor",
            ),
        ))
        .check(("payments_fee", Expr::cust("0 <= fee_minor AND fee_minor <= amount_minor")))
        .to_owned()
}

fn payment_events() -> TableCreateStatement {
    Table::create()
        .table("payment_events")
        .col(uuid("payment_id"))
        .col(integer("sequence"))
        .col(string_len("state", 20))
        .col(string_len("actor", 64))
        .col(string_len("note", 200))
        .col(big_integer("create_time"))
        .primary_key(Index::create().name("payment_events_key").col("payment_id").col("sequence"))
        .to_owned()
}

fn refunds() -> TableCreateStatement {
    Table::create()
        .table("refunds")
        .col(uuid("id").primary_key())
        .col(uuid("payment_id"))
        .col(big_integer("amount_minor"))
        .col(string_len("currency", 3))
        .col(string_len("state", 20))
        .col(string_len("reason", 500))
        .col(string_len("failure_reason", 64))
        .col(string_len_null("claim", 64))
        .col(integer("attempts"))
        .col(big_integer_null("next_poll_time"))
        .col(big_integer("version"))
        .col(big_integer("create_time"))
        .col(big_integer("update_time"))
        .check(("refunds_amount", Expr::cust("0 < amount_minor")))
        .to_owned()
}

fn ledger_entries() -> TableCreateStatement {
    Table::create()
        .table("ledger_entries")
        .col(uuid("id").primary_key())
        .col(uuid("transaction_id"))
        .col(uuid("payment_id"))
        .col(string_len("account", 64))
        .col(big_integer("amount_minor"))
        .col(string_len("currency", 3))
        .col(big_integer("create_time"))
        .to_owned()
}

//! What the simulated provider remembers. No table of the service refers to these: a real provider would
//! keep them at its own place.

use kit::migration::Steps;
use sea_orm_migration::{prelude::*, schema::*};

pub struct Simulator;

impl MigrationName for Simulator {
    fn name(&self) -> &str {
        "m000003_simulator"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Simulator {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        manager
            .create_table(
                Table::create()
                    .table("simulator_charges")
                    .col(string_len("reference", 64).primary_key())
                    .col(string_len("merchant_id", 64))
                    .col(big_integer("amount_minor"))
                    .col(string_len("currency", 3))
                    .col(string_len("method", 32))
                    .col(string_len("status", 20))
                    .col(string_len("decline_reason", 64))
                    .col(big_integer("captured_minor"))
                    .col(big_integer("refunded_minor"))
                    .col(string_len_null("action_token", 64))
                    .col(string_len("action_outcome", 20))
                    .col(big_integer("ready_time"))
                    .col(big_integer("create_time"))
                    .check((
                        "simulator_charges_balance",
                        Expr::cust(
                            "0 <= refunded_minor AND refunded_minor <= captured_minor AND captured_minor <= amount_minor",
                        ),
                    ))
                    .to_owned(),
            )
            .await?;
        for column in ["merchant_id", "action_token"] {
            manager
                .create_index(
                    Index::create()
                        .unique()
                        .name(format!("simulator_charges_{column}"))
                        .table("simulator_charges")
                        .col(column)
                        .to_owned(),
                )
                .await?;
        }
        manager
            .create_table(
                Table::create()
                    .table("simulator_keys")
                    .col(string_len("idempotency_key", 255).primary_key())
                    .col(string_len("request", 255))
                    .col(big_integer("create_time"))
                    .to_owned(),
            )
            .await
    }
}

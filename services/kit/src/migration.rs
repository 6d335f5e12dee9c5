//! The tables that every service has: idempotency records, outbox, feed positions.

use sea_orm_migration::{prelude::*, schema::*};

/// The first migration of every service; its own follow.
pub struct Base;

impl MigrationName for Base {
    fn name(&self) -> &str {
        "m000001_base"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Base {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("idempotency")
                    .col(string_len("claim", 64).primary_key())
                    .col(string_len("fingerprint", 64))
                    .col(uuid_null("owner"))
                    .col(ColumnDef::new("answer").custom(blob_type(manager)).null())
                    .col(ColumnDef::new("refusal").custom(blob_type(manager)).null())
                    .col(big_integer("create_time"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("idempotency_create_time")
                    .table("idempotency")
                    .col("create_time")
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create().name("idempotency_owner").table("idempotency").col("owner").to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("outbox")
                    .col(ColumnDef::new("id").big_integer().not_null().auto_increment().primary_key())
                    .col(big_integer_null("position"))
                    .col(string_len("aggregate_id", 64))
                    .col(string_len("kind", 128))
                    .col(ColumnDef::new("data").custom(blob_type(manager)).not_null())
                    .col(big_integer("create_time"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create().unique().name("outbox_position").table("outbox").col("position").to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("feed_head")
                    .col(integer("id").primary_key())
                    .col(big_integer("position"))
                    .to_owned(),
            )
            .await?;
        manager
            .exec_stmt(
                Query::insert()
                    .into_table("feed_head")
                    .columns(["id", "position"])
                    .values_panic([1.into(), 0.into()])
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("feed_cursor")
                    .col(string_len("source", 64).primary_key())
                    .col(big_integer("position"))
                    .to_owned(),
            )
            .await
    }
}

/// The column type of long byte strings on this database.
pub fn blob_type(manager: &SchemaManager) -> &'static str {
    match manager.get_database_backend() {
        sea_orm::DatabaseBackend::Postgres => "bytea",
        sea_orm::DatabaseBackend::MySql => "longblob",
        _ => "blob",
    }
}

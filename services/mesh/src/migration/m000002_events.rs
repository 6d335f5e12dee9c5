//! Events: what happened in all services, in one order.

use kit::migration::{Steps, sorted_text};
use sea_orm_migration::{prelude::*, schema::*};

pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000002_events"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        let table = Table::create()
            .table("events")
            .col(big_integer("position").primary_key())
            .col(uuid("id"))
            .col(sorted_text(manager, "kind", 64))
            .col(string_len("subject", 64))
            .col(string_len_null("parent", 64))
            .col(string_len("source", 16))
            .col(big_integer("source_position"))
            .col(big_integer("create_time"))
            .to_owned();
        manager.create_table(table).await?;
        // An event of a feed is told once, whatever else goes wrong.
        let told_once = Index::create()
            .unique()
            .name("events_source")
            .table("events")
            .col("source")
            .col("source_position")
            .to_owned();
        manager.create_index(told_once).await?;
        let head = Table::create()
            .table("event_head")
            .col(integer("id").primary_key())
            .col(big_integer("position"))
            .to_owned();
        manager.create_table(head).await?;
        let first = Query::insert()
            .into_table("event_head")
            .columns(["id", "position"])
            .values_panic([1.into(), 0.into()])
            .to_owned();
        manager.insert(first).await
    }
}

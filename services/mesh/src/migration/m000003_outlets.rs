//! Outlets: how far events were handed on, and by whom.

use kit::migration::Steps;
use sea_orm_migration::{prelude::*, schema::*};

pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000003_outlets"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        let table = Table::create()
            .table("event_outlets")
            .col(string_len("name", 16).primary_key())
            .col(big_integer("position"))
            .col(string_len("target", 128))
            .col(boolean("replays"))
            .col(string_len("owner", 36))
            .col(big_integer("fence"))
            .col(big_integer("lease_until"))
            .to_owned();
        manager.create_table(table).await
    }
}

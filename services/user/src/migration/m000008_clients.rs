//! Sessions know the client that signed in or refreshed last.

use kit::migration::Steps;
use sea_orm_migration::{prelude::*, schema::*};

pub struct Clients;

impl MigrationName for Clients {
    fn name(&self) -> &str {
        "m000008_clients"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Clients {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        for (name, length) in [("user_agent", 256), ("ip_address", 45)] {
            let column = string_len(name, length).default("").to_owned();
            manager.alter_table(Table::alter().table("sessions").add_column(column).to_owned()).await?;
        }
        Ok(())
    }
}

//! Roles that administrators make.

use kit::migration::{Steps, sorted_text};
use sea_orm_migration::{prelude::*, schema::*};

pub struct Roles;

impl MigrationName for Roles {
    fn name(&self) -> &str {
        "m000013_roles"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Roles {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        let table = Table::create()
            .table("roles")
            .col(uuid("id").primary_key())
            .col(string_len("name", 100))
            .col(sorted_text(manager, "name_folded", 200))
            .col(big_integer("permissions"))
            .col(big_integer("version"))
            .col(big_integer("create_time"))
            .col(big_integer("update_time"))
            .to_owned();
        manager.create_table(table).await?;
        let unique =
            Index::create().unique().name("roles_name_folded").table("roles").col("name_folded").to_owned();
        manager.create_index(unique).await?;
        let column = uuid_null("role_id").to_owned();
        manager.alter_table(Table::alter().table("users").add_column(column).to_owned()).await?;
        manager
            .create_index(Index::create().name("users_role_id").table("users").col("role_id").to_owned())
            .await
    }
}

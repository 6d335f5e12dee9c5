//! API keys.

use kit::migration::{Steps, sorted_text};
use sea_orm_migration::{prelude::*, schema::*};

pub struct ApiKeys;

impl MigrationName for ApiKeys {
    fn name(&self) -> &str {
        "m000012_api_keys"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for ApiKeys {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        let user = ForeignKey::create()
            .name("api_keys_user")
            .from("api_keys", "user_id")
            .to("users", "id")
            .on_delete(ForeignKeyAction::Cascade)
            .to_owned();
        let table = Table::create()
            .table("api_keys")
            .col(uuid("id").primary_key())
            .col(uuid("user_id"))
            .col(string_len("name", 100))
            .col(sorted_text(manager, "prefix", 16))
            .col(string_len("secret_hash", 64))
            .col(string_len_null("old_hash", 64))
            .col(big_integer_null("old_expire_time"))
            .col(big_integer("scopes"))
            .col(big_integer("version"))
            .col(big_integer("create_time"))
            .col(big_integer_null("expire_time"))
            .col(big_integer_null("last_used_time"))
            .foreign_key(&mut user.clone())
            .to_owned();
        manager.create_table(table).await?;
        for (name, columns, unique) in [
            ("api_keys_prefix", &["prefix"][..], true),
            ("api_keys_user_id", &["user_id", "id"], false),
            ("api_keys_expire_time", &["expire_time"], false),
        ] {
            let mut index = Index::create().name(name).table("api_keys").to_owned();
            for column in columns {
                index.col(*column);
            }
            if unique {
                index.unique();
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

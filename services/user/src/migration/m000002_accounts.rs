//! Users and their address books.

use kit::migration::{Steps, sorted_text};
use sea_orm_migration::{prelude::*, schema::*};

pub struct Accounts;

impl MigrationName for Accounts {
    fn name(&self) -> &str {
        "m000002_accounts"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Accounts {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        manager
            .create_table(
                Table::create()
                    .table("users")
                    .col(uuid("id").primary_key())
                    .col(string_len("username", 32))
                    .col(sorted_text(manager, "username_folded", 32))
                    .col(string_len("email", 254))
                    // Folding may lengthen a text.
                    .col(sorted_text(manager, "email_folded", 512))
                    .col(string_len("password_hash", 255))
                    .col(string_len("first_name", 100))
                    .col(sorted_text(manager, "first_name_folded", 300))
                    .col(string_len("last_name", 100))
                    .col(sorted_text(manager, "last_name_folded", 300))
                    .col(boolean("customer"))
                    .col(boolean("staff"))
                    .col(boolean("admin"))
                    .col(boolean("disabled"))
                    .col(big_integer("token_version"))
                    .col(big_integer("version"))
                    .col(big_integer("create_time"))
                    .col(big_integer("update_time"))
                    .to_owned(),
            )
            .await?;
        for (name, columns, unique) in [
            ("users_username_folded", &["username_folded"][..], true),
            ("users_email_folded", &["email_folded"], true),
            ("users_first_name_folded", &["first_name_folded"], false),
            ("users_last_name_folded", &["last_name_folded"], false),
            ("users_staff", &["staff", "id"], false),
            ("users_admin", &["admin", "id"], false),
            ("users_disabled", &["disabled", "id"], false),
        ] {
            let mut index = Index::create().name(name).table("users").to_owned();
            for column in columns {
                index.col(*column);
            }
            if unique {
                index.unique();
            }
            manager.create_index(index).await?;
        }
        manager
            .create_table(
                Table::create()
                    .table("addresses")
                    .col(uuid("id").primary_key())
                    .col(uuid("user_id"))
                    .col(string_len("recipient", 200))
                    .col(string_len("street_lines", 1024))
                    .col(string_len("postal_code", 20))
                    .col(string_len("city", 100))
                    .col(string_len("region", 100))
                    .col(string_len("country_code", 2))
                    .col(string_len("phone", 31))
                    .col(big_integer("version"))
                    .col(big_integer("create_time"))
                    .col(big_integer("update_time"))
                    .foreign_key(
                        ForeignKey::create()
                            .name("addresses_user")
                            .from("addresses", "user_id")
                            .to("users", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("addresses_user_id")
                    .table("addresses")
                    .col("user_id")
                    .col("id")
                    .to_owned(),
            )
            .await
    }
}

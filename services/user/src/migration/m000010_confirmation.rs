//! Which e-mails are confirmed, tokens that are sent by mail, and the mails.

use kit::migration::Steps;
use sea_orm_migration::{prelude::*, schema::*};

pub struct Confirmation;

impl MigrationName for Confirmation {
    fn name(&self) -> &str {
        "m000010_confirmation"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Confirmation {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        // Who is there by now had mails before: they go on. A replica of the version before, which does not name the
        // column, makes users who need not confirm.
        let verified = boolean("email_verified").default(true).to_owned();
        manager.alter_table(Table::alter().table("users").add_column(verified).to_owned()).await?;
        let to_user = |name: &str, table: &'static str| {
            ForeignKey::create()
                .name(name)
                .from(table, "user_id")
                .to("users", "id")
                .on_delete(ForeignKeyAction::Cascade)
                .to_owned()
        };
        manager
            .create_table(
                Table::create()
                    .table("one_time_tokens")
                    .col(uuid("id").primary_key())
                    .col(uuid("user_id"))
                    .col(small_integer("purpose"))
                    .col(string_len("email_folded", 512))
                    .col(big_integer("expire_time"))
                    .foreign_key(&mut to_user("one_time_tokens_user", "one_time_tokens"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("user_mails")
                    .col(uuid("id").primary_key())
                    .col(uuid_null("user_id"))
                    .col(small_integer("kind"))
                    .col(string_len("address", 254))
                    .col(small_integer("state"))
                    .col(integer("tries"))
                    .col(big_integer("next_try"))
                    .col(string_len("claim", 36))
                    .col(string_len("problem", 300))
                    .col(big_integer("create_time"))
                    .foreign_key(&mut to_user("user_mails_user", "user_mails"))
                    .to_owned(),
            )
            .await?;
        for (name, table, columns) in [
            ("one_time_tokens_user_id", "one_time_tokens", &["user_id"][..]),
            ("one_time_tokens_expire_time", "one_time_tokens", &["expire_time"]),
            ("user_mails_due", "user_mails", &["state", "next_try"]),
            ("user_mails_claim", "user_mails", &["claim"]),
            ("user_mails_user_id", "user_mails", &["user_id", "create_time"]),
            ("user_mails_create_time", "user_mails", &["create_time"]),
        ] {
            let mut index = Index::create().name(name).table(table).to_owned();
            for column in columns {
                index.col(*column);
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

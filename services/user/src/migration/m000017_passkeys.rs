//! Passkeys, the challenges that were answered, and which sessions began with one.

use kit::migration::{Steps, blob_type, sorted_text};
use sea_orm_migration::{prelude::*, schema::*};

pub struct Passkeys;

impl MigrationName for Passkeys {
    fn name(&self) -> &str {
        "m000017_passkeys"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Passkeys {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        let user = ForeignKey::create()
            .name("passkeys_user")
            .from("passkeys", "user_id")
            .to("users", "id")
            .on_delete(ForeignKeyAction::Cascade)
            .to_owned();
        let bytes =
            |name: &'static str| ColumnDef::new(name).custom(blob_type(manager)).not_null().to_owned();
        let table = Table::create()
            .table("passkeys")
            .col(uuid("id").primary_key())
            .col(uuid("user_id"))
            .col(string_len("name", 100))
            .col(sorted_text(manager, "credential_hash", 64))
            .col(bytes("credential_id"))
            .col(bytes("public_key"))
            .col(small_integer("transports"))
            .col(small_integer("backup"))
            .col(big_integer("sign_count"))
            .col(big_integer("create_time"))
            .col(big_integer_null("last_used_time"))
            .foreign_key(&mut user.clone())
            .to_owned();
        manager.create_table(table).await?;
        let table = Table::create()
            .table("spent_challenges")
            .col(uuid("id").primary_key())
            .col(big_integer("expire_time"))
            .to_owned();
        manager.create_table(table).await?;
        for (name, table, columns, unique) in [
            ("passkeys_credential_hash", "passkeys", &["credential_hash"][..], true),
            ("passkeys_user_id", "passkeys", &["user_id", "id"], false),
            ("spent_challenges_expire_time", "spent_challenges", &["expire_time"], false),
        ] {
            let mut index = Index::create().name(name).table(table).to_owned();
            for column in columns {
                index.col(*column);
            }
            if unique {
                index.unique();
            }
            manager.create_index(index).await?;
        }
        // Of a passkey that is gone, too, so no reference.
        let column = uuid_null("passkey_id");
        manager.alter_table(Table::alter().table("sessions").add_column(column).to_owned()).await
    }
}

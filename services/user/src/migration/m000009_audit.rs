//! The audit log.

use kit::migration::Steps;
use sea_orm_migration::{prelude::*, schema::*};

pub struct Audit;

impl MigrationName for Audit {
    fn name(&self) -> &str {
        "m000009_audit"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Audit {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        manager
            .create_table(
                Table::create()
                    .table("audit_events")
                    .col(uuid("id").primary_key())
                    .col(string_len("kind", 64))
                    .col(string_len("actor", 64))
                    .col(uuid_null("user_id"))
                    .col(string_len("ip_address", 45))
                    .col(string_len("user_agent", 256))
                    .col(string_len("request_id", 128))
                    .col(string_len("target", 128))
                    .col(string_len("detail", 500))
                    .col(big_integer("create_time"))
                    .to_owned(),
            )
            .await?;
        for (name, columns) in [
            ("audit_events_kind", &["kind", "id"][..]),
            ("audit_events_actor", &["actor", "id"]),
            ("audit_events_user_id", &["user_id", "id"]),
        ] {
            let mut index = Index::create().name(name).table("audit_events").to_owned();
            for column in columns {
                index.col(*column);
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

//! Sessions, their refresh tokens, and failed sign-ins.

use kit::migration::Steps;
use sea_orm_migration::{prelude::*, schema::*};

pub struct Sessions;

impl MigrationName for Sessions {
    fn name(&self) -> &str {
        "m000003_sessions"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Sessions {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        manager
            .create_table(
                Table::create()
                    .table("sessions")
                    .col(uuid("id").primary_key())
                    .col(uuid("user_id"))
                    .col(big_integer("create_time"))
                    .col(big_integer("last_time"))
                    .col(big_integer("expire_time"))
                    .col(big_integer_null("ended_time"))
                    .foreign_key(
                        ForeignKey::create()
                            .name("sessions_user")
                            .from("sessions", "user_id")
                            .to("users", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("refresh_tokens")
                    .col(string_len("hash", 64).primary_key())
                    .col(uuid("session_id"))
                    .col(big_integer_null("used_time"))
                    .foreign_key(
                        ForeignKey::create()
                            .name("refresh_tokens_session")
                            .from("refresh_tokens", "session_id")
                            .to("sessions", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("sign_in_failures")
                    .col(string_len("login", 64).primary_key())
                    .col(big_integer("window_start"))
                    .col(integer("failures"))
                    .to_owned(),
            )
            .await?;
        for (name, table, columns) in [
            ("sessions_user_id", "sessions", &["user_id", "id"][..]),
            ("sessions_expire_time", "sessions", &["expire_time"]),
            ("sessions_ended_time", "sessions", &["ended_time"]),
            ("refresh_tokens_session_id", "refresh_tokens", &["session_id"]),
            ("refresh_tokens_used_time", "refresh_tokens", &["used_time"]),
            ("sign_in_failures_window_start", "sign_in_failures", &["window_start"]),
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

//! Steps of a schema, and the tables that every service has: idempotency records, outbox, feed positions,
//! instances.

mod apply;
mod newer;
mod numbers;
mod rows;

use std::ops::Deref;

use sea_orm::DatabaseBackend;
use sea_orm_migration::{prelude::*, schema::*};

use crate::fault::{is_done_already, unique_violation};
pub(in crate::db) use newer::is_newer;
pub use numbers::StateColumn;
pub use rows::{Rows, kept_words};

/// A manager whose steps can be taken again. On MySQL every DDL statement commits by itself, so a migration
/// that was killed halfway runs again from its beginning, and takes what is there already as done. On the
/// other databases all is one transaction, and whatever is there already is an error.
pub struct Steps<'a>(&'a SchemaManager<'a>);

impl<'a> Deref for Steps<'a> {
    type Target = SchemaManager<'a>;

    fn deref(&self) -> &SchemaManager<'a> {
        self.0
    }
}

#[allow(clippy::disallowed_methods, reason = "these are the steps that can be taken again")]
impl<'a> Steps<'a> {
    /// The first line of every migration: `let manager = &Steps::of(manager);`.
    pub fn of(manager: &'a SchemaManager<'a>) -> Self {
        Self(manager)
    }

    /// Makes a table, with the indexes and constraints that stand in it.
    pub async fn create_table(&self, table: TableCreateStatement) -> Result<(), DbErr> {
        self.done(self.0.create_table(table).await)
    }

    /// Makes an index.
    pub async fn create_index(&self, index: IndexCreateStatement) -> Result<(), DbErr> {
        self.done(self.0.create_index(index).await)
    }

    /// Adds or drops one column, index or constraint: what is there already counts for all of the statement.
    pub async fn alter_table(&self, table: TableAlterStatement) -> Result<(), DbErr> {
        self.done(self.0.alter_table(table).await)
    }

    /// Drops an index.
    pub async fn drop_index(&self, index: IndexDropStatement) -> Result<(), DbErr> {
        self.done(self.0.drop_index(index).await)
    }

    /// Writes a row that the schema begins with.
    pub async fn insert(&self, row: InsertStatement) -> Result<(), DbErr> {
        self.written(self.0.execute(row).await)
    }

    /// Writes one row, by an INSERT in words.
    pub async fn write(&self, insert: &str) -> Result<(), DbErr> {
        self.written(self.0.get_connection().execute_unprepared(insert).await.map(|_| ()))
    }

    fn written(&self, step: Result<(), DbErr>) -> Result<(), DbErr> {
        match step {
            Err(error) if self.repeats() && unique_violation(&error).is_some() => Ok(()),
            step => step,
        }
    }

    fn done(&self, step: Result<(), DbErr>) -> Result<(), DbErr> {
        step.or_else(|error| if self.repeats() && is_done_already(&error) { Ok(()) } else { Err(error) })
    }

    fn repeats(&self) -> bool {
        self.0.get_database_backend() == DatabaseBackend::MySql
    }
}

/// The first migration of every service; its own follow.
pub struct Base;

impl MigrationName for Base {
    fn name(&self) -> &str {
        "m000001_base"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Base {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        manager
            .create_table(
                Table::create()
                    .table("idempotency")
                    .col(string_len("claim", 64).primary_key())
                    .col(string_len("fingerprint", 64))
                    .col(uuid_null("owner"))
                    .col(ColumnDef::new("answer").custom(blob_type(manager)).null())
                    .col(ColumnDef::new("refusal").custom(blob_type(manager)).null())
                    .col(big_integer("create_time"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("idempotency_create_time")
                    .table("idempotency")
                    .col("create_time")
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create().name("idempotency_owner").table("idempotency").col("owner").to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("outbox")
                    .extra(in_order(manager))
                    .col(ColumnDef::new("id").big_integer().not_null().auto_increment().primary_key())
                    .col(big_integer_null("position"))
                    .col(string_len("aggregate_id", 64))
                    .col(string_len("kind", 128))
                    .col(ColumnDef::new("data").custom(blob_type(manager)).not_null())
                    .col(big_integer("create_time"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create().unique().name("outbox_position").table("outbox").col("position").to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("feed_head")
                    .col(integer("id").primary_key())
                    .col(big_integer("position"))
                    .to_owned(),
            )
            .await?;
        manager
            .insert(
                Query::insert()
                    .into_table("feed_head")
                    .columns(["id", "position"])
                    .values_panic([1.into(), 0.into()])
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("feed_cursor")
                    .col(string_len("source", 64).primary_key())
                    .col(big_integer("position"))
                    .to_owned(),
            )
            .await
    }
}

/// What has ids of rows grow in the order of their inserts: nothing, but on TiDB, where each server would
/// hand out a range of its own. To all others it is a comment.
fn in_order(manager: &SchemaManager) -> &'static str {
    match manager.get_database_backend() {
        DatabaseBackend::MySql => "/*T![auto_id_cache] AUTO_ID_CACHE 1 */",
        _ => "",
    }
}

/// A text column that compares and sorts by code points on every database: ranges and page cursors over it
/// mean the same to the database and to us. On MySQL the whole database is such.
pub fn sorted_text(manager: &SchemaManager, name: &'static str, length: u32) -> ColumnDef {
    let kind = match manager.get_database_backend() {
        DatabaseBackend::Postgres => format!("varchar({length}) COLLATE \"C\""),
        _ => format!("varchar({length})"),
    };
    ColumnDef::new(name).custom(kind).not_null().take()
}

/// The second: who runs.
pub struct Instances;

impl MigrationName for Instances {
    fn name(&self) -> &str {
        "m000001_instances"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Instances {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        manager
            .create_table(
                Table::create()
                    .table("instances")
                    .col(uuid("id").primary_key())
                    .col(string_len("role", 16))
                    .col(string_len("version", 64))
                    .col(string_len("address", 190))
                    .col(big_integer("start_time"))
                    .col(string_len("database_kind", 16))
                    .col(string_len("database_location", 500))
                    .col(string_len("schema_version", 64))
                    .col(big_integer("beat_time"))
                    .to_owned(),
            )
            .await
    }
}

/// The third: how their background tasks fare.
pub struct Tasks;

impl MigrationName for Tasks {
    fn name(&self) -> &str {
        "m000001_tasks"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Tasks {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tasks = ColumnDef::new("tasks").custom(blob_type(manager)).null().to_owned();
        let table = Table::alter().table("instances").add_column(tasks).to_owned();
        Steps::of(manager).alter_table(table).await
    }
}

/// The column type of long byte strings on this database.
pub fn blob_type(manager: &SchemaManager) -> &'static str {
    match manager.get_database_backend() {
        DatabaseBackend::Postgres => "bytea",
        DatabaseBackend::MySql => "longblob",
        _ => "blob",
    }
}

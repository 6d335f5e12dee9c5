//! Indexes for lists: by state, by total, and by when orders were placed.

use kit::migration::Steps;
use sea_orm_migration::prelude::*;

pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000011_filters"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        let indexes: [(&str, &[&str]); 3] = [
            ("orders_state_id", &["state", "id"]),
            ("orders_total", &["currency", "total_minor", "id"]),
            ("orders_place_time", &["place_time", "id"]),
        ];
        for (name, columns) in indexes {
            let mut index = Index::create().name(name).table("orders").to_owned();
            for column in columns {
                index.col(*column);
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

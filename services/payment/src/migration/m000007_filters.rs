//! Indexes for lists: by type and by amount.

use kit::migration::Steps;
use sea_orm_migration::prelude::*;

pub struct Filters;

impl MigrationName for Filters {
    fn name(&self) -> &str {
        "m000007_filters"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Filters {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        let indexes: [(&str, &[&str]); 2] = [
            ("payments_type", &["payment_type", "id"]),
            ("payments_amount", &["currency", "amount_minor", "id"]),
        ];
        for (name, columns) in indexes {
            let mut index = Index::create().name(name).table("payments").to_owned();
            for column in columns {
                index.col(*column);
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

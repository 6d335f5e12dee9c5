//! By what staff find orders: numbers, tracking codes without their signs, the order in which orders were placed,
//! and money that did not go back. For the orders that there are, too, a thousand at a time.

use std::collections::HashSet;

use kit::{
    id::{Id, OrderId},
    migration::{Rows, Steps, sorted_text},
    words::fold_code,
};
use sea_orm::{ConnectionTrait, FromQueryResult, TransactionTrait};
use sea_orm_migration::prelude::*;

use crate::domain::number::number_of;

pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m000013_search"
    }
}

/// Orders of one step. On MySQL each commits by itself, and a migration that was killed goes on with what is left.
const ORDERS: u64 = 1_000;

/// Orders of one statement: it looks through its cases for each of them.
const CASES: usize = 50;

/// What is read of an order, whatever else the table will have one day.
#[derive(FromQueryResult)]
struct Row {
    id: OrderId,
    tracking_code: String,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let manager = &Steps::of(manager);
        let mut number = sorted_text(manager, "number", 8);
        let mut tracking = sorted_text(manager, "tracking_folded", 100);
        for column in [number.null(), tracking.default("")] {
            manager
                .alter_table(Table::alter().table("orders").add_column(column.to_owned()).to_owned())
                .await?;
        }
        let orders = |name: &str| Index::create().name(name).table("orders").to_owned();
        // Before numbers are given, because each is looked for first; any number of orders may have none.
        manager.create_index(orders("orders_number").unique().col("number").to_owned()).await?;
        fill(manager.get_connection()).await?;
        manager.create_index(orders("orders_tracking").col("tracking_folded").col("id").to_owned()).await?;
        let placed = orders("orders_state_place_time").col("state").col("place_time").col("id").to_owned();
        manager.create_index(placed).await?;
        let owing =
            Index::create().name("order_payments_flagged").table("order_payments").col("flagged").to_owned();
        manager.create_index(owing).await
    }
}

/// Numbers orders that have none. Of millions, some share the end of their ids: all but the first of them get
/// another number.
async fn fill(db: &SchemaManagerConnection<'_>) -> Result<(), DbErr> {
    let unnumbered = Expr::col("number").is_null();
    let mut orders = Rows::of("orders", &["id", "tracking_code"], ORDERS).only(unnumbered);
    while let Some(rows) = orders.next(db, |row: &Row| row.id).await? {
        let mut taken = taken(db, rows.iter().map(|row| number_of(row.id))).await?;
        let step = db.begin().await?;
        for rows in rows.chunks(CASES) {
            let mut numbers = CaseStatement::new();
            let mut codes = CaseStatement::new();
            for row in rows {
                let mut number = number_of(row.id);
                while !taken.insert(number.clone()) {
                    number = number_of(OrderId::new());
                    if self::taken(&step, [number.clone()]).await?.contains(&number) {
                        taken.insert(number.clone());
                    }
                }
                numbers = numbers.case(Expr::col("id").eq(row.id), number);
                codes = codes.case(Expr::col("id").eq(row.id), fold_code(&row.tracking_code, 100));
            }
            let mut update = Query::update();
            update.table("orders").value("number", numbers).value("tracking_folded", codes);
            update.and_where(Expr::col("id").is_in(rows.iter().map(|row| row.id)));
            step.execute(&update).await?;
        }
        step.commit().await?;
    }
    Ok(())
}

/// Which of these numbers orders have.
async fn taken(
    db: &impl ConnectionTrait,
    numbers: impl IntoIterator<Item = String>,
) -> Result<HashSet<String>, DbErr> {
    let mut query = Query::select();
    query.column("number").from("orders").and_where(Expr::col("number").is_in(numbers));
    db.query_all(&query).await?.iter().map(|row| row.try_get("", "number")).collect()
}

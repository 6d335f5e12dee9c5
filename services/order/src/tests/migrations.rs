//! How long the migrations of many orders take.

use std::time::Instant;

use kit::{
    Role,
    id::{Id, LineId, OrderId, PaymentId, UserId},
    testing::Database,
};
use sea_orm_migration::MigratorTrait;
use uuid::Uuid;

use super::{
    Shop, insert, old,
    refunds::{mail_of, payment_of},
};
use crate::Migrator;

const ORDERS: usize = 100_000;

/// Orders with a line, a payment, an adjustment and a mail each; a tenth is refunded, and all were sent.
async fn fill(shop: &Shop) {
    for some in (0..ORDERS).collect::<Vec<_>>().chunks(1_000) {
        let tx = shop.db.read().begin().await.unwrap();
        let of = |number: &usize| (*number, OrderId::new(), PaymentId::new());
        let some: Vec<_> = some.iter().map(of).collect();
        let orders = some.iter().map(|(number, id, payment)| {
            let other = vec![
                ("tracking_code", format!("RR-{number} PT").into()),
                ("payment_id", (*payment).into()),
                ("total_minor", 1_000i64.into()),
                ("currency", "EUR".into()),
                ("place_time", (*number as i64).into()),
            ];
            old(*id, other)
        });
        insert(&tx, "orders", orders).await;
        let lines = some.iter().map(|(_, id, _)| {
            vec![
                ("id", LineId::new().into()),
                ("order_id", (*id).into()),
                ("article_id", Uuid::now_v7().into()),
                ("code", "TEA-1".into()),
                ("name", "Tea".into()),
                ("quantity", 1i32.into()),
                ("unit_price_minor", 1_000i64.into()),
                ("currency", "EUR".into()),
                ("tax_rate_basis_points", 2_300i32.into()),
            ]
        });
        insert(&tx, "order_lines", lines).await;
        let adjustments = some.iter().map(|(_, id, _)| {
            vec![
                ("id", UserId::new().into()),
                ("order_id", (*id).into()),
                ("kind", 1i16.into()),
                ("label", "Shipping".into()),
                ("amount_minor", 499i64.into()),
                ("currency", "EUR".into()),
            ]
        });
        insert(&tx, "order_adjustments", adjustments).await;
        insert(&tx, "order_payments", some.iter().map(|(_, id, payment)| payment_of(*id, *payment))).await;
        let mails = some.iter().map(|(number, id, payment)| {
            let refunded = if number % 10 == 0 { 1_000 } else { 0 };
            mail_of(*id, *payment, refunded)
        });
        insert(&tx, "order_mails", mails).await;
        tx.commit().await.unwrap();
    }
}

/// `cargo test --workspace --lib -- --ignored --nocapture figures`: how long each migration takes from 100,000 old
/// orders on, on SQLite and on the servers that the settings name.
#[tokio::test]
#[ignore = "takes a while; it shows figures and fails at none"]
async fn figures_of_migrating_many_orders() {
    for database in Database::of_each_kind(Role::Order).await {
        let shop = Shop::before_on(database, "m000011_filters").await;
        fill(&shop).await;
        let all = Migrator::migrations();
        let steps = all.iter().skip_while(|step| step.name() != "m000011_filters");
        for step in steps {
            let begun = Instant::now();
            shop.db.migrate_steps::<Migrator>(Some(1)).await.unwrap();
            let seconds = begun.elapsed().as_secs_f64();
            eprintln!("{:?} {}: {seconds:.1} s", shop.db.backend(), step.name());
        }
    }
}

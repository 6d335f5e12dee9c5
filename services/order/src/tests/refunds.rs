//! What was given back before orders knew of it.

use kit::{
    Time,
    id::{Id, OrderId, PaymentId},
};
use sea_orm::{
    ConnectionTrait, Value,
    sea_query::{Expr, ExprTrait, Query},
};
use uuid::Uuid;

use super::{Row, Shop, insert, insert_old};
use crate::Migrator;

/// An order of 10.00 whose payment's mails say these refunds; its payment.
async fn refunded(db: &impl ConnectionTrait, id: OrderId, refunds: &[i64]) -> PaymentId {
    let payment = PaymentId::new();
    let other =
        vec![("total_minor", 1_000i64.into()), ("currency", "EUR".into()), ("payment_id", payment.into())];
    insert_old(db, id, other).await;
    add_payment(db, id, payment, refunds).await;
    payment
}

async fn add_payment(db: &impl ConnectionTrait, id: OrderId, payment: PaymentId, refunds: &[i64]) {
    insert(db, "order_payments", [payment_of(id, payment)]).await;
    for refunded in refunds {
        insert(db, "order_mails", [mail_of(id, payment, *refunded)]).await;
    }
}

/// A payment, as it was before there were refunds.
pub fn payment_of(id: OrderId, payment: PaymentId) -> Row {
    let zero = || Value::from(0i64);
    vec![
        ("payment_id", payment.into()),
        ("order_id", id.into()),
        ("state", 4i16.into()),
        ("seen_time", zero()),
        ("undo", false.into()),
        ("flagged", false.into()),
        ("next_try", zero()),
        ("create_time", zero()),
    ]
}

/// A mail of what was given back of a payment.
pub fn mail_of(id: OrderId, payment: PaymentId, refunded: i64) -> Row {
    vec![
        ("id", format!("refunded/{payment}/{refunded}").into()),
        ("order_id", id.into()),
        ("kind", 3i16.into()),
        ("payment_id", payment.into()),
        ("refunded_minor", refunded.into()),
        ("amount_minor", refunded.into()),
        ("currency", "EUR".into()),
        ("state", 2i16.into()),
        ("tries", 1i32.into()),
        ("next_try", 0i64.into()),
        ("claim", "".into()),
        ("problem", "".into()),
        ("create_time", Time(0).into()),
        ("update_time", Time(0).into()),
    ]
}

#[tokio::test]
async fn orders_from_before_know_what_was_given_back() {
    let shop = Shop::before("m000012_refunds").await;
    let db = shop.db.read();
    let ids: [OrderId; 5] = std::array::from_fn(|_| OrderId::new());
    let [never, in_part, in_full, superseded, unpaid] = ids;
    refunded(db, never, &[0]).await;
    refunded(db, in_part, &[300, 100]).await;
    refunded(db, in_full, &[300, 1_000]).await;
    // What a payment before the order's own gave back is no refund of the order.
    refunded(db, superseded, &[]).await;
    let old = PaymentId::new();
    add_payment(db, superseded, old, &[1_000]).await;
    insert_old(db, unpaid, vec![]).await;
    let adjustment = Uuid::now_v7();
    let row = vec![
        ("id", adjustment.into()),
        ("order_id", in_part.into()),
        ("kind", 3i16.into()),
        ("label", "Voucher".into()),
        ("amount_minor", (-50i64).into()),
        ("currency", "EUR".into()),
        ("automatic", false.into()),
    ];
    insert(db, "order_adjustments", [row]).await;
    let row = vec![
        ("id", Uuid::now_v7().into()),
        ("order_id", in_part.into()),
        ("article_id", Uuid::now_v7().into()),
        ("code", "A".into()),
        ("name", "A".into()),
        ("quantity", 2i32.into()),
        ("unit_price_minor", 525i64.into()),
        ("currency", "EUR".into()),
        ("tax_rate_basis_points", 0i32.into()),
    ];
    insert(db, "order_lines", [row]).await;

    shop.db.migrate::<Migrator>().await.unwrap();
    let figures =
        async |table: &'static str, first: &'static str, second: &'static str, id: (&'static str, Value)| {
            let mut query = Query::select();
            query.column(first).column(second).from(table);
            query.and_where(Expr::col(id.0).eq(id.1));
            let row = db.query_one(&query).await.unwrap().unwrap();
            let small = || row.try_get_by_index::<i16>(1).map(i64::from);
            (row.try_get_by_index::<i64>(0).unwrap(), row.try_get_by_index(1).or_else(|_| small()).unwrap())
        };
    for (id, expected) in
        [(never, (0, 0)), (in_part, (300, 1)), (in_full, (1_000, 2)), (superseded, (0, 0)), (unpaid, (0, 0))]
    {
        assert_eq!(figures("orders", "refunded_minor", "refunds", ("id", id.into())).await, expected, "{id}");
    }
    let of_old = figures("order_payments", "refunded_minor", "next_try", ("payment_id", old.into())).await;
    assert_eq!(of_old, (1_000, 0), "the payment knows it");
    let given = figures("order_adjustments", "given_minor", "amount_minor", ("id", adjustment.into())).await;
    assert_eq!(given, (-50, -50));
}

//! Whatever is changed behind the services' backs is found.

use std::collections::BTreeSet;

use contracts::order::Order;
use kit::id::{ArticleId, OrderId, PaymentId};

use crate::support::{Setup, eur};

use super::{Orders, audit, blob, orders, tamper};

tests!(whatever_is_tampered_with_is_found_with_its_ids_and_nothing_else);

/// Covers: mesh.audit.
async fn whatever_is_tampered_with_is_found_with_its_ids_and_nothing_else(setup: Setup) {
    let mesh = setup.env("FEIRA_AUDIT_SETTLE", "50ms").start().await;
    let staff = mesh.admin().await;
    let article_id = staff.stocked(eur(1000), 20).await.id.clone();
    let Orders { paid, refunded_in_part, awaiting, cancelled } = orders(&mesh, &staff, &article_id).await;
    let article = blob::<ArticleId>(&article_id);
    let order = |order: &Order| blob::<OrderId>(&order.id);
    let payment = |order: &Order| blob::<PaymentId>(&order.payment_id);
    let (of_paid, of_awaiting) = (order(&paid), order(&awaiting));
    let (p_paid, p_part, p_cancelled) = (payment(&paid), payment(&refunded_in_part), payment(&cancelled));
    let (art, ord) = (article_id.as_str(), paid.id.as_str());
    let pay = paid.payment_id.as_str();

    // The database, what is done to it and how it is undone, and the equations that break with what they name.
    type Broken<'a> = Vec<(&'a str, Vec<&'a str>)>;
    let cases: Vec<(&str, String, String, Broken)> = vec![
        (
            "article",
            format!("UPDATE stock SET free = free + 1 WHERE article_id = {article}"),
            format!("UPDATE stock SET free = free - 1 WHERE article_id = {article}"),
            vec![("stock_total", vec![art])],
        ),
        (
            "article",
            format!("UPDATE stock SET free = free - 1, reserved = reserved + 1 WHERE article_id = {article}"),
            format!("UPDATE stock SET free = free + 1, reserved = reserved - 1 WHERE article_id = {article}"),
            vec![("stock_total", vec![art]), ("stock_reserved", vec![art])],
        ),
        (
            "article",
            format!(
                "UPDATE stock_movements SET free_change = free_change + 1 WHERE article_id = {article} AND sequence = 1"
            ),
            format!(
                "UPDATE stock_movements SET free_change = free_change - 1 WHERE article_id = {article} AND sequence = 1"
            ),
            vec![("stock_total", vec![art])],
        ),
        (
            "article",
            format!(
                "UPDATE stock_movements SET sequence = 999 WHERE article_id = {article} AND sequence = 2"
            ),
            format!(
                "UPDATE stock_movements SET sequence = 2 WHERE article_id = {article} AND sequence = 999"
            ),
            vec![("stock_movements", vec![art])],
        ),
        (
            "article",
            format!("UPDATE reservation_lines SET quantity = quantity + 1 WHERE order_id = {of_awaiting}"),
            format!("UPDATE reservation_lines SET quantity = quantity - 1 WHERE order_id = {of_awaiting}"),
            vec![("stock_reserved", vec![art]), ("order_reserved", vec![&awaiting.id])],
        ),
        (
            "article",
            format!("UPDATE reservations SET state = 3 WHERE order_id = {of_paid}"),
            format!("UPDATE reservations SET state = 2 WHERE order_id = {of_paid}"),
            vec![("stock_sold", vec![art]), ("order_sold", vec![ord])],
        ),
        (
            "article",
            format!("UPDATE articles SET shelf = 4 WHERE id = {article}"),
            format!("UPDATE articles SET shelf = 6 WHERE id = {article}"),
            vec![("article_shelf", vec![art])],
        ),
        (
            "order",
            format!("UPDATE orders SET total_minor = total_minor - 1 WHERE id = {of_paid}"),
            format!("UPDATE orders SET total_minor = total_minor + 1 WHERE id = {of_paid}"),
            vec![("order_total", vec![ord])],
        ),
        (
            "order",
            format!("UPDATE orders SET total_minor = total_minor + 1 WHERE id = {of_paid}"),
            format!("UPDATE orders SET total_minor = total_minor - 1 WHERE id = {of_paid}"),
            vec![("order_total", vec![ord]), ("order_paid", vec![ord, pay])],
        ),
        (
            "order",
            format!("UPDATE order_lines SET quantity = quantity + 1 WHERE order_id = {of_paid}"),
            format!("UPDATE order_lines SET quantity = quantity - 1 WHERE order_id = {of_paid}"),
            vec![("order_total", vec![ord]), ("order_sold", vec![ord])],
        ),
        (
            "order",
            format!("UPDATE order_lines SET currency = 'USD' WHERE order_id = {of_paid}"),
            format!("UPDATE order_lines SET currency = 'EUR' WHERE order_id = {of_paid}"),
            vec![("order_currency", vec![ord])],
        ),
        (
            "order",
            format!("UPDATE orders SET state = 7 WHERE id = {of_paid}"),
            format!("UPDATE orders SET state = 4 WHERE id = {of_paid}"),
            vec![("order_history", vec![ord]), ("order_sold", vec![ord]), ("order_refunded", vec![ord, pay])],
        ),
        (
            "order",
            format!("UPDATE orders SET refunded_minor = 1 WHERE id = {of_paid}"),
            format!("UPDATE orders SET refunded_minor = 0 WHERE id = {of_paid}"),
            vec![("order_refunds", vec![ord, pay])],
        ),
        (
            "order",
            format!("UPDATE order_lines SET returned = 1 WHERE order_id = {of_paid}"),
            format!("UPDATE order_lines SET returned = 0 WHERE order_id = {of_paid}"),
            vec![("order_returned", vec![ord])],
        ),
        (
            "article",
            format!("UPDATE reservation_lines SET returned = 1 WHERE order_id = {of_paid}"),
            format!("UPDATE reservation_lines SET returned = 0 WHERE order_id = {of_paid}"),
            vec![("stock_sold", vec![art]), ("order_returned", vec![ord])],
        ),
        (
            "order",
            format!("UPDATE order_events SET sequence = 99 WHERE order_id = {of_paid} AND sequence = 1"),
            format!("UPDATE order_events SET sequence = 1 WHERE order_id = {of_paid} AND sequence = 99"),
            vec![("order_history", vec![ord])],
        ),
        (
            "payment",
            format!("UPDATE payments SET captured_minor = captured_minor - 1 WHERE id = {p_paid}"),
            format!("UPDATE payments SET captured_minor = captured_minor + 1 WHERE id = {p_paid}"),
            vec![
                ("payment_balance", vec![pay]),
                ("payment_ledger", vec![pay]),
                ("order_paid", vec![ord, pay]),
            ],
        ),
        (
            "payment",
            format!(
                "UPDATE payments SET authorized_minor = authorized_minor - 1, captured_minor = captured_minor - 1, amount_minor = amount_minor - 1 WHERE id = {p_paid}"
            ),
            format!(
                "UPDATE payments SET authorized_minor = authorized_minor + 1, captured_minor = captured_minor + 1, amount_minor = amount_minor + 1 WHERE id = {p_paid}"
            ),
            vec![("payment_ledger", vec![pay]), ("order_paid", vec![ord, pay])],
        ),
        (
            "payment",
            format!("UPDATE payments SET state = 8 WHERE id = {p_paid}"),
            format!("UPDATE payments SET state = 4 WHERE id = {p_paid}"),
            vec![("payment_balance", vec![pay]), ("payment_history", vec![pay])],
        ),
        (
            "payment",
            format!(
                "UPDATE ledger_entries SET amount_minor = amount_minor + 1 WHERE payment_id = {p_paid} AND account = 'customer'"
            ),
            format!(
                "UPDATE ledger_entries SET amount_minor = amount_minor - 1 WHERE payment_id = {p_paid} AND account = 'customer'"
            ),
            vec![("payment_ledger", vec![pay]), ("ledger_balance", vec![pay])],
        ),
        (
            "payment",
            format!("UPDATE refunds SET amount_minor = amount_minor + 1 WHERE payment_id = {p_part}"),
            format!("UPDATE refunds SET amount_minor = amount_minor - 1 WHERE payment_id = {p_part}"),
            vec![("payment_refunds", vec![&refunded_in_part.payment_id])],
        ),
        (
            "payment",
            format!("UPDATE payments SET refunded_minor = refunded_minor - 1 WHERE id = {p_cancelled}"),
            format!("UPDATE payments SET refunded_minor = refunded_minor + 1 WHERE id = {p_cancelled}"),
            vec![
                ("payment_refunds", vec![&cancelled.payment_id]),
                ("payment_ledger", vec![&cancelled.payment_id]),
                ("order_refunded", vec![&cancelled.id, &cancelled.payment_id]),
                ("order_refunds", vec![&cancelled.id, &cancelled.payment_id]),
            ],
        ),
        (
            "payment",
            format!("UPDATE payment_events SET sequence = 99 WHERE payment_id = {p_paid} AND sequence = 1"),
            format!("UPDATE payment_events SET sequence = 1 WHERE payment_id = {p_paid} AND sequence = 99"),
            vec![("payment_history", vec![pay])],
        ),
        (
            "payment",
            format!("UPDATE payments SET order_id = {of_paid} WHERE id = {p_part}"),
            format!("UPDATE payments SET order_id = {} WHERE id = {p_part}", order(&refunded_in_part)),
            vec![
                ("order_paid", vec![&refunded_in_part.id, &refunded_in_part.payment_id]),
                ("order_refunded", vec![ord, &refunded_in_part.payment_id]),
                ("order_charged_once", vec![ord, pay, &refunded_in_part.payment_id]),
            ],
        ),
    ];
    for (role, doing, undoing, broken) in &cases {
        tamper(&mesh, role, doing).await;
        let found = audit(&staff).await;
        let told: BTreeSet<(&str, Vec<&str>)> = found
            .violations
            .iter()
            .map(|it| (it.equation.as_str(), it.ids.iter().map(String::as_str).collect()))
            .collect();
        let expected: BTreeSet<(&str, Vec<&str>)> = broken.iter().cloned().collect();
        assert_eq!(told, expected, "{doing}\n{found:#?}");
        assert!(!found.ok && found.violations.iter().all(|violation| !violation.detail.is_empty()));
        tamper(&mesh, role, undoing).await;
    }
    assert!(audit(&staff).await.ok, "all is as it was");
}

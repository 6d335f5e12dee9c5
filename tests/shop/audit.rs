//! The audit: it finds what was tampered with, all of it and nothing else, and is right while the shop is at
//! work.

use std::{collections::BTreeSet, time::Duration};

use contracts::{
    mesh::{VerifyAuditRequest, VerifyAuditResponse},
    order::{Order, OrderState},
    payment::{PaymentState, RefundPaymentRequest},
};
use kit::id::{ArticleId, Id, OrderId, PaymentId};
use sea_orm::{ConnectionTrait, Database};

use crate::support::{Client, Code, Mesh, Refused, Setup, eur, process::Start, until, wait::within};

on_both_edges!(a_shop_in_order_has_no_violations, only_staff_audit);
tests!(
    whatever_is_tampered_with_is_found_with_its_ids_and_nothing_else,
    a_role_that_is_down_is_named_and_never_passed_over,
    the_operators_command_says_by_its_exit_code_what_it_found,
);
on_every_database!(no_alarm_is_false_while_the_shop_is_at_work);

async fn audit(staff: &Client) -> VerifyAuditResponse {
    staff.verify_audit(VerifyAuditRequest {}).await.expect("an audit").body
}

/// An order of each kind.
struct Orders {
    paid: Order,
    refunded_in_part: Order,
    awaiting: Order,
    cancelled: Order,
}

async fn orders(mesh: &Mesh, staff: &Client, article_id: &str) -> Orders {
    let ada = mesh.shopper().await;
    let paid = ada.order(article_id, 2, "sim_approve").await.unwrap().body;
    let refunded_in_part = ada.order(article_id, 1, "sim_approve").await.unwrap().body;
    let awaiting = ada.order(article_id, 3, "sim_decline").await.unwrap().body;
    let cancelled = ada.order(article_id, 1, "sim_approve").await.unwrap().body;
    for order in [&paid, &refunded_in_part, &cancelled] {
        staff.until(&order.id, OrderState::Paid).await;
    }
    ada.at_rest(&awaiting.id).await;
    ada.cancel(&cancelled.id).await.unwrap();
    staff.until_payment(&cancelled.payment_id, PaymentState::Refunded).await;
    let request = RefundPaymentRequest {
        id: refunded_in_part.payment_id.clone(),
        amount: Some(eur(100)),
        ..Default::default()
    };
    staff.refund_payment(request).await.unwrap();
    until("nothing is in flight", || async { (audit(staff).await.in_flight == 0).then_some(()) }).await;
    Orders { paid, refunded_in_part, awaiting, cancelled }
}

/// Covers: mesh.audit.
async fn a_shop_in_order_has_no_violations(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let empty = audit(&staff).await;
    assert!(empty.ok && empty.checked == 0 && empty.violations.is_empty() && empty.in_flight == 0);
    let article = staff.stocked(eur(1000), 10).await;
    orders(&mesh, &staff, &article.id).await;
    let found = audit(&staff).await;
    assert!(found.ok && found.violations.is_empty(), "{found:#?}");
    assert_eq!(found.checked, 1 + 4 + 4, "an article, orders, payments");
}

/// Covers: access.
async fn only_staff_audit(setup: Setup) {
    let mesh = setup.start().await;
    mesh.shopper().await.verify_audit(VerifyAuditRequest {}).await.denied();
    let anonymous = mesh.client().verify_audit(VerifyAuditRequest {}).await;
    anonymous.refused(Code::Unauthenticated, "UNAUTHENTICATED");
}

/// An id as SQLite has it.
fn blob<I: Id>(text: &str) -> String {
    let id: I = text.parse().unwrap_or_else(|_| panic!("an id: {text}"));
    format!("X'{}'", id.uuid().simple())
}

/// Runs a statement on a role's embedded database, which must change something.
pub async fn tamper(mesh: &Mesh, role: &str, statement: &str) {
    let path = mesh.folder().join("feira-0").join(format!("{role}.db"));
    let database = Database::connect(format!("sqlite:{}", path.display())).await.unwrap();
    database.execute_unprepared("PRAGMA busy_timeout = 5000").await.unwrap();
    let done =
        database.execute_unprepared(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    assert!(done.rows_affected() > 0, "{statement}");
    database.close().await.unwrap();
}

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
            format!("UPDATE payments SET state = 'VOIDED' WHERE id = {p_paid}"),
            format!("UPDATE payments SET state = 'CAPTURED' WHERE id = {p_paid}"),
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

/// Covers: mesh.audit, mesh.down.
async fn a_role_that_is_down_is_named_and_never_passed_over(setup: Setup) {
    let mut mesh = setup.split().start().await;
    let staff = mesh.admin().await;
    assert!(audit(&staff).await.ok);
    mesh.kill("payment");
    let refusal = staff.verify_audit(VerifyAuditRequest {}).await;
    let refusal = refusal.refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    assert_eq!(refusal.info("service"), "payment");
    mesh.restart("payment");
    until("it is audited again", || async { staff.verify_audit(VerifyAuditRequest {}).await.ok() }).await;
}

/// Covers: mesh.audit, mesh.program.
async fn the_operators_command_says_by_its_exit_code_what_it_found(setup: Setup) {
    let mesh = setup.env("FEIRA_AUDIT_SETTLE", "50ms").start().await;
    let staff = mesh.admin().await;
    let article = staff.stocked(eur(1000), 10).await;
    let verify = |words: &str| {
        mesh.as_operator(Start::of(words).arg("--url", &mesh.grpc_url("feira-0"))).run(mesh.folder())
    };
    let ended = verify("verify");
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    assert!(ended.stdout.starts_with("ok: 1 articles"), "{ended:?}");
    let statement = |sign: char| {
        let id = blob::<ArticleId>(&article.id);
        format!("UPDATE stock SET free = free {sign} 1 WHERE article_id = {id}")
    };
    tamper(&mesh, "article", &statement('-')).await;
    let ended = verify("verify");
    assert_eq!(ended.code, Some(5), "{ended:?}");
    assert!(ended.stdout.contains("stock_total: 1") && ended.stdout.contains(&article.id), "{ended:?}");
    let json: serde_json::Value = serde_json::from_str(&verify("verify --json").stdout).unwrap();
    assert_eq!((&json["ok"], &json["violations"][0]["equation"]), (&false.into(), &"stock_total".into()));
    assert_eq!(json["violations"][0]["ids"][0], article.id);
    tamper(&mesh, "article", &statement('+')).await;
    let nowhere = mesh.as_operator(Start::of("verify --url http://127.0.0.1:1")).run(mesh.folder());
    assert_eq!(nowhere.code, Some(1), "{nowhere:?}");
}

const SHOPPERS: usize = 8;
const AUDITS: usize = 15;

/// Covers: mesh.audit.
async fn no_alarm_is_false_while_the_shop_is_at_work(setup: Setup) {
    let mesh = setup.env("FEIRA_SIMULATOR_SLOW", "50ms").start().await;
    let staff = mesh.admin().await;
    let articles = [staff.stocked(eur(1000), 100_000).await, staff.stocked(eur(250), 100_000).await];
    let shoppers = mesh.shoppers(SHOPPERS).await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let buying = shoppers.into_iter().enumerate().map(|(number, shopper)| {
        let (staff, articles, stopped) = (staff.client.clone(), articles.clone(), stopped.clone());
        tokio::spawn(async move {
            let mut turn = number;
            while !*stopped.borrow() {
                turn += 1;
                let (shopper, staff) = (shopper.client.at(turn), staff.at(turn));
                let article = &articles[turn % 2].id;
                let method = ["sim_approve", "sim_decline", "sim_approve", "sim_slow"][turn % 4];
                let order = if turn % 3 == 0 {
                    let Ok(basket) = shopper.add(article, 2).await else { continue };
                    shopper.pay(&basket.id, method).await
                } else {
                    shopper.order(article, 1, method).await
                };
                let Ok(order) = order else { continue };
                match turn % 5 {
                    0 => drop(shopper.cancel(&order.id).await),
                    1 => drop(staff.ship(&order.id).await),
                    2 => {
                        let request = RefundPaymentRequest {
                            id: order.payment_id.clone(),
                            amount: Some(eur(1)),
                            ..Default::default()
                        };
                        drop(staff.refund_payment(request).await);
                    }
                    _ => drop(shopper.pay(&order.id, "sim_approve").await),
                }
            }
            turn
        })
    });
    let buying = buying.collect::<Vec<_>>();
    let mut audits = 0;
    // However slow the machine is: often, and over something.
    within(Duration::from_secs(120), "the shop is at work", || {
        audits += 1;
        let staff = staff.client.at(audits);
        async move {
            let found = audit(&staff).await;
            assert!(found.ok, "{found:#?}");
            (audits >= AUDITS && found.checked > 100).then_some(())
        }
    })
    .await;
    stop.send(true).unwrap();
    for task in buying {
        task.await.expect("shoppers shop");
    }
    until("everything comes to rest", || async {
        let found = audit(&staff).await;
        assert!(found.ok, "{found:#?}");
        (found.in_flight == 0).then_some(())
    })
    .await;
}

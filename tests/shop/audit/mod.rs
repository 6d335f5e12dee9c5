//! The audit: it finds what was tampered with, all of it and nothing else, and is right while the shop is at
//! work.

mod tampering;

use std::time::Duration;

use contracts::{
    mesh::{VerifyAuditRequest, VerifyAuditResponse},
    order::{Order, OrderState},
    payment::{PaymentState, RefundPaymentRequest},
};
use kit::id::{ArticleId, Id};
use sea_orm::{ConnectionTrait, Database};

use crate::support::{Client, Code, Mesh, Refused, Setup, eur, process::Start, until, wait::within};

on_both_edges!(a_shop_in_order_has_no_violations, only_staff_audit);
tests!(
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

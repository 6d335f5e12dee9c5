//! Killed in the middle of checkouts and started again: every order comes to rest, no stock and no money is
//! lost or counted twice.

use std::{os::unix::process::ExitStatusExt, time::Duration};

use contracts::{
    mesh::VerifyAuditRequest,
    order::{ListOrdersRequest, Order, OrderState, ReopenOrderRequest},
    payment::{Payment, PaymentState},
};
use rustix::process::Signal;

use crate::support::{Mesh, Setup, Shopper, eur, money::cents, until, wait::within};

on_every_database!(a_mesh_killed_in_the_middle_of_checkouts_comes_to_rest);
tests!(an_order_survives_a_crash_at_every_fail_point, an_order_survives_a_crash_of_what_it_asks);

const ROUNDS: u64 = 3;
const SHOPPERS: usize = 12;

/// Covers: mesh.crash, order.checkout.
async fn a_mesh_killed_in_the_middle_of_checkouts_comes_to_rest(setup: Setup) {
    let backend = setup.backend;
    let mut setup = setup.env("FEIRA_PROVIDER_POLL_INTERVAL", "100ms");
    setup.more = 0;
    let mut mesh = setup.start().await;
    let staff = mesh.admin().await;
    let article = staff.stocked(eur(1000), 1000).await;
    let shoppers = mesh.shoppers(SHOPPERS).await;
    for round in 0..ROUNDS {
        let (staff, shoppers) =
            (again(&mesh, &staff), shoppers.iter().map(|it| again(&mesh, it)).collect::<Vec<_>>());
        let before = staff.list_orders(all()).await.unwrap().orders.len();
        let buying = shoppers.into_iter().enumerate().map(|(number, shopper)| {
            let id = article.id.clone();
            tokio::spawn(async move {
                let methods = ["sim_approve", "sim_slow", "sim_decline"];
                for turn in 0..50 {
                    let order = if turn % 2 == 0 {
                        shopper.order(&id, 1, methods[(number + turn) % 3]).await
                    } else {
                        let Ok(basket) = shopper.add(&id, 1).await else { return };
                        shopper.pay(&basket.id, methods[(number + turn) % 3]).await
                    };
                    let Ok(order) = order else { return };
                    if (number + turn) % 4 == 0 && shopper.cancel(&order.id).await.is_err() {
                        return;
                    }
                }
            })
        });
        let buying = buying.collect::<Vec<_>>();
        // Somewhere in the middle, each round a bit later.
        until("some orders are under way", || async {
            let Ok(orders) = staff.list_orders(all()).await else { return Some(()) };
            (orders.orders.len() >= before + 10 * (round as usize + 1)).then_some(())
        })
        .await;
        mesh.kill("feira-0");
        for task in buying {
            task.await.expect("shoppers give up when the shop is gone");
        }
        mesh.restart("feira-0");
    }

    let staff = again(&mesh, &staff);
    let orders = within(Duration::from_secs(60), "every order comes to rest", || async {
        let orders = staff.list_orders(all()).await.unwrap().body.orders;
        let mut rest = Vec::new();
        for order in orders {
            let payments = staff.payments(&order.id).await;
            if !at_rest(&order, &payments) {
                return None;
            }
            rest.push((order, payments));
        }
        Some(rest)
    })
    .await;
    println!("{backend:?}: {} orders in {ROUNDS} rounds", orders.len());
    let units = |states: &[OrderState]| {
        let those = orders.iter().filter(|(order, _)| states.contains(&order.state()));
        those
            .map(|(order, _)| order.lines.iter().map(|line| i64::from(line.quantity)).sum::<i64>())
            .sum::<i64>()
    };
    let (reserved, sold) = (units(&[OrderState::AwaitingPayment]), units(&[OrderState::Paid]));
    staff.until_stock(&article.id, (1000 - reserved - sold, reserved, sold)).await;
    for (order, _) in &orders {
        let history = staff.history(&order.id).await;
        let sequences = history.iter().map(|event| event.sequence).collect::<Vec<_>>();
        assert_eq!(sequences, (1..=history.len() as i64).collect::<Vec<_>>(), "without a gap");
        assert_eq!(history.last().unwrap().state(), order.state());
    }
}

/// Covers: mesh.crash, order.checkout.
async fn an_order_survives_a_crash_at_every_fail_point(setup: Setup) {
    let setup = setup.env("FEIRA_PROVIDER_POLL_INTERVAL", "100ms");
    // The simulated provider takes the money at once: captures of their own are left to the order service's own tests.
    let points = order::fail_points().filter(|point| !point.starts_with("order.capture."));
    let (expiring, others): (Vec<_>, Vec<_>) = points.partition(|point| point.starts_with("order.expire."));
    die_at(setup.clone(), &others).await;
    die_at(setup.env("FEIRA_PAYMENT_WINDOW", "1s"), &expiring).await;
}

/// Covers: mesh.crash, order.checkout.
async fn an_order_survives_a_crash_of_what_it_asks(setup: Setup) {
    let setup = setup.env("FEIRA_PROVIDER_POLL_INTERVAL", "100ms");
    // Left to the services' own tests: captures of their own (see above), and what happens to reservations of orders that
    // wait for long or are lost.
    let left = ["payment.capture.", "article.renew.", "article.expire."];
    let points = article::fail_points().chain(payment::fail_points());
    let points: Vec<_> = points.filter(|point| !left.iter().any(|left| point.starts_with(left))).collect();
    die_at(setup, &points).await;
}

/// A shop that dies at each of these fail points, once, and is started again.
async fn die_at(setup: Setup, points: &[&str]) {
    const FAIL_POINTS: &str = "FAILPOINTS";
    let mut mesh = setup.start().await;
    let staff = mesh.admin().await;
    let article = staff.stocked(eur(1000), 500).await;
    let (mut held, mut sold) = (0, 0);
    for point in points {
        mesh.stop("feira-0");
        mesh.restart_with("feira-0", FAIL_POINTS, &format!("{point}=1*return(die)"));
        let ada = mesh.shopper().await;
        let end = come_to(&ada, &article.id, point).await;
        let status = mesh.process("feira-0").ended();
        let signal = status.and_then(|status| status.signal());
        assert_eq!(signal, Some(Signal::ABORT.as_raw()), "{point} was not reached: {status:?}");

        mesh.restart_with("feira-0", FAIL_POINTS, "");
        let (staff, ada) = (again(&mesh, &staff), again(&mesh, &ada));
        let order = within(Duration::from_secs(60), "its order comes to rest", || async {
            let orders = ada.list_orders(all()).await.unwrap().body.orders;
            assert_eq!(orders.len(), 1, "{point}: one order was placed");
            let order = orders.into_iter().next()?;
            let payments = staff.payments(&order.id).await;
            (order.state() == end && at_rest(&order, &payments)).then_some(order)
        })
        .await;
        held += i64::from(end == OrderState::AwaitingPayment);
        sold += i64::from(end == OrderState::Paid);
        staff.until_stock(&article.id, (500 - held - sold, held, sold)).await;
        // What is still to be compensated would meet the next fail point.
        within(Duration::from_secs(60), "nothing is in flight", || async {
            let found = staff.verify_audit(VerifyAuditRequest {}).await.unwrap().body;
            (found.in_flight == 0).then_some(())
        })
        .await;
        let sequences: Vec<_> = staff.history(&order.id).await.iter().map(|event| event.sequence).collect();
        assert_eq!(sequences, (1..=sequences.len() as i64).collect::<Vec<_>>(), "{point}: without a gap");
        println!("{point}: died there; the order is {}", end.as_str_name());
    }
}

/// Does what leads to a fail point; how the order ends then. The process dies, so nobody is answered at the end.
async fn come_to(ada: &Shopper, article: &str, point: &str) -> OrderState {
    let order = async |quantity, method| ada.order(article, quantity, method).await;
    let parts: Vec<_> = point.split('.').collect();
    match (parts[1], parts[2]) {
        ("reserve", "committed") if parts[0] == "order" => {
            let _ = order(501, "sim_approve").await;
            OrderState::Cancelled
        }
        ("pay", "committed") => {
            let _ = order(1, "sim_decline").await;
            OrderState::AwaitingPayment
        }
        ("expire", _) => {
            let _ = order(1, "sim_action").await;
            OrderState::Expired
        }
        ("reopen" | "release" | "void", _) => {
            let id = order(1, "sim_action").await.unwrap().id.clone();
            let _ = ada.reopen_order(ReopenOrderRequest { id, ..Default::default() }).await;
            OrderState::Open
        }
        ("unreserve" | "unpay" | "restock" | "refund", _) => {
            let id = order(1, "sim_approve").await.unwrap().id.clone();
            let _ = ada.cancel(&id).await;
            OrderState::Cancelled
        }
        _ => {
            let _ = order(1, "sim_approve").await;
            OrderState::Paid
        }
    }
}

/// Whether nothing is under way any more, and the money is where the order says.
fn at_rest(order: &Order, payments: &[Payment]) -> bool {
    let settled = payments.iter().all(|payment| {
        use PaymentState::{Captured, Declined, Refunded, Voided};
        matches!(payment.state(), Captured | Declined | Refunded | Voided)
    });
    let held: i64 = payments.iter().map(|it| cents(&it.captured) - cents(&it.refunded)).sum();
    let charged = payments.iter().filter(|it| it.state() == PaymentState::Captured).count();
    assert!(charged <= 1, "charged once: {payments:#?}");
    let expected = match order.state() {
        OrderState::Paid => cents(&order.total),
        OrderState::AwaitingPayment if order.payment_failure.is_empty() => return false,
        OrderState::CheckingOut => return false,
        _ => 0,
    };
    settled && held == expected
}

fn all() -> ListOrdersRequest {
    ListOrdersRequest { page_size: 1000, ..Default::default() }
}

/// Somebody who is signed in, at a mesh that was started again.
fn again(mesh: &Mesh, who: &Shopper) -> Shopper {
    Shopper { client: mesh.client().signed_in(&who.tokens.access_token), ..who.clone() }
}

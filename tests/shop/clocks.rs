//! Clocks that are apart: within `--clock-leeway` nobody notices, beyond it everybody is told why.

use std::time::{Duration, Instant};

use contracts::{
    mesh::{Instance, ListInstancesRequest},
    order::OrderState,
    payment::RefundPaymentRequest,
};

use crate::support::{Backend, Client, Code, Edge, Refused, Setup, eur, until};

fn split() -> Setup {
    Setup::default().split().over(Edge::Rest)
}

each!(order_8_s_ahead: split().clock("order", 8); within_the_leeway_nobody_notices);
each!(order_59_s_behind: split().clock("order", -59); within_the_leeway_nobody_notices);
each!(user_59_s_ahead: split().clock("user", 59); within_the_leeway_nobody_notices);
each!(with_a_leeway_of_5_s: split().clock("order", 8).env("FEIRA_CLOCK_LEEWAY", "5s");
    beyond_the_leeway_everybody_is_told_why);
each!(by_default: split().clock("order", 130); beyond_the_leeway_everybody_is_told_why);
each!(with_a_leeway_of_3_min: split().clock("order", 130).env("FEIRA_CLOCK_LEEWAY", "3m");
    within_the_leeway_nobody_notices);

fn two(seconds: i64) -> Setup {
    let replicas = Setup::default().on(Backend::Postgres).replicas(2).clock("feira-1", seconds);
    replicas.env("FEIRA_HEARTBEAT_INTERVAL", "500ms")
}

each!(replicas_16_s_behind: two(-16); replicas_with_clocks_apart_are_healthy_and_sell);
each!(replicas_59_s_behind: two(-59); replicas_with_clocks_apart_are_healthy_and_sell);
each!(replicas_59_s_ahead: two(59); replicas_with_clocks_apart_are_healthy_and_sell);

async fn instances(staff: &Client) -> Vec<Instance> {
    staff.list_instances(ListInstancesRequest::default()).await.unwrap().body.instances
}

/// Covers: access, mesh.split.
async fn within_the_leeway_nobody_notices(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    ada.add(&article.id, 1).await.unwrap();
    let begun = Instant::now();
    let order = ada.pay("open", "").await.unwrap();
    let order = ada.until(&order.id, OrderState::Paid).await;
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    let refund = RefundPaymentRequest { id: order.payment_id.clone(), ..Default::default() };
    staff.refund_payment(refund).await.unwrap();
    until("the refund is the order's", || async {
        ada.see(&order.id).await.refunded.filter(|refunded| refunded.units == 1)
    })
    .await;
    until("all are healthy", || async {
        let instances = instances(&staff).await;
        (instances.len() == 6 && instances.iter().all(|it| it.healthy)).then_some(())
    })
    .await;
}

/// Covers: access, mesh.split.
async fn beyond_the_leeway_everybody_is_told_why(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    let refusal = ada.add(&article.id, 1).await.refused(Code::Unavailable, "CLOCK_SKEW");
    assert_eq!(refusal.http.unwrap().as_u16(), 503);
    assert!(
        refusal.message.contains("clocks") && refusal.message.contains("FEIRA_CLOCK_LEEWAY"),
        "{refusal:?}"
    );
    assert!(refusal.info("seconds").parse::<i64>().is_ok_and(|seconds| seconds > 5), "{refusal:?}");
    let log = ["user", "article"].map(|role| mesh.process(role).stderr()).concat();
    let told = log.lines().filter(|line| line.contains("clock.skew")).count();
    assert!((1..=2).contains(&told), "operators are told, and not once for every call:\n{log}");
    // Stock and money cannot be asked of a role that nobody can talk to.
    mesh.kill("order");
}

/// Covers: mesh.instances.
async fn replicas_with_clocks_apart_are_healthy_and_sell(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 100).await;
    for at in 0..6 {
        let (begun, ada) = (Instant::now(), ada.at(at));
        let order = ada.order(&article.id, 1, "sim_approve").await.unwrap();
        assert_eq!(order.state(), OrderState::Paid, "at {at}: answered with the end");
        assert!(begun.elapsed() < Duration::from_secs(4), "at {at}: {:?}", begun.elapsed());
    }
    for at in 0..2 {
        let staff = staff.at(at);
        let twelve = until("each knows of both", || async {
            Some(instances(&staff).await).filter(|all| all.len() == 12)
        });
        assert!(twelve.await.iter().all(|it| it.healthy), "at {at}");
    }
    // For longer than three beats: whoever was just met has the benefit of the doubt.
    let since = Instant::now();
    until("they stay healthy", || async {
        let all = instances(&staff).await;
        assert!(all.len() == 12 && all.iter().all(|it| it.healthy), "{all:#?}");
        (since.elapsed() > Duration::from_secs(2)).then_some(())
    })
    .await;
    mesh.kill("feira-1");
    let since = Instant::now();
    until("six are not healthy", || async {
        (instances(&staff).await.iter().filter(|it| !it.healthy).count() == 6).then_some(())
    })
    .await;
    until("and then they are gone", || async { (instances(&staff).await.len() == 6).then_some(()) }).await;
    assert!(since.elapsed() < Duration::from_secs(15), "{:?}", since.elapsed());
}

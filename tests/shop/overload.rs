//! More orders at once than can be handled: some are taken, the others are told at once to come again, and leave nothing.

use std::time::{Duration, Instant};

use contracts::order::{ListOrdersRequest, OrderState};

use crate::support::{Code, Edge, Refused, Setup, at_once, eur, shop::new_order};

on_both_edges!(whoever_is_too_many_is_told_at_once_and_leaves_nothing);

const AT_ONCE: usize = 60;

/// Covers: order.place, order.checkout, idempotency.
async fn whoever_is_too_many_is_told_at_once_and_leaves_nothing(setup: Setup) {
    let mesh = setup.env("FEIRA_MAX_CHECKOUTS", "2").start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 1000).await;
    let placed = at_once(AT_ONCE, |number| {
        let client = ada.client.with_key(&format!("order-{number}")).impatient();
        let request = new_order(&article.id, 1, "sim_approve");
        async move {
            let asked = Instant::now();
            (client.create_order(request).await, asked.elapsed())
        }
    })
    .await;
    let (mut taken, mut again) = (0, Vec::new());
    for (number, (outcome, after)) in placed.into_iter().enumerate() {
        if outcome.is_ok() {
            taken += 1;
            continue;
        }
        let refusal = outcome.refused(Code::Unavailable, "OVERLOADED");
        assert!(after < Duration::from_secs(3), "{after:?}");
        assert!(refusal.info("order_id").is_empty(), "{refusal:?}");
        again.push(number);
    }
    assert!(taken >= 2 && again.len() >= AT_ONCE / 2, "{taken} taken, {} refused", again.len());
    let all = ListOrdersRequest { page_size: 1000, ..Default::default() };
    let orders = ada.list_orders(all.clone()).await.unwrap().body.orders;
    assert_eq!(orders.len(), taken, "who was turned away left no order");
    assert!(orders.iter().all(|order| order.state() == OrderState::Paid), "{orders:#?}");
    staff.until_stock(&article.id, (1000 - taken as i64, 0, taken as i64)).await;

    if mesh.setup.edge == Edge::Rest {
        let replies = at_once(20, |number| {
            let http = ada.client.http().with("idempotency-key", &format!("late-{number}"));
            let body = serde_json::json!({
                "lines": [{ "articleId": article.id, "quantity": 1 }],
                "address": { "recipient": "Ada", "lines": ["1"], "postalCode": "1", "city": "L", "countryCode": "PT" },
            });
            async move { http.post("/v1/orders", body).await }
        })
        .await;
        let refused = replies.iter().filter(|reply| reply.status.as_u16() == 503).collect::<Vec<_>>();
        assert!(!refused.is_empty());
        for reply in refused {
            let seconds = reply.header("retry-after").parse::<u32>().unwrap();
            assert!((1..=10).contains(&seconds), "{reply:?}");
        }
        taken += replies.iter().filter(|reply| reply.status.is_success()).count();
    }

    // With the same keys, until each is taken: none was answered before.
    for number in &again {
        let client = ada.client.with_key(&format!("order-{number}"));
        let order = client.create_order(new_order(&article.id, 1, "sim_approve")).await.unwrap();
        assert!(!order.headers.contains_key("idempotency-replayed"), "the key was not stored");
    }
    taken += again.len();
    let orders = ada.list_orders(all).await.unwrap().body.orders;
    assert_eq!(orders.len(), taken);
    staff.until_stock(&article.id, (1000 - taken as i64, 0, taken as i64)).await;
}

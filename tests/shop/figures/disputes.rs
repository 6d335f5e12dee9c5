//! Disputes.

use contracts::payment::{DisputeState, PaymentState};

use crate::support::{
    Setup, eur,
    money::cents,
    stripe::{Shop, deliver},
};

use super::{audited, balance, dispute, disputes, notes};

on_both_edges!(a_dispute_moves_its_money_out_and_back);
tests!(a_lost_dispute_is_lost_in_whatever_order_it_is_told);

/// Covers: payment.disputes, payment.ledger, mesh.audit.
async fn a_dispute_moves_its_money_out_and_back(setup: Setup) {
    let shop = Shop::open(setup).await;
    let (edge, payment) = (shop.mesh.http(), shop.paid().await);
    let see = async || {
        let seen = shop.ada.payments(&payment.order_id).await.remove(0);
        let held = balance(&shop.staff, &payment.id, "provider:stripe").await;
        (
            seen.flags.join(","),
            cents(&seen.disputed),
            held,
            balance(&shop.staff, &payment.id, "disputed").await,
        )
    };
    let tell = async |what: &str, status: &str| {
        deliver(&edge, &dispute(&shop, &payment, what, status)).await.expect(204);
        audited(&shop.staff).await;
    };
    tell("created", "needs_response").await;
    assert_eq!(see().await, ("DISPUTED".to_owned(), 0, 1000, 0));
    tell("funds_withdrawn", "needs_response").await;
    assert_eq!(see().await, ("DISPUTED".to_owned(), 1000, 0, 1000));
    let open = disputes(&shop, &payment).await;
    assert_eq!((open.len(), open[0].state(), open[0].withdrawn), (1, DisputeState::Open, true));
    assert_eq!((open[0].amount.clone(), open[0].reason.as_str()), (Some(eur(1000)), "FRAUDULENT"));
    tell("closed", "won").await;
    tell("funds_reinstated", "won").await;
    assert_eq!(see().await, (String::new(), 0, 1000, 0));
    let won = disputes(&shop, &payment).await;
    assert_eq!((won.len(), won[0].state(), won[0].withdrawn), (1, DisputeState::Won, false));
    let seen = shop.ada.payments(&payment.order_id).await.remove(0);
    assert_eq!(seen.state(), PaymentState::Captured);
    assert!(notes(&shop.staff, &payment.id).await.contains("flagged DISPUTED"));
}

/// Covers: payment.disputes, payment.ledger, mesh.audit.
async fn a_lost_dispute_is_lost_in_whatever_order_it_is_told(setup: Setup) {
    let shop = Shop::open(setup).await;
    let edge = shop.mesh.http();
    let told = [("created", "needs_response"), ("funds_withdrawn", "under_review"), ("closed", "lost")];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 2, 2]] {
        let payment = shop.paid().await;
        for (what, status) in order.iter().chain(&order).map(|&place| told[place]) {
            deliver(&edge, &dispute(&shop, &payment, what, status)).await.expect(204);
        }
        let seen = shop.ada.payments(&payment.order_id).await.remove(0);
        assert_eq!(
            (seen.flags.join(",").as_str(), cents(&seen.disputed)),
            ("DISPUTE_LOST", 1000),
            "{order:?}"
        );
        assert_eq!(balance(&shop.staff, &payment.id, "disputed").await, 1000);
        assert_eq!(disputes(&shop, &payment).await[0].state(), DisputeState::Lost);
        audited(&shop.staff).await;
    }
    // Of another shop that uses the account.
    let mut foreign = dispute(&shop, &shop.paid().await, "created", "needs_response");
    foreign["data"]["object"]["payment_intent"] = "pi_of_somebody_else".into();
    deliver(&edge, &foreign).await.expect(204);
}

//! Whether an order, its stock and its money agree.

use contracts::{article::ReservationState, payment::PaymentState};
use kit::{Fault, Reason, id::OrderId};

use super::{
    shop::{Process, is_replayed},
    story::{Run, Story},
    world::World,
};
use crate::domain::{State, totals};

/// Whether the order has ended where its story says, the books agree, and the key has its answer.
pub async fn check(process: &Process, world: &World, run: &Run, id: OrderId) {
    agree(process, world, run, id).await;
    let view = process.view(id).await;
    let payments = world.books().payments.len();
    match run.story {
        // Nobody asked for it.
        Story::Expire => return,
        // What changed nothing is not kept: the same key is a new try.
        Story::Short => {
            let refused = Fault::of(&run.act(process).await.unwrap().unwrap_err());
            assert_eq!(refused.reason, Reason::OutOfStock);
        }
        Story::CreateShort => {
            let refused = Fault::of(&run.act(process).await.unwrap().unwrap_err());
            assert_eq!(
                (refused.reason, refused.value("order_id")),
                (Reason::OutOfStock, Some(&*id.to_string()))
            );
        }
        _ => {
            let again = run.act(process).await.unwrap().expect("the answer of the first call");
            assert!(is_replayed(&again), "{again:?}");
            assert_eq!(again.get_ref().id, id.to_string());
            if run.story != Story::ReopenAndBack {
                assert_eq!(again.get_ref().etag, view.order.version.to_string(), "it is the order's end");
            }
        }
    }
    assert_eq!(world.books().payments.len(), payments, "nothing is paid twice");
    agree(process, world, run, id).await;
}

/// Whether order, article and payment say the same.
async fn agree(process: &Process, world: &World, run: &Run, id: OrderId) {
    let view = process.view(id).await;
    let order = &view.order;
    assert_eq!(order.state, run.story.end());
    let name = id.to_string();
    let books = world.books().clone();
    // Stock: what is held or sold belongs to this order's try, and to nothing else.
    let (mut held, mut sold) = (Vec::new(), Vec::new());
    for ((of, attempt), (state, units)) in &books.reservations {
        assert_eq!(*of, name);
        match state {
            ReservationState::Held => held.push((*attempt, *units)),
            ReservationState::Committed => sold.push((*attempt, *units)),
            _ => {}
        }
    }
    let due = |state| if order.state == state { vec![(order.attempt, 2)] } else { Vec::new() };
    assert_eq!(held, due(State::AwaitingPayment), "{books:?}");
    assert_eq!(sold, due(State::Paid), "{books:?}");
    // Money: a paid order has one capture, and nothing else has money.
    let total = totals(&view.lines, &view.adjustments).unwrap().unwrap().total;
    let mut captured = Vec::new();
    for (payment, paid) in &books.payments {
        assert_eq!(paid.shown.order_id, name);
        assert!(paid.captures <= 1 && paid.refunds.len() <= 1, "{paid:?}");
        match paid.shown.state() {
            PaymentState::Captured => captured.push((payment.clone(), paid.shown.captured.clone())),
            PaymentState::Refunded | PaymentState::Voided | PaymentState::Declined => {}
            PaymentState::Processing => assert_eq!(order.state, State::AwaitingPayment, "{paid:?}"),
            other => panic!("a payment is left {other:?}"),
        }
    }
    let due = match order.state {
        State::Paid if total.minor > 0 => vec![(order.payment_id.unwrap().to_string(), Some(total.into()))],
        _ => Vec::new(),
    };
    assert_eq!(captured, due, "{books:?}");
    let history = process.history(id).await;
    let numbers: Vec<_> = history.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=history.len() as i64).collect::<Vec<_>>(), "without a gap");
    assert_eq!(history.last().map(|(_, state)| *state), Some(order.state));
    if order.state == State::Paid {
        let states: Vec<_> = history.iter().map(|(_, state)| *state).collect();
        assert!(states.ends_with(&[State::CheckingOut, State::AwaitingPayment, State::Paid]), "{states:?}");
    }
}

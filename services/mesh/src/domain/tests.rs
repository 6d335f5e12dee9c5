//! Each equation, where it holds and where it does not.

use contracts::{
    article::ReservationState,
    mesh::{OrderFacts, OrderFigures, PaymentFacts, ReservationFacts, Units},
    order::OrderState,
    payment::PaymentState,
};
use proptest::prelude::*;

use super::judge;

const STATES: [OrderState; 8] = [
    OrderState::Open,
    OrderState::CheckingOut,
    OrderState::AwaitingPayment,
    OrderState::Paid,
    OrderState::Shipped,
    OrderState::Delivered,
    OrderState::Cancelled,
    OrderState::Expired,
];
const SETTLED: [OrderState; 3] = [OrderState::Paid, OrderState::Shipped, OrderState::Delivered];

fn lines(quantity: i64) -> Vec<Units> {
    vec![Units { article_id: "art_1".to_owned(), quantity, returned: 0 }]
}

fn reservation(attempt: i32, state: ReservationState) -> ReservationFacts {
    ReservationFacts { attempt, version: 1, state: state.into(), lines: lines(2) }
}

fn payment(id: &str, captured: i64, refunded: i64, refund_pending: i64) -> PaymentFacts {
    PaymentFacts {
        payment_id: id.to_owned(),
        version: 1,
        state: PaymentState::Captured.into(),
        currency: "EUR".to_owned(),
        captured_minor: captured,
        refunded_minor: refunded,
        refund_pending_minor: refund_pending,
        update_micros: 7,
    }
}

/// An order in a state, with neither stock nor money.
fn bare(state: OrderState) -> OrderFigures {
    let order = OrderFacts {
        version: 1,
        state: state.into(),
        attempt: 1,
        payment_id: "pay_1".to_owned(),
        total_minor: 500,
        heard_micros: 7,
        currency: "EUR".to_owned(),
        lines: lines(2),
        ..Default::default()
    };
    OrderFigures { order_id: "ord_1".to_owned(), order: Some(order), ..Default::default() }
}

/// One as it should be.
fn sound(state: OrderState) -> OrderFigures {
    let mut figures = bare(state);
    match state {
        OrderState::CheckingOut | OrderState::AwaitingPayment => {
            figures.reservations.push(reservation(1, ReservationState::Held));
        }
        state if SETTLED.contains(&state) => {
            figures.reservations.push(reservation(1, ReservationState::Committed));
            figures.payments.push(payment("pay_1", 500, 0, 0));
        }
        _ => {}
    }
    figures
}

fn order(figures: &mut OrderFigures) -> &mut OrderFacts {
    figures.order.as_mut().unwrap()
}

/// The equations that do not hold, each with what else than the order it is about.
fn broken(figures: &OrderFigures) -> Vec<(String, Vec<String>)> {
    let violations = judge(figures).violations.into_iter();
    violations
        .map(|violation| {
            assert_eq!(violation.ids[0], "ord_1");
            (violation.equation, violation.ids[1..].to_vec())
        })
        .collect()
}

fn one(equation: &str, about: &[&str]) -> Vec<(String, Vec<String>)> {
    vec![(equation.to_owned(), about.iter().map(|id| (*id).to_owned()).collect())]
}

#[test]
fn an_order_as_it_should_be_breaks_nothing_in_any_state() {
    for state in STATES {
        let judgement = judge(&sound(state));
        assert_eq!((judgement.violations, judgement.in_flight), (vec![], false), "{state:?}");
    }
}

#[test]
fn stock_is_held_for_orders_that_wait_and_for_no_others() {
    for state in STATES {
        let mut figures = sound(state);
        figures.reservations.push(reservation(2, ReservationState::Held));
        assert_eq!(broken(&figures), one("order_reserved", &[]), "{state:?}");
        order(&mut figures).undo_attempts.push(2);
        let judgement = judge(&figures);
        assert_eq!((judgement.violations, judgement.in_flight), (vec![], true), "{state:?}");
    }
}

#[test]
fn what_is_held_are_the_orders_own_lines() {
    let mut figures = sound(OrderState::AwaitingPayment);
    figures.reservations[0].lines = lines(3);
    assert_eq!(broken(&figures), one("order_reserved", &[]));
}

#[test]
fn stock_is_sold_by_orders_that_are_paid_and_by_no_others() {
    for state in STATES.into_iter().filter(|state| !SETTLED.contains(state)) {
        let mut figures = bare(state);
        figures.reservations.push(reservation(1, ReservationState::Committed));
        assert_eq!(broken(&figures), one("order_sold", &[]), "{state:?}");
    }
    for state in SETTLED {
        let mut figures = sound(state);
        figures.reservations.clear();
        assert_eq!(broken(&figures), one("order_sold", &[]), "{state:?}");
        let mut figures = sound(state);
        figures.reservations[0].lines = lines(1);
        assert_eq!(broken(&figures), one("order_sold", &[]), "{state:?}");
    }
}

#[test]
fn stock_may_be_sold_while_the_checkout_that_sells_it_goes_on() {
    let mut figures = bare(OrderState::AwaitingPayment);
    figures.reservations.push(reservation(1, ReservationState::Committed));
    figures.payments.push(payment("pay_1", 500, 0, 0));
    order(&mut figures).under_way = true;
    let judgement = judge(&figures);
    assert_eq!((judgement.violations, judgement.in_flight), (vec![], true));
}

#[test]
fn a_paid_order_has_a_payment_that_captured_its_total() {
    for state in SETTLED {
        for wrong in [
            payment("pay_1", 499, 0, 0),
            payment("pay_1", 0, 0, 0),
            PaymentFacts { currency: "USD".to_owned(), ..payment("pay_1", 500, 0, 0) },
        ] {
            let mut figures = sound(state);
            figures.payments = vec![wrong];
            assert_eq!(broken(&figures), one("order_paid", &["pay_1"]), "{state:?}");
        }
        let mut figures = sound(state);
        figures.payments = vec![payment("pay_1", 500, 500, 0)];
        order(&mut figures).refunded_minor = 500;
        assert_eq!(broken(&figures), [], "what was given back later was still captured");
    }
}

#[test]
fn an_order_says_what_was_given_back_of_its_payment_and_came_back_of_its_lines() {
    for state in SETTLED {
        let mut figures = sound(state);
        figures.payments = vec![payment("pay_1", 500, 200, 0)];
        assert_eq!(broken(&figures), one("order_refunds", &["pay_1"]), "{state:?}");
        order(&mut figures).heard_micros = 6;
        let judgement = judge(&figures);
        assert_eq!((judgement.violations, judgement.in_flight), (vec![], true), "it has yet to hear of it");
        order(&mut figures).refunded_minor = 200;
        assert_eq!(broken(&figures), []);
        figures.reservations[0].lines[0].returned = 1;
        assert_eq!(broken(&figures), one("order_returned", &[]), "{state:?}");
        assert!(judge(&figures).may_be_late);
        figures.reservations.push(reservation(2, ReservationState::Held));
        assert!(!judge(&figures).may_be_late, "that does not depend on an event");
        figures.reservations.pop();
        order(&mut figures).lines[0].returned = 1;
        assert_eq!(broken(&figures), []);
    }
    // Of a payment that it does not wait for it says nothing.
    let mut figures = sound(OrderState::Paid);
    figures.payments.push(payment("pay_2", 500, 500, 0));
    assert_eq!(broken(&figures), []);
}

#[test]
fn what_costs_nothing_is_paid_without_a_payment() {
    let mut figures = sound(OrderState::Paid);
    figures.payments.clear();
    *order(&mut figures) =
        OrderFacts { total_minor: 0, payment_id: String::new(), ..order(&mut figures).clone() };
    assert_eq!(broken(&figures), []);
}

#[test]
fn money_of_an_order_that_does_not_wait_is_given_back_or_flagged() {
    for state in [OrderState::Open, OrderState::CheckingOut, OrderState::Cancelled, OrderState::Expired] {
        let mut figures = sound(state);
        figures.payments = vec![payment("pay_1", 500, 100, 0)];
        order(&mut figures).refunded_minor = 100;
        assert_eq!(broken(&figures), one("order_refunded", &["pay_1"]), "{state:?}");
        figures.payments = vec![payment("pay_1", 500, 100, 400)];
        assert!(judge(&figures).violations.is_empty() && judge(&figures).in_flight, "on its way back");
        figures.payments = vec![payment("pay_1", 500, 500, 0)];
        order(&mut figures).refunded_minor = 500;
        assert!(judge(&figures).violations.is_empty() && !judge(&figures).in_flight, "given back");
        figures.payments = vec![payment("pay_1", 500, 0, 0)];
        order(&mut figures).refunded_minor = 0;
        order(&mut figures).undo_payment_ids.push("pay_1".to_owned());
        assert!(judge(&figures).violations.is_empty() && judge(&figures).in_flight, "to be given back");
        order(&mut figures).undo_payment_ids.clear();
        order(&mut figures).flagged_payment_ids.push("pay_1".to_owned());
        assert!(judge(&figures).violations.is_empty() && !judge(&figures).in_flight, "staff knows");
    }
}

#[test]
fn money_that_has_come_for_an_order_that_waits_is_in_flight() {
    let mut figures = sound(OrderState::AwaitingPayment);
    figures.payments.push(payment("pay_1", 500, 0, 0));
    let judgement = judge(&figures);
    assert_eq!((judgement.violations, judgement.in_flight), (vec![], true));
}

#[test]
fn a_checkout_that_goes_on_may_have_paid_and_sold_before_it_says_so() {
    for state in [OrderState::CheckingOut, OrderState::AwaitingPayment] {
        let mut figures = sound(state);
        figures.payments.push(payment("pay_1", 500, 0, 0));
        figures.reservations = vec![reservation(1, ReservationState::Committed)];
        order(&mut figures).under_way = true;
        let judgement = judge(&figures);
        assert_eq!((judgement.violations, judgement.in_flight), (vec![], true), "{state:?}");
        // Another payment's money is not this order's, whatever goes on.
        figures.payments[0].payment_id = "pay_2".to_owned();
        assert_eq!(broken(&figures), one("order_refunded", &["pay_2"]), "{state:?}");
    }
}

#[test]
fn an_order_is_charged_once() {
    let mut figures = sound(OrderState::Paid);
    figures.payments.push(payment("pay_2", 500, 0, 0));
    let mut expected = one("order_refunded", &["pay_2"]);
    expected.extend(one("order_charged_once", &["pay_1", "pay_2"]));
    assert_eq!(broken(&figures), expected);
}

#[test]
fn what_nobody_ordered_is_neither_held_nor_sold_nor_charged() {
    let mut figures = OrderFigures { order_id: "ord_1".to_owned(), ..Default::default() };
    assert_eq!(broken(&figures), []);
    figures.reservations.push(reservation(1, ReservationState::Held));
    assert_eq!(broken(&figures), one("order_reserved", &[]));
    figures.reservations = vec![reservation(1, ReservationState::Committed)];
    assert_eq!(broken(&figures), one("order_sold", &[]));
    figures.reservations.clear();
    figures.payments.push(payment("pay_1", 1, 0, 0));
    assert_eq!(broken(&figures), one("order_refunded", &["pay_1"]));
}

proptest! {
    /// Whatever there is, money that is nowhere accounted for is seen.
    #[test]
    fn no_money_is_kept_unseen(
        state in 0usize..8,
        captured in 0i64..1_000,
        refunded in 0i64..1_000,
        under_way: bool,
    ) {
        let refunded = refunded.min(captured);
        let mut figures = sound(STATES[state]);
        order(&mut figures).under_way = under_way;
        figures.payments.push(payment("pay_9", captured, refunded, 0));
        let seen = broken(&figures).contains(&one("order_refunded", &["pay_9"])[0]);
        prop_assert_eq!(seen, captured > refunded);
    }
}

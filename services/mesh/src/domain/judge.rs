//! The equations between services, over what they know of one order.
//!
//! | the order is | it may hold stock | it may have sold stock | it may keep money |
//! |---|---|---|---|
//! | OPEN | no | no | no |
//! | CHECKING_OUT | its current reservation | while its checkout goes on | of its payment, while its checkout goes on |
//! | AWAITING_PAYMENT | its current reservation | while its checkout goes on | of the payment that it waits for |
//! | PAID, SHIPPED, DELIVERED | no | its current reservation, always | of the payment that paid it |
//! | CANCELLED, EXPIRED | no | no | no |
//!
//! What is written down as to be undone is excused until it is undone.

use contracts::{
    article::ReservationState,
    mesh::{OrderFacts, OrderFigures, PaymentFacts, ReservationFacts, Units, Violation},
    order::OrderState,
};

/// What is to be said of one order.
#[derive(Debug, Default, PartialEq)]
pub struct Judgement {
    pub violations: Vec<Violation>,
    /// Something of it is under way.
    pub in_flight: bool,
    /// All that is wrong is that the order differs from the services whose events it applies: an event may be on its way.
    pub may_be_late: bool,
}

/// Judges what article, order and payment know of one order.
pub fn judge(figures: &OrderFigures) -> Judgement {
    let unknown = OrderFacts::default();
    let order = figures.order.as_ref().unwrap_or(&unknown);
    let mut violations = Vec::new();
    let mut add = |equation: &str, about: &[&str], detail: String| {
        let ids = std::iter::once(&*figures.order_id).chain(about.iter().copied());
        let ids = ids.map(str::to_owned).collect();
        violations.push(Violation { equation: equation.to_owned(), ids, detail });
    };
    for reservation in &figures.reservations {
        if let Some((equation, problem)) = misplaced(order, reservation) {
            add(equation, &[], format!("{}: {problem}", reservation_of(order, reservation)));
        }
    }
    if is_settled(order) && !figures.reservations.iter().any(|it| is_current(order, it) && is_sold(it)) {
        add("order_sold", &[], format!("{}, but none of its stock is sold", word(order)));
    }
    if is_settled(order) && !is_free(order) && !figures.payments.iter().any(|payment| pays(order, payment)) {
        let captured = figures.payments.iter().find(|payment| payment.payment_id == order.payment_id);
        let captured = captured.map_or("never made".to_owned(), |payment| {
            format!("captured {} {}", payment.captured_minor, payment.currency)
        });
        let detail = format!(
            "{}, its total {} {}, its payment {captured}",
            word(order),
            order.total_minor,
            order.currency
        );
        add("order_paid", &[&order.payment_id], detail);
    }
    for payment in figures.payments.iter().filter(|payment| is_kept(payment)) {
        if !may_keep(order, payment) && !is_excused(order, payment) {
            let detail = format!(
                "{}, but the payment keeps {} {} of {} captured",
                word(order),
                kept(payment),
                payment.currency,
                payment.captured_minor
            );
            add("order_refunded", &[&payment.payment_id], detail);
        }
    }
    let differs = figures.payments.iter().find(|payment| is_told_otherwise(order, payment));
    if let Some(payment) = differs.filter(|payment| has_heard(order, payment)) {
        let detail = format!(
            "{} and says that {} {currency} of its payment were given back, the payment that it was {} {currency}",
            word(order),
            order.refunded_minor,
            payment.refunded_minor,
            currency = payment.currency,
        );
        add("order_refunds", &[&payment.payment_id], detail);
    }
    for reservation in figures.reservations.iter().filter(|it| is_current(order, it) && is_sold(it)) {
        if is_settled(order) && has_lines_of(order, reservation) && order.lines != reservation.lines {
            add(
                "order_returned",
                &[],
                format!("{}, but other units came back", reservation_of(order, reservation)),
            );
        }
    }
    let twice: Vec<&PaymentFacts> =
        figures.payments.iter().filter(|payment| is_kept(payment) && !is_excused(order, payment)).collect();
    if twice.len() > 1 {
        let ids: Vec<&str> = twice.iter().map(|payment| &*payment.payment_id).collect();
        let sums: Vec<String> =
            twice.iter().map(|payment| format!("{} {}", kept(payment), payment.currency)).collect();
        add("order_charged_once", &ids, format!("{}, and payments keep {}", word(order), sums.join(" and ")));
    }
    // Money that went back of which the order has yet to hear.
    let in_flight = is_in_flight(order, &figures.payments) || differs.is_some();
    let follows = |violation: &Violation| FOLLOWS.contains(&&*violation.equation);
    let may_be_late = violations.iter().all(follows);
    Judgement { violations, in_flight, may_be_late }
}

/// What holds as soon as the order has applied the events of the others; nobody can say whether it has yet.
const FOLLOWS: [&str; 1] = ["order_returned"];

/// Whether it is the order's payment, of which something else was given back than the order says.
fn is_told_otherwise(order: &OrderFacts, payment: &PaymentFacts) -> bool {
    payment.payment_id == order.payment_id
        && payment.currency == order.currency
        && payment.refunded_minor != order.refunded_minor
}

/// Whether there is nothing of a payment that the order has yet to hear.
fn has_heard(order: &OrderFacts, payment: &PaymentFacts) -> bool {
    order.heard_micros >= payment.update_micros
}

/// Which equation a reservation breaks, and how.
fn misplaced(order: &OrderFacts, reservation: &ReservationFacts) -> Option<(&'static str, &'static str)> {
    if order.undo_attempts.contains(&reservation.attempt) {
        return None;
    }
    let (equation, allowed) = match reservation.state() {
        ReservationState::Held => ("order_reserved", waits_for_stock(order)),
        ReservationState::Committed => {
            ("order_sold", is_settled(order) || (waits_for_stock(order) && order.under_way))
        }
        _ => return None,
    };
    match () {
        () if !allowed => Some((equation, "it may have none")),
        () if !is_current(order, reservation) => Some((equation, "that is not its reservation any more")),
        () if !has_lines_of(order, reservation) => Some((equation, "its lines are others")),
        () => None,
    }
}

fn waits_for_stock(order: &OrderFacts) -> bool {
    matches!(order.state(), OrderState::CheckingOut | OrderState::AwaitingPayment)
}

fn is_settled(order: &OrderFacts) -> bool {
    matches!(order.state(), OrderState::Paid | OrderState::Shipped | OrderState::Delivered)
}

fn is_current(order: &OrderFacts, reservation: &ReservationFacts) -> bool {
    order.attempt == reservation.attempt
}

fn is_sold(reservation: &ReservationFacts) -> bool {
    reservation.state() == ReservationState::Committed
}

/// Both services report lines in the order of their articles.
fn has_lines_of(order: &OrderFacts, reservation: &ReservationFacts) -> bool {
    let units = |lines: &[Units]| {
        lines.iter().map(|line| (line.article_id.clone(), line.quantity)).collect::<Vec<_>>()
    };
    units(&order.lines) == units(&reservation.lines)
}

/// What a payment took and has not given back, nor is about to.
fn kept(payment: &PaymentFacts) -> i64 {
    payment.captured_minor - payment.refunded_minor - payment.refund_pending_minor
}

fn is_kept(payment: &PaymentFacts) -> bool {
    kept(payment) > 0
}

/// What costs nothing is paid without a payment.
fn is_free(order: &OrderFacts) -> bool {
    order.total_minor == 0 && order.payment_id.is_empty()
}

fn pays(order: &OrderFacts, payment: &PaymentFacts) -> bool {
    payment.payment_id == order.payment_id
        && payment.currency == order.currency
        && payment.captured_minor >= order.total_minor
}

fn may_keep(order: &OrderFacts, payment: &PaymentFacts) -> bool {
    let paying = order.state() == OrderState::CheckingOut && order.under_way;
    (is_settled(order) || order.state() == OrderState::AwaitingPayment || paying)
        && payment.payment_id == order.payment_id
}

/// It is to be refunded, or it is flagged for staff because it could not be.
fn is_excused(order: &OrderFacts, payment: &PaymentFacts) -> bool {
    order.undo_payment_ids.contains(&payment.payment_id)
        || order.flagged_payment_ids.contains(&payment.payment_id)
}

/// A checkout goes on, something is to be undone, or money has come of which the order has yet to hear.
fn is_in_flight(order: &OrderFacts, payments: &[PaymentFacts]) -> bool {
    let has_come = order.state() == OrderState::AwaitingPayment
        && payments.iter().any(|payment| payment.payment_id == order.payment_id && is_kept(payment));
    let goes_back = payments.iter().any(|payment| payment.refund_pending_minor > 0);
    order.under_way
        || !order.undo_attempts.is_empty()
        || !order.undo_payment_ids.is_empty()
        || has_come
        || goes_back
}

fn word(order: &OrderFacts) -> String {
    match order.state() {
        OrderState::Unspecified => "there is no such order".to_owned(),
        state => format!("the order is {}", state.as_str_name().trim_start_matches("ORDER_STATE_")),
    }
}

fn reservation_of(order: &OrderFacts, reservation: &ReservationFacts) -> String {
    let holds = if is_sold(reservation) { "has sold" } else { "holds" };
    let unit = |line: &Units| match line.returned {
        0 => format!("{} of {}", line.quantity, line.article_id),
        returned => format!("{} of {}, {returned} of which came back", line.quantity, line.article_id),
    };
    let units = |lines: &[Units]| lines.iter().map(unit).collect::<Vec<_>>().join("; ");
    format!(
        "{} (reservation {}: {}), and reservation {} {holds} {}",
        word(order),
        order.attempt,
        units(&order.lines),
        reservation.attempt,
        units(&reservation.lines)
    )
}

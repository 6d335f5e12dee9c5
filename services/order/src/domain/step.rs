//! What a checkout does next.

use super::{Payment, PaymentState, State};

/// The next step of an order's checkout, stored before it is taken. Whoever holds the order's lease takes it; taking it
/// twice does no harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sea_orm::EnumIter, sea_orm::DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum Step {
    /// Nothing is under way.
    Idle = 0,
    /// CHECKING_OUT: reserve the stock.
    Reserve = 1,
    /// AWAITING_PAYMENT: have the payment made that is stored.
    Pay = 2,
    /// AWAITING_PAYMENT: capture what is authorised.
    Capture = 4,
    /// AWAITING_PAYMENT: it is captured, or there is nothing to pay; turn the reservation into a sale.
    Commit = 5,
    /// AWAITING_PAYMENT: not paid in time; void, then give up.
    Expire = 6,
    /// AWAITING_PAYMENT: taken back; void, then open it again. It has the basket's place already.
    Reopen = 7,
}

/// Whether an order is its user's basket, or has taken the basket's place: of one user, one at a time does.
pub fn has_basket_place(state: State, step: Step, direct: bool) -> bool {
    step == Step::Reopen || (!direct && matches!(state, State::Open | State::CheckingOut))
}

/// What an order that awaits a payment does once it knows the payment's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// The payment is not decided yet.
    Wait,
    /// Go on with a step.
    Go(Step),
    /// It failed: the order waits for another try.
    Failed,
}

/// The flags of a payment that pays for nothing: another amount or currency than was asked for, or taken after it had
/// been given up.
const DISQUALIFYING: [&str; 3] = ["AMOUNT_MISMATCH", "CURRENCY_MISMATCH", CAPTURED_AFTER_VOID];
/// The one of those whose money goes back at once; the others wait for staff, or for the end of their order.
pub const CAPTURED_AFTER_VOID: &str = "CAPTURED_AFTER_VOID";

/// Why a payment pays for no order, whatever it has taken.
pub fn disqualifying_flag(payment: &Payment) -> Option<&str> {
    DISQUALIFYING.into_iter().rev().find(|flag| payment.flags.iter().any(|other| other == flag))
}

/// The step that follows from where a payment stands.
pub fn follow_payment(payment: &Payment) -> Follow {
    if disqualifying_flag(payment).is_some() { Follow::Failed } else { follow(payment.state) }
}

/// The step that follows from a payment's state.
fn follow(state: PaymentState) -> Follow {
    match state {
        PaymentState::Unrecognized
        | PaymentState::Pending
        | PaymentState::Processing
        | PaymentState::Unknown => Follow::Wait,
        PaymentState::Authorized => Follow::Go(Step::Capture),
        // Money that came and went back again before the order could take notice was still captured for it:
        // committing finds nothing to refund when it has to.
        PaymentState::Captured | PaymentState::PartiallyRefunded => Follow::Go(Step::Commit),
        PaymentState::Refunded | PaymentState::Declined | PaymentState::Voided => Follow::Failed,
    }
}

//! What is counted of orders, for metrics.

use kit::{
    Tx,
    telemetry::metrics::{Counter, Gauge},
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect};

use super::entities::{event, mail, order};
use crate::domain::{MailState, State};

static TRANSITIONS: Counter =
    Counter::new("feira.order.transitions", "{order}", "Orders that went from one state to another");
static ORDERS: Gauge = Gauge::new("feira.orders", "{order}", "Orders that wait for something, by state");

/// The states that are counted: those that orders leave again.
const WAITING: [State; 5] =
    [State::Open, State::CheckingOut, State::AwaitingPayment, State::Paid, State::Shipped];

/// Begins the transitions that matter most at 0: an increase is seen from the first on.
pub fn begin() {
    use State::{AwaitingPayment, Cancelled, CheckingOut, Expired, Open, Paid};
    for (from, to) in [
        (CheckingOut, AwaitingPayment),
        (AwaitingPayment, Paid),
        (AwaitingPayment, Expired),
        (AwaitingPayment, Cancelled),
        (CheckingOut, Cancelled),
        (CheckingOut, Open),
    ] {
        TRANSITIONS.add(0, &[("from", from.word()), ("to", to.word())]);
    }
}

/// A transaction adds to an order's history, and so moves it on from where it was; from nowhere, a new one.
pub(super) fn moved(tx: &Tx, mut from: Option<State>, events: &[event::Model]) {
    for to in events.iter().map(|event| event.state) {
        if from != Some(to) {
            let labels = [("from", from.map_or("NONE", State::word)), ("to", to.word())];
            tx.count(move || TRANSITIONS.add(1, &labels));
        }
        from = Some(to);
    }
}

/// Sets how many orders are in each state that they leave again.
pub async fn count_orders(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let counted = order::Entity::find()
        .select_only()
        .column(order::Column::State)
        .column_as(order::Column::Id.count(), "number")
        .filter(order::Column::State.is_in(WAITING))
        .group_by(order::Column::State)
        .into_tuple::<(State, i64)>();
    let counted = counted.all(db).await?;
    for state in WAITING {
        let number = counted.iter().find(|(of, _)| *of == state).map_or(0, |(_, number)| *number);
        ORDERS.set(number as f64, &[("state", state.word())]);
    }
    Ok(())
}

/// How many mails wait to be sent.
pub async fn waiting_mails(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    mail::Entity::find().filter(mail::Column::State.eq(MailState::Waiting)).count(db).await
}

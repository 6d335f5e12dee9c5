//! The table `orders`.

use kit::{
    Time,
    db::Cells,
    id::{OrderId, PaymentId, UserId},
};
use sea_orm::entity::prelude::*;

use crate::domain::{Refunds, State, Step, number::number_of};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "orders")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: OrderId,
    /// By which people know it; those that a process of an older version made have none.
    pub number: Option<String>,
    pub user_id: UserId,
    pub state: State,
    /// The user's id while this is that user's basket (OPEN or CHECKING_OUT, not placed in one call).
    pub basket_of: Option<UserId>,
    /// Placed in one call.
    pub direct: bool,
    pub currency: Option<String>,
    /// For filters; lines and adjustments say how it comes about.
    pub total_minor: i64,
    /// The encoded address.
    pub address: Option<Vec<u8>>,
    /// Its customer was erased: the address goes as soon as the state is final.
    pub user_erased: bool,
    pub payment_id: Option<PaymentId>,
    /// What was given back of that payment.
    pub refunded_minor: i64,
    /// Its currency; none, where that is the order's.
    pub refunded_currency: Option<String>,
    pub refunds: Refunds,
    /// Refunds under way take all that is left of it.
    pub refunding: bool,
    pub payment_type: i32,
    pub payment_method: String,
    pub payment_failure: String,
    pub payment_action_url: String,
    pub carrier: String,
    pub tracking_code: String,
    /// Without punctuation, as it is searched for.
    pub tracking_folded: String,
    /// Counts the tries to reserve its stock; a reservation belongs to one.
    pub attempt: i32,
    /// What its checkout does next.
    pub step: Step,
    /// Until when its owner alone takes steps; by the database server's clock, which all replicas share.
    pub lease_until: Time,
    /// The fencing number: each lease has a higher one, and writes of an owner with a lower one change nothing.
    pub fence: i64,
    /// The idempotency claim that gets its answer when the checkout is settled.
    pub claim: Option<String>,
    /// When it is given up if it is not paid.
    pub expire_time: Option<Time>,
    /// How many events its history has.
    pub events: i64,
    pub version: i64,
    pub create_time: Time,
    pub place_time: Option<Time>,
    pub update_time: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// An open order that has nothing yet and was made now. Everything that makes a row begins with this, so that a new
    /// column has its first value in one place.
    pub fn new(id: OrderId, number: String, user_id: UserId, now: Time) -> Self {
        Self {
            id,
            number: Some(number),
            user_id,
            state: State::Open,
            basket_of: None,
            direct: true,
            currency: None,
            total_minor: 0,
            address: None,
            user_erased: false,
            payment_id: None,
            refunded_minor: 0,
            refunded_currency: None,
            refunds: Refunds::None,
            refunding: false,
            payment_type: 0,
            payment_method: String::new(),
            payment_failure: String::new(),
            payment_action_url: String::new(),
            carrier: String::new(),
            tracking_code: String::new(),
            tracking_folded: String::new(),
            attempt: 0,
            step: Step::Idle,
            lease_until: Time(0),
            fence: 0,
            claim: None,
            expire_time: None,
            events: 1,
            version: 1,
            create_time: now,
            place_time: None,
            update_time: now,
        }
    }

    /// The number by which people know it.
    pub fn shown_number(&self) -> String {
        self.number.clone().unwrap_or_else(|| number_of(self.id))
    }
}

/// The columns of a row from this place on, which are those of the entity in its order, as an order.
pub fn decode(row: &Cells<'_>, first: usize) -> Result<Model, DbErr> {
    let mut places = first..;
    macro_rules! next {
        () => {
            row.get(places.next().unwrap_or_default())?
        };
    }
    Ok(Model {
        id: next!(),
        number: next!(),
        user_id: next!(),
        state: next!(),
        basket_of: next!(),
        direct: next!(),
        currency: next!(),
        total_minor: next!(),
        address: next!(),
        user_erased: next!(),
        payment_id: next!(),
        refunded_minor: next!(),
        refunded_currency: next!(),
        refunds: next!(),
        refunding: next!(),
        payment_type: next!(),
        payment_method: next!(),
        payment_failure: next!(),
        payment_action_url: next!(),
        carrier: next!(),
        tracking_code: next!(),
        tracking_folded: next!(),
        attempt: next!(),
        step: next!(),
        lease_until: next!(),
        fence: next!(),
        claim: next!(),
        expire_time: next!(),
        events: next!(),
        version: next!(),
        create_time: next!(),
        place_time: next!(),
        update_time: next!(),
    })
}

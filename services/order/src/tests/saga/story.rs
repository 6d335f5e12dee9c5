//! What customers do, and what comes of it.

use contracts::order::Order;
use kit::id::OrderId;
use tonic::{Response, Status};

use super::{
    shop::{Customer, Process},
    world::{UNITS, World},
};
use crate::{
    checkout::failpoints::{Asked, Place},
    domain::State,
};

/// What a customer does, and how it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Story {
    /// A basket is checked out.
    CheckOut,
    /// An order is placed in one call.
    Create,
    /// The payment is authorised first, and captured by a call of its own.
    Hold,
    /// There is nothing to pay.
    Free,
    /// The payment is declined.
    Decline,
    /// An order is placed in one call, and its payment waits for its customer.
    CreateWaiting,
    /// A basket is checked out, and there is not enough in stock.
    Short,
    /// The same for an order placed in one call.
    CreateShort,
    /// The stock is gone after the capture.
    Gone,
    /// An order is not paid in time.
    Expire,
    /// An order is taken back into the basket.
    Reopen,
    /// The same, and then it is checked out again: an owner of the reopening who wakes up then must not reopen it again.
    ReopenAndBack,
    /// A paid order is cancelled.
    CancelPaid,
    /// An order that waits for its payment is cancelled.
    CancelWaiting,
}

impl Story {
    pub const ALL: [Self; 14] = [
        Self::CheckOut,
        Self::Create,
        Self::Hold,
        Self::Free,
        Self::Decline,
        Self::CreateWaiting,
        Self::Short,
        Self::CreateShort,
        Self::Gone,
        Self::Expire,
        Self::Reopen,
        Self::ReopenAndBack,
        Self::CancelPaid,
        Self::CancelWaiting,
    ];

    /// What is asked of other services on its way, by which method, and where something can happen.
    pub fn asks(self) -> &'static [(Asked, &'static str, &'static [Place])] {
        use Asked::{Capture, Commit, Expire, Pay, Reopen, Reserve, Unpay, Unreserve};
        // What follows the call is stored with what follows the next one.
        const CALL: &[Place] = &[Place::Before, Place::Answered];
        const WHOLE: &[Place] = &[Place::Before, Place::Answered, Place::Committed];
        match self {
            Self::CheckOut | Self::Create => &[
                (Reserve, "ReserveStock", CALL),
                (Pay, "CreatePayment", CALL),
                (Commit, "CommitReservation", WHOLE),
            ],
            Self::Hold => &[
                (Pay, "CreatePayment", WHOLE),
                (Capture, "CapturePayment", CALL),
                (Commit, "CommitReservation", WHOLE),
            ],
            Self::Free => &[(Reserve, "ReserveStock", CALL), (Commit, "CommitReservation", WHOLE)],
            Self::Decline | Self::CreateWaiting => {
                &[(Reserve, "ReserveStock", CALL), (Pay, "CreatePayment", WHOLE)]
            }
            Self::Short | Self::CreateShort => &[(Reserve, "ReserveStock", WHOLE)],
            Self::Gone => &[
                (Commit, "CommitReservation", WHOLE),
                (Unreserve, "ReleaseReservation", WHOLE),
                (Unpay, "RefundPayment", WHOLE),
            ],
            Self::Expire => &[(Expire, "VoidPayment", WHOLE), (Unreserve, "ReleaseReservation", WHOLE)],
            Self::Reopen => &[(Reopen, "VoidPayment", WHOLE), (Unreserve, "ReleaseReservation", WHOLE)],
            Self::ReopenAndBack => &[(Reopen, "VoidPayment", WHOLE)],
            Self::CancelPaid => &[(Unreserve, "RestockOrder", WHOLE), (Unpay, "RefundPayment", WHOLE)],
            Self::CancelWaiting => &[(Unreserve, "ReleaseReservation", WHOLE), (Unpay, "VoidPayment", WHOLE)],
        }
    }

    fn method(self) -> &'static str {
        match self {
            Self::Decline => "sim_decline",
            Self::Hold => "sim_hold",
            Self::CreateWaiting | Self::ReopenAndBack | Self::Expire | Self::Reopen | Self::CancelWaiting => {
                "sim_action"
            }
            _ => "sim_approve",
        }
    }

    /// How its order ends.
    pub fn end(self) -> State {
        match self {
            Self::CheckOut | Self::Create | Self::Hold | Self::Free => State::Paid,
            Self::Decline | Self::CreateWaiting | Self::ReopenAndBack => State::AwaitingPayment,
            Self::Short | Self::Reopen => State::Open,
            Self::Expire => State::Expired,
            Self::CreateShort | Self::Gone | Self::CancelPaid | Self::CancelWaiting => State::Cancelled,
        }
    }
}

/// One run of a story.
#[derive(Debug, Clone)]
pub struct Run {
    pub story: Story,
    customer: Customer,
    /// None before it is placed in one call.
    order: Option<OrderId>,
}

type Reply = Result<Response<Order>, Status>;

impl Run {
    /// Everything that comes before the part in which something happens.
    pub async fn begin(story: Story, process: &Process, world: &World) -> Self {
        let customer = Customer::new(story.method());
        world.books().price = if story == Story::Free { 0 } else { 250 };
        let mut run = Self { story, customer, order: None };
        if !matches!(story, Story::Create | Story::CreateWaiting | Story::CreateShort) {
            let id = run.customer.fill(process).await;
            run.order = Some(id);
            use Story::{CancelPaid, CancelWaiting, Expire, Reopen, ReopenAndBack};
            if matches!(story, Expire | Reopen | ReopenAndBack | CancelPaid | CancelWaiting) {
                run.customer.check_out(process, id).await.unwrap();
            }
        }
        if story == Story::Expire {
            process.run_out_of_time(run.order.unwrap()).await;
        }
        world.books().gone = story == Story::Gone;
        world.books().free -= if matches!(story, Story::Short | Story::CreateShort) { UNITS - 1 } else { 0 };
        run
    }

    /// The part in which something happens. Where the customer does nothing, nobody is answered.
    pub async fn act(&self, process: &Process) -> Option<Reply> {
        let id = || self.order.unwrap();
        match self.story {
            Story::CheckOut | Story::Hold | Story::Free | Story::Decline | Story::Short | Story::Gone => {
                Some(self.customer.check_out(process, id()).await)
            }
            Story::Create | Story::CreateWaiting | Story::CreateShort => {
                Some(self.customer.create(process).await)
            }
            Story::Expire => {
                process.sweep().await;
                None
            }
            Story::Reopen | Story::ReopenAndBack => Some(self.customer.reopen(process, id()).await),
            Story::CancelPaid | Story::CancelWaiting => Some(self.customer.cancel(process, id()).await),
        }
    }

    /// What the customer does once that is over.
    pub async fn go_on(&self, process: &Process) {
        if self.story == Story::ReopenAndBack {
            let again = self.customer.with_key("k2");
            again.check_out(process, self.order.unwrap()).await.unwrap();
        }
    }

    pub async fn order(&self, process: &Process) -> OrderId {
        match self.order {
            Some(id) => id,
            None => {
                let orders = process.orders_of(self.customer.id).await;
                assert_eq!(orders.len(), 1, "one call places one order");
                orders[0]
            }
        }
    }
}

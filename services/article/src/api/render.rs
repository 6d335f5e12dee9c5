//! Answers, as the contract has them.

use contracts::article as wire;

use crate::{
    domain::stock::Reservation,
    store::stock::{Moved, Stock},
};

/// An article's stock.
pub fn stock(stock: &Stock) -> wire::Stock {
    wire::Stock {
        article_id: stock.article_id.to_string(),
        free: stock.free,
        reserved: stock.reserved,
        sold: stock.sold,
    }
}

/// A movement of stock.
pub fn movement(moved: Moved) -> wire::StockMovement {
    wire::StockMovement {
        article_id: moved.article_id.to_string(),
        sequence: moved.sequence,
        reason: wire::StockReason::from(moved.reason).into(),
        free_change: moved.free_change,
        reserved_change: moved.reserved_change,
        sold_change: moved.sold_change,
        order_id: moved.order_id.map(|id| id.to_string()).unwrap_or_default(),
        note: moved.note,
        actor: moved.actor,
        create_time: Some(moved.create_time.into()),
    }
}

/// A reservation.
pub fn reservation(reservation: Reservation) -> wire::Reservation {
    wire::Reservation {
        order_id: reservation.key.order_id.to_string(),
        attempt: reservation.key.attempt,
        state: wire::ReservationState::from(reservation.state).into(),
        expire_time: Some(reservation.expire_time.into()),
    }
}

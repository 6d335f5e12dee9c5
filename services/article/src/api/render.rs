//! Answers, as the contract has them.

use contracts::article as wire;

use crate::{
    domain::{article::Article, reservation::State, stock::Reservation},
    store::stock::{Moved, Stock},
};

/// An article.
pub fn article(article: Article) -> wire::Article {
    let content = article.content;
    wire::Article {
        id: article.id.to_string(),
        code: content.code,
        name: content.name,
        description: content.description,
        category: content.category,
        price: content.price.map(Into::into),
        tax_rate_basis_points: content.tax_rate_basis_points,
        image_url: content.image_url,
        active: content.active,
        available: article.free,
        low_stock_threshold: content.low_stock_threshold,
        etag: article.version.to_string(),
        create_time: Some(article.create_time.into()),
        update_time: Some(article.update_time.into()),
    }
}

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
        reason: moved.reason,
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
        state: reservation_state(reservation.state) as i32,
        expire_time: Some(reservation.expire_time.into()),
    }
}

/// A reservation's state.
pub fn reservation_state(state: State) -> wire::ReservationState {
    use wire::ReservationState as Wire;
    match state {
        State::Unmade => Wire::Unspecified,
        State::Held => Wire::Held,
        State::Committed => Wire::Committed,
        State::Released => Wire::Released,
        State::Expired => Wire::Expired,
        State::Restocked => Wire::Restocked,
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{ActiveEnum, Iterable};

    use super::*;
    use crate::domain::stock::Reason;

    #[test]
    fn stored_numbers_and_names_are_those_of_the_contract() {
        for state in State::iter() {
            let wire = reservation_state(state);
            assert_eq!((state.to_value(), state.name()), (wire as i32, wire.as_str_name()));
        }
        use wire::StockReason as Wire;
        for (reason, wire) in [
            (Reason::Received, Wire::Received),
            (Reason::Returned, Wire::Returned),
            (Reason::WrittenOff, Wire::WrittenOff),
            (Reason::Correction, Wire::Correction),
            (Reason::Reserved, Wire::Reserved),
            (Reason::Released, Wire::Released),
            (Reason::Sold, Wire::Sold),
            (Reason::Restocked, Wire::Restocked),
        ] {
            assert_eq!(reason as i32, wire as i32);
        }
    }
}

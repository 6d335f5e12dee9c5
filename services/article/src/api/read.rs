//! Requests, as the domain has them.

use std::collections::HashSet;

use contracts::article as wire;
use kit::{
    Fault, Money, Time,
    id::{ArticleId, Malformed, OrderId, UserId},
    words,
};
use prost_types::Timestamp;

use crate::domain::{
    list::{Filter, Visibility},
    stock::{Attempt, LONGEST_HOLD, Line},
};

/// An article's id; `field` is its proto path.
pub fn article_id(text: &str, field: &str) -> Result<ArticleId, Fault> {
    text.parse().map_err(|problem: Malformed| Fault::invalid(field, problem.to_string()))
}

/// A list's filters. Those that are staff's are refused to others.
pub fn filter(request: &wire::ListArticlesRequest, visibility: Visibility) -> Result<Filter, Fault> {
    if visibility == Visibility::Public && (request.active == Some(false) || request.low_stock.is_some()) {
        return Err(Fault::denied("active and low_stock are for staff"));
    }
    let bound =
        |price: &Option<contracts::Money>, field| price.as_ref().map(|it| Money::read(it, field)).transpose();
    let min_price = bound(&request.min_price, "min_price")?;
    let max_price = bound(&request.max_price, "max_price")?;
    if let (Some(least), Some(most)) = (min_price, max_price) {
        if least.currency != most.currency {
            return Err(Fault::invalid("max_price.currency_code", "must be that of min_price"));
        }
        if least.minor > most.minor {
            return Err(Fault::invalid("min_price", "must not be above max_price"));
        }
    }
    Ok(Filter {
        visibility,
        words: words::query(&request.query),
        category: words::fold_line(&request.category, 100),
        min_price,
        max_price,
        in_stock: request.in_stock,
        active: request.active,
        low_stock: request.low_stock,
    })
}

/// One try of an order.
pub fn attempt(order_id: &str, attempt: i32) -> Result<Attempt, Fault> {
    Ok(Attempt { order_id: self::order_id(order_id)?, attempt })
}

/// Whose order it is, where that is said.
pub fn owner(text: &str) -> Result<Option<UserId>, Fault> {
    let user = Some(text).filter(|text| !text.is_empty()).map(str::parse).transpose();
    user.map_err(|problem: Malformed| Fault::invalid("user_id", problem.to_string()))
}

/// An order's id.
pub fn order_id(text: &str) -> Result<OrderId, Fault> {
    text.parse().map_err(|problem: Malformed| Fault::invalid("order_id", problem.to_string()))
}

/// The lines to reserve, each article once.
pub fn lines(lines: &[wire::ReservationLine]) -> Result<Vec<Line>, Fault> {
    let mut known = HashSet::new();
    let line = |(place, line): (usize, &wire::ReservationLine)| {
        let field = format!("lines[{place}].article_id");
        let article_id = article_id(&line.article_id, &field)?;
        match known.insert(article_id) {
            true => Ok(Line { article_id, quantity: line.quantity }),
            false => Err(Fault::invalid(field, "is in another line already")),
        }
    };
    lines.iter().enumerate().map(line).collect()
}

/// When a reservation is to end by itself. That it is not over yet is for those to check who make one.
pub fn expire_time(timestamp: Option<Timestamp>, now: Time) -> Result<Time, Fault> {
    let time = timestamp.map(Time::from).ok_or_else(|| Fault::invalid("expire_time", "is required"))?;
    if time > now + LONGEST_HOLD {
        return Err(Fault::invalid("expire_time", "must be at most 31 days ahead"));
    }
    Ok(time)
}

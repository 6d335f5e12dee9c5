//! Mails to shoppers: what they are about, and what becomes of them.

use super::State;

/// What a mail is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sea_orm::EnumIter, sea_orm::DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum MailKind {
    Placed = 1,
    Shipped = 2,
    Cancelled = 3,
    /// Not paid in time.
    Expired = 4,
    Refunded = 5,
}

impl MailKind {
    /// The mail that a change of an order's state asks for: only for a step of the order's way, and only once it was
    /// placed.
    pub fn of_step(before: State, after: State) -> Option<Self> {
        use State::{AwaitingPayment, Cancelled, CheckingOut, Expired, Paid, Shipped};
        match (before, after) {
            (CheckingOut, AwaitingPayment) => Some(MailKind::Placed),
            (Paid, Shipped) => Some(MailKind::Shipped),
            (AwaitingPayment | Paid, Cancelled) => Some(MailKind::Cancelled),
            (AwaitingPayment, Expired) => Some(MailKind::Expired),
            _ => None,
        }
    }

    /// The first part of a mail's id.
    pub fn word(self) -> &'static str {
        match self {
            MailKind::Placed => "placed",
            MailKind::Shipped => "shipped",
            MailKind::Cancelled => "cancelled",
            MailKind::Expired => "expired",
            MailKind::Refunded => "refunded",
        }
    }
}

/// What became of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sea_orm::EnumIter, sea_orm::DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum MailState {
    Waiting = 1,
    Sent = 2,
    /// There is nobody to send it to, or nothing to say any more.
    Dropped = 3,
    /// It could not be sent.
    GivenUp = 4,
}

#[cfg(test)]
mod tests {
    use sea_orm::Iterable;

    use super::*;

    #[test]
    fn there_are_mails_of_steps_on_the_way_of_placed_orders_only() {
        use State::*;
        let mut found = Vec::new();
        for before in State::iter() {
            for after in State::iter() {
                if let Some(kind) = MailKind::of_step(before, after) {
                    found.push((before, after, kind));
                }
            }
        }
        assert_eq!(
            found,
            [
                (CheckingOut, AwaitingPayment, MailKind::Placed),
                (AwaitingPayment, Cancelled, MailKind::Cancelled),
                (AwaitingPayment, Expired, MailKind::Expired),
                (Paid, Shipped, MailKind::Shipped),
                (Paid, Cancelled, MailKind::Cancelled),
            ]
        );
    }
}

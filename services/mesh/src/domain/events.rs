//! What the events of the services' feeds mean to those who build on the shop.
//!
//! Feeds are the services' own business: they say what other services need. What is told outside has a type and the id of
//! what it happened to, and nothing else: its content is read when it is told.

use aws_lc_rs::digest::{Context, SHA256};
use kit::{Role, Time, id::EventId};

/// What happened to what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The type: `order.paid`.
    pub kind: &'static str,
    /// The id of what it happened to.
    pub subject: String,
    /// Where that can be read by another's id alone: that id.
    pub parent: Option<String>,
}

/// What an event of a feed means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    Fact(Fact),
    /// Nothing to those outside.
    Nothing,
    /// Nobody knows: another version of the service told it.
    Unknown,
}

/// What an event is about: it decides how its content is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Of {
    User,
    Article,
    Stock,
    Order,
    Payment,
    Refund,
    Address,
    Dispute,
}

impl Of {
    /// What events of a type are about, by its first word.
    pub fn kind(kind: &str) -> Option<Self> {
        Some(match kind.split('.').next()? {
            "user" => Self::User,
            "article" => Self::Article,
            "stock" => Self::Stock,
            "order" => Self::Order,
            "payment" => Self::Payment,
            "refund" => Self::Refund,
            "address" => Self::Address,
            "dispute" => Self::Dispute,
            _ => return None,
        })
    }
}

/// The id of the event that is told of one of a feed: the same whenever it is read again, even into an empty database, so
/// that whoever knows ids knows it.
pub fn id(source: Role, position: i64, time: Time) -> EventId {
    let mut context = Context::new(&SHA256);
    context.update(source.name().as_bytes());
    context.update(&position.to_be_bytes());
    context.update(&time.0.to_be_bytes());
    let digest = context.finish();
    let bytes: [u8; 10] =
        std::array::from_fn(|place| digest.as_ref().get(place).copied().unwrap_or_default());
    let millis = u64::try_from(time.0.div_euclid(1_000)).unwrap_or(0);
    EventId(uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_one_id_and_another_event_another() {
        let time = Time(1_700_000_000_123_456);
        let first = id(Role::Order, 7, time);
        assert_eq!(first, id(Role::Order, 7, time));
        let others =
            [id(Role::Order, 8, time), id(Role::User, 7, time), id(Role::Order, 7, Time(time.0 + 1))];
        assert!(others.iter().all(|other| *other != first));
        assert_eq!((first.0.get_version_num(), first.0.as_u128() >> 80), (7, 1_700_000_000_123));
    }
}

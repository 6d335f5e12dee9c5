//! What the events of the services' feeds mean to those who build on the shop.
//!
//! Feeds are the services' own business: they say what other services need. What is told outside has a type and the id of
//! what it happened to, and nothing else: its content is read when it is told.

use aws_lc_rs::digest::{Context, SHA256};
use contracts::{
    article::StockReturned,
    mesh::FeedEvent,
    order::{OrderEvent, OrderState},
    payment::{Payment, PaymentChanged, PaymentState},
    user::UserErased,
};
use kit::{Role, Time, id::EventId};
use prost::Message;

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

/// What an event of a feed means.
pub fn read(event: &FeedEvent) -> Heard {
    let Some(data) = &event.data else { return Heard::Unknown };
    let value = data.value.as_slice();
    match data.type_url.rsplit('/').next().unwrap_or_default() {
        "feira.user.v1.UserErased" => fact(value, |user: UserErased| told("user.deleted", user.user_id)),
        "feira.article.v1.StockReturned" => {
            fact(value, |stock: StockReturned| told("stock.changed", stock.article_id))
        }
        "feira.order.v1.OrderEvent" => fact(value, order),
        "feira.payment.v1.PaymentChanged" => fact(value, |changed: PaymentChanged| payment(changed.payment?)),
        // How the processes of the shop know whom to let in, and the audit log on its way.
        "feira.user.v1.AccessRevoked" | "feira.user.v1.KeysChanged" | "feira.user.v1.AuditRecord" => {
            Heard::Nothing
        }
        _ => Heard::Unknown,
    }
}

fn fact<M: Message + Default>(value: &[u8], means: impl Fn(M) -> Option<Fact>) -> Heard {
    match M::decode(value) {
        Ok(message) => means(message).map_or(Heard::Nothing, Heard::Fact),
        Err(_) => Heard::Unknown,
    }
}

fn told(kind: &'static str, subject: String) -> Option<Fact> {
    Some(Fact { kind, subject, parent: None })
}

fn order(event: OrderEvent) -> Option<Fact> {
    let kind = match event.state() {
        // A basket, or an order that was placed in one call.
        OrderState::Open | OrderState::CheckingOut if event.sequence == 1 => "order.created",
        OrderState::Open => "order.reopened",
        OrderState::AwaitingPayment => "order.placed",
        OrderState::Paid => "order.paid",
        OrderState::Shipped => "order.shipped",
        OrderState::Delivered => "order.delivered",
        OrderState::Cancelled => "order.cancelled",
        OrderState::Expired => "order.expired",
        OrderState::CheckingOut | OrderState::Unspecified => return None,
    };
    told(kind, event.order_id)
}

fn payment(payment: Payment) -> Option<Fact> {
    let kind = match payment.state() {
        PaymentState::Pending => "payment.created",
        PaymentState::Processing => "payment.processing",
        PaymentState::Authorized => "payment.authorized",
        PaymentState::Captured => "payment.captured",
        PaymentState::PartiallyRefunded | PaymentState::Refunded => "payment.refunded",
        PaymentState::Declined => "payment.declined",
        PaymentState::Voided => "payment.voided",
        PaymentState::Unknown => "payment.unknown",
        PaymentState::Unspecified => return None,
    };
    told(kind, payment.id)
}

#[cfg(test)]
mod tests {
    use prost::Name;
    use prost_types::Any;

    use super::*;

    fn of<M: Message + Name>(message: &M) -> FeedEvent {
        let type_url = format!("type.googleapis.com/{}", M::full_name());
        let data = Some(Any { type_url, value: message.encode_to_vec() });
        FeedEvent { position: 7, data, ..Default::default() }
    }

    fn kind(event: &FeedEvent) -> Option<&'static str> {
        match read(event) {
            Heard::Fact(fact) => {
                assert!(Of::kind(fact.kind).is_some(), "{}: nobody could read it", fact.kind);
                Some(fact.kind)
            }
            _ => None,
        }
    }

    #[test]
    fn an_order_is_told_by_its_state() {
        let event = |state: OrderState, sequence| {
            of(&OrderEvent { order_id: "ord_1".into(), state: state.into(), sequence, ..Default::default() })
        };
        assert_eq!(kind(&event(OrderState::Open, 1)), Some("order.created"));
        assert_eq!(kind(&event(OrderState::Open, 4)), Some("order.reopened"));
        assert_eq!(kind(&event(OrderState::CheckingOut, 1)), Some("order.created"));
        assert_eq!(kind(&event(OrderState::CheckingOut, 2)), None);
        assert_eq!(kind(&event(OrderState::Paid, 4)), Some("order.paid"));
        let Heard::Fact(fact) = read(&event(OrderState::Shipped, 5)) else { panic!("a fact") };
        assert_eq!((fact.kind, fact.subject.as_str()), ("order.shipped", "ord_1"));
    }

    #[test]
    fn what_is_not_for_others_is_nothing_and_what_is_not_known_is_said_to_be() {
        assert_eq!(read(&of(&contracts::user::KeysChanged {})), Heard::Nothing);
        assert_eq!(read(&of(&PaymentChanged { payment: None })), Heard::Nothing);
        assert_eq!(read(&FeedEvent::default()), Heard::Unknown);
        let mut broken = of(&UserErased { user_id: "usr_1".into() });
        assert_eq!(kind(&broken), Some("user.deleted"));
        if let Some(data) = &mut broken.data {
            data.type_url = "type.googleapis.com/feira.user.v1.FromTomorrow".into();
        }
        assert_eq!(read(&broken), Heard::Unknown);
    }

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

//! What an event of a feed means: the one place that gives types their names. `docs/events.md` describes each.

use contracts::{
    article::{ArticleChange, ArticleChanged, StockChanged},
    mesh::FeedEvent,
    order::{OrderChanged, OrderEvent, OrderState},
    payment::{
        DisputeChanged, DisputeState, Payment, PaymentChanged, PaymentState, RefundChanged, RefundState,
    },
    user::{AddressChange, AddressChanged, UserChange, UserChanged, UserErased},
};
use prost::Message;

use super::{Fact, Heard};

/// What an event of a feed means.
pub fn read(event: &FeedEvent) -> Heard {
    let Some(data) = &event.data else { return Heard::Unknown };
    let value = data.value.as_slice();
    match data.type_url.rsplit('/').next().unwrap_or_default() {
        "feira.user.v1.UserChanged" => fact(value, user),
        "feira.user.v1.UserErased" => fact(value, |erased: UserErased| told("user.deleted", erased.user_id)),
        "feira.user.v1.AddressChanged" => fact(value, address),
        "feira.article.v1.ArticleChanged" => fact(value, article),
        "feira.article.v1.StockChanged" => {
            fact(value, |stock: StockChanged| told("stock.changed", stock.article_id))
        }
        "feira.order.v1.OrderChanged" => fact(value, order),
        "feira.order.v1.OrderEvent" => fact(value, order_of_before),
        "feira.payment.v1.PaymentChanged" => fact(value, payment),
        "feira.payment.v1.RefundChanged" => fact(value, refund),
        "feira.payment.v1.DisputeChanged" => fact(value, dispute),
        // How the processes of the shop know whom to let in, the audit log on its way, which order stock came back of; and where a
        // restored feed begins.
        "feira.user.v1.AccessRevoked"
        | "feira.user.v1.KeysChanged"
        | "feira.user.v1.AuditRecord"
        | "feira.article.v1.StockReturned"
        | "google.protobuf.Empty" => Heard::Nothing,
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

fn told_of(parent: String, kind: &'static str, subject: String) -> Option<Fact> {
    Some(Fact { kind, subject, parent: Some(parent) })
}

fn user(changed: UserChanged) -> Option<Fact> {
    let kind = match changed.change() {
        UserChange::Unspecified => return None,
        UserChange::Created => "user.created",
        UserChange::Updated => "user.updated",
        UserChange::Disabled => "user.disabled",
        UserChange::Enabled => "user.enabled",
    };
    told(kind, changed.user_id)
}

fn address(changed: AddressChanged) -> Option<Fact> {
    let kind = match changed.change() {
        AddressChange::Unspecified => return None,
        AddressChange::Created => "address.created",
        AddressChange::Updated => "address.updated",
        AddressChange::Deleted => "address.deleted",
    };
    told_of(changed.user_id, kind, changed.address_id)
}

fn article(changed: ArticleChanged) -> Option<Fact> {
    let kind = match changed.change() {
        ArticleChange::Unspecified => return None,
        ArticleChange::Created => "article.created",
        ArticleChange::Updated => "article.updated",
        ArticleChange::Deleted => "article.deleted",
    };
    told(kind, changed.article_id)
}

fn order(changed: OrderChanged) -> Option<Fact> {
    let kind = match (changed.previous_state(), changed.state()) {
        (_, OrderState::Unspecified) => return None,
        (OrderState::Unspecified, _) => "order.created",
        (before, now) if before == now => "order.updated",
        // A checkout begins, or is refused.
        (_, OrderState::CheckingOut) | (OrderState::CheckingOut, OrderState::Open) => "order.updated",
        (_, now) => entered(now)?,
    };
    told(kind, changed.order_id)
}

/// As versions told it that did not say which state was before. Feeds have such events for a week after an upgrade.
fn order_of_before(event: OrderEvent) -> Option<Fact> {
    let kind = match event.state() {
        OrderState::Open | OrderState::CheckingOut if event.sequence == 1 => "order.created",
        state => entered(state)?,
    };
    told(kind, event.order_id)
}

fn entered(state: OrderState) -> Option<&'static str> {
    Some(match state {
        OrderState::Open => "order.reopened",
        OrderState::AwaitingPayment => "order.placed",
        OrderState::Paid => "order.paid",
        OrderState::Shipped => "order.shipped",
        OrderState::Delivered => "order.delivered",
        OrderState::Cancelled => "order.cancelled",
        OrderState::Expired => "order.expired",
        OrderState::CheckingOut | OrderState::Unspecified => return None,
    })
}

fn payment(changed: PaymentChanged) -> Option<Fact> {
    let before = changed.previous_state();
    let Payment { id, state, .. } = changed.payment?;
    let kind = match (before, PaymentState::try_from(state).ok()?) {
        (_, PaymentState::Unspecified) => return None,
        // Of one that is new its provider is about to be asked. Versions that did not say what was before told others so, too.
        (PaymentState::Unspecified, PaymentState::Pending | PaymentState::Processing) => "payment.created",
        (before, now) if before == now => "payment.updated",
        (_, PaymentState::Pending) => "payment.created",
        (_, PaymentState::Processing) => "payment.processing",
        (_, PaymentState::Authorized) => "payment.authorized",
        (_, PaymentState::Captured) => "payment.captured",
        (_, PaymentState::PartiallyRefunded) => "payment.partially_refunded",
        (_, PaymentState::Refunded) => "payment.refunded",
        (_, PaymentState::Declined) => "payment.declined",
        (_, PaymentState::Voided) => "payment.voided",
        (_, PaymentState::Unknown) => "payment.unknown",
    };
    told(kind, id)
}

fn refund(changed: RefundChanged) -> Option<Fact> {
    let kind = match changed.state() {
        RefundState::Unspecified => return None,
        RefundState::Pending => "refund.pending",
        RefundState::Succeeded => "refund.succeeded",
        RefundState::Failed => "refund.failed",
    };
    told_of(changed.payment_id, kind, changed.refund_id)
}

fn dispute(changed: DisputeChanged) -> Option<Fact> {
    let kind = match (changed.previous_state(), changed.state()) {
        (_, DisputeState::Unspecified) => return None,
        (before, now) if before == now => "dispute.updated",
        (_, DisputeState::Open) => "dispute.opened",
        (_, DisputeState::Won) => "dispute.won",
        (_, DisputeState::Lost) => "dispute.lost",
    };
    told_of(changed.payment_id, kind, changed.dispute_id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use contracts::user::KeysChanged;
    use prost::Name;
    use prost_types::Any;

    use super::*;
    use crate::domain::Of;

    fn of<M: Message + Name>(message: &M) -> FeedEvent {
        let type_url = format!("type.googleapis.com/{}", M::full_name());
        let data = Some(Any { type_url, value: message.encode_to_vec() });
        FeedEvent { position: 7, data, ..Default::default() }
    }

    fn kind<M: Message + Name>(message: &M) -> Option<&'static str> {
        match read(&of(message)) {
            Heard::Fact(fact) => {
                assert!(Of::kind(fact.kind).is_some(), "{}: nobody could read it", fact.kind);
                Some(fact.kind)
            }
            Heard::Nothing => None,
            Heard::Unknown => panic!("{} is not known", M::full_name()),
        }
    }

    /// Every value that a state may have on the wire, and one that there is not.
    const NUMBERS: std::ops::RangeInclusive<i32> = 0..=12;

    /// Every type that any message can mean.
    fn all() -> BTreeSet<&'static str> {
        let mut kinds = BTreeSet::from(["stock.changed", "user.deleted"]);
        for change in NUMBERS {
            kinds.extend(kind(&UserChanged { change, ..Default::default() }));
            kinds.extend(kind(&AddressChanged { change, ..Default::default() }));
            kinds.extend(kind(&ArticleChanged { change, ..Default::default() }));
            kinds.extend(kind(&RefundChanged { state: change, ..Default::default() }));
            for previous_state in NUMBERS {
                let state = change;
                kinds.extend(kind(&OrderChanged { state, previous_state, ..Default::default() }));
                kinds.extend(kind(&DisputeChanged { state, previous_state, ..Default::default() }));
                let payment = Some(Payment { state, ..Default::default() });
                kinds.extend(kind(&PaymentChanged { payment, previous_state }));
            }
            kinds.extend(kind(&OrderEvent { state: change, sequence: 2, ..Default::default() }));
        }
        assert_eq!(kind(&StockChanged::default()), Some("stock.changed"));
        assert_eq!(kind(&UserErased::default()), Some("user.deleted"));
        kinds
    }

    #[test]
    fn the_page_has_every_type_and_no_other() {
        let page = include_str!("../../../../docs/events.md");
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
        let rows = rows.filter_map(|row| row.split_once("` | ")).map(|(kind, _)| kind);
        let page: BTreeSet<&str> =
            rows.filter(|kind| Of::kind(kind).is_some() && kind.contains('.')).collect();
        assert_eq!(all(), page);
    }

    #[test]
    fn an_order_is_told_by_the_state_that_it_comes_to() {
        use OrderState::*;
        let told = |before: OrderState, now: OrderState| {
            let (state, previous_state) = (now.into(), before.into());
            kind(&OrderChanged { order_id: "ord_1".into(), state, previous_state })
        };
        assert_eq!(told(Unspecified, Open), Some("order.created"));
        assert_eq!(told(Unspecified, CheckingOut), Some("order.created"));
        assert_eq!(told(Open, CheckingOut), Some("order.updated"));
        assert_eq!(told(CheckingOut, Open), Some("order.updated"));
        assert_eq!(told(AwaitingPayment, Open), Some("order.reopened"));
        assert_eq!(told(CheckingOut, AwaitingPayment), Some("order.placed"));
        assert_eq!(told(AwaitingPayment, Paid), Some("order.paid"));
        assert_eq!(told(Paid, Paid), Some("order.updated"), "a note is no second payment");
    }

    #[test]
    fn a_payment_is_told_by_the_state_that_it_comes_to() {
        use PaymentState::*;
        let told = |before: PaymentState, now: PaymentState| {
            let payment = Some(Payment { state: now.into(), ..Default::default() });
            kind(&PaymentChanged { payment, previous_state: before.into() })
        };
        assert_eq!(told(Unspecified, Processing), Some("payment.created"));
        assert_eq!(told(Processing, Captured), Some("payment.captured"));
        assert_eq!(told(Captured, Captured), Some("payment.updated"), "a refund that is under way");
        assert_eq!(told(Unspecified, Captured), Some("payment.captured"), "of a version before");
    }

    #[test]
    fn what_is_read_by_anothers_id_has_that() {
        let event = of(&RefundChanged { refund_id: "ref_1".into(), payment_id: "pay_1".into(), state: 2 });
        let Heard::Fact(fact) = read(&event) else { panic!("a fact") };
        assert_eq!((fact.subject.as_str(), fact.parent.as_deref()), ("ref_1", Some("pay_1")));
    }

    #[test]
    fn what_is_not_for_others_is_nothing_and_what_is_not_known_is_said_to_be() {
        assert_eq!(read(&of(&KeysChanged {})), Heard::Nothing);
        assert_eq!(read(&of(&PaymentChanged::default())), Heard::Nothing);
        assert_eq!(read(&FeedEvent::default()), Heard::Unknown);
        assert_eq!(read(&of(&())), Heard::Nothing, "a restored feed begins so");
        let mut broken = of(&UserErased { user_id: "usr_1".into() });
        if let Some(data) = &mut broken.data {
            data.type_url = "type.googleapis.com/feira.user.v1.FromTomorrow".into();
        }
        assert_eq!(read(&broken), Heard::Unknown);
    }
}

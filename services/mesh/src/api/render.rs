//! What the contract shows.

use contracts::event::{self as wire, Delivery, Event, Webhook};

use crate::{
    domain::DeliveryState,
    remote::Contents,
    store::{
        entities::{delivery, webhook},
        event,
    },
};

/// An event, with what it is about.
pub fn event(event: &event::Model, contents: &Contents) -> Event {
    Event {
        id: event.id.to_string(),
        r#type: event.kind.clone(),
        position: event.position,
        subject: event.subject.clone(),
        create_time: Some(event.create_time.into()),
        data: contents.of(event).cloned(),
    }
}

/// A webhook, without its secret.
pub fn webhook(webhook: &webhook::Model) -> Webhook {
    Webhook {
        id: webhook.id.to_string(),
        url: webhook.url.clone(),
        types: webhook.types.split_whitespace().map(str::to_owned).collect(),
        description: webhook.description.clone(),
        disabled: webhook.disabled,
        secret: String::new(),
        etag: webhook.version.to_string(),
        create_time: Some(webhook.create_time.into()),
        update_time: Some(webhook.update_time.into()),
        disabled_reason: webhook.disabled_reason.clone(),
    }
}

/// A delivery.
pub fn delivery(delivery: delivery::Model) -> Delivery {
    let waits = delivery.state == DeliveryState::Pending;
    Delivery {
        id: delivery.id.to_string(),
        webhook_id: delivery.webhook_id.to_string(),
        event_id: delivery.event_id.to_string(),
        state: match delivery.state {
            DeliveryState::Pending => wire::DeliveryState::Pending,
            DeliveryState::Succeeded => wire::DeliveryState::Succeeded,
            DeliveryState::Failed => wire::DeliveryState::Failed,
        }
        .into(),
        attempts: delivery.attempts,
        status_code: delivery.status_code,
        response: delivery.response,
        next_try_time: waits.then(|| delivery.next_try.into()),
        create_time: Some(delivery.create_time.into()),
        r#type: delivery.kind,
        position: delivery.position,
        subject: delivery.subject,
        update_time: Some(delivery.update_time.into()),
    }
}

//! TestWebhook: an event that is none, sent at once.

use std::time::Duration;

use contracts::event::Delivery;
use kit::{
    Call, Written,
    id::{DeliveryId, EventId, Id as _, WebhookId},
};

use super::render;
use crate::{
    domain::{DeliveryState, Verdict},
    error::Error,
    store::{deliveries, entities::delivery, webhooks},
    webhooks::Webhooks,
};

/// The type of such an event.
const KIND: &str = "webhook.test";
/// What is left of the caller's time for writing down what came of it.
const REST: Duration = Duration::from_secs(1);

/// Sends one, and writes down what came of it.
///
/// It is sent before anything is written: no network call stands in a transaction. A process that dies in between leaves no
/// trace of it, and a repeat with the same idempotency key while it is under way sends another; both are tests.
pub async fn test(shared: &Webhooks, call: &Call, id: WebhookId) -> Result<Written<Delivery>, Error> {
    let db = &shared.log.db;
    if let Some(written) = kit::replayed(db, call).await? {
        return Ok(written);
    }
    let webhook = webhooks::find(db.read(), id).await?;
    let now = db.clock().now();
    let mut delivery = delivery::Model {
        id: DeliveryId::new(),
        webhook_id: id,
        sequence: 0,
        event_id: EventId::new(),
        position: 0,
        kind: KIND.to_owned(),
        subject: id.to_string(),
        parent: None,
        event_time: now,
        state: DeliveryState::Failed,
        attempts: 1,
        status_code: 0,
        response: String::new(),
        first_try: Some(now),
        next_try: now,
        create_time: now,
        update_time: now,
    };
    let send = async {
        // Never closed.
        let _place = shared.places.acquire().await;
        shared.send(call, &webhook, &delivery).await
    };
    let sent = match call.time_left() {
        Some(left) => tokio::time::timeout(left.saturating_sub(REST), send).await,
        None => Ok(send.await),
    };
    match sent {
        Ok(sent) => {
            let sent = sent?;
            if sent.verdict == Verdict::Taken {
                delivery.state = DeliveryState::Succeeded;
            }
            delivery.status_code = sent.status.map_or(0, i32::from);
            delivery.response = sent.response;
        }
        Err(_) => "there was no answer in time".clone_into(&mut delivery.response),
    }
    let written = db.write(call, delivery, move |tx, delivery| async move {
        let webhook = webhooks::lock(&tx, id).await?;
        let mut delivery = (*delivery).clone();
        delivery.update_time = tx.now();
        Ok(render::delivery(deliveries::insert_one(&tx, webhook, delivery).await?))
    });
    written.await
}

//! `WebhookService`: what the contract promises.

use std::time::Duration;

use contracts::{
    Masked,
    event::{
        CreateWebhookRequest, DeleteWebhookRequest, Delivery, GetWebhookRequest, ListDeliveriesRequest,
        ListDeliveriesResponse, ListWebhooksRequest, ListWebhooksResponse, RedeliverDeliveryRequest,
        ReplayWebhookRequest, RotateWebhookSecretRequest, TestWebhookRequest, UpdateWebhookRequest, Webhook,
        webhook_service_server::WebhookService,
    },
};
use kit::{
    Call, Fault, Written,
    audit_log::Act,
    id::{DeliveryId, Id, Malformed, WebhookId},
};
use tonic::{Request, Response, Status};

use super::{deliver_test, render};
use crate::{
    domain::SigningSecret,
    error::Error,
    store::{
        deliveries,
        webhooks::{self, NewWebhook},
    },
    webhooks::Webhooks,
};

/// How long an old secret signs, unless its owner says otherwise; and at the most.
const OVERLAP: Duration = Duration::from_secs(24 * 3600);
const LONGEST_OVERLAP: Duration = Duration::from_secs(7 * 24 * 3600);

/// The service.
pub struct WebhookApi(pub Webhooks);

fn id<I: Id>(text: &str, field: &str) -> Result<I, Fault> {
    text.parse().map_err(|problem: Malformed| Fault::invalid(field, problem.to_string()))
}

#[tonic::async_trait]
impl WebhookService for WebhookApi {
    async fn create_webhook(
        &self,
        request: Request<CreateWebhookRequest>,
    ) -> Result<Response<Webhook>, Status> {
        let call = Call::of(&request)?;
        Ok(self.create(&call, request.into_inner().webhook.unwrap_or_default()).await?.into())
    }

    async fn get_webhook(&self, request: Request<GetWebhookRequest>) -> Result<Response<Webhook>, Status> {
        let id = id(&request.get_ref().id, "id")?;
        let found = webhooks::find(self.0.log.db.read(), id).await?;
        Ok(Response::new(render::webhook(&found)))
    }

    async fn list_webhooks(
        &self,
        request: Request<ListWebhooksRequest>,
    ) -> Result<Response<ListWebhooksResponse>, Status> {
        let call = Call::of(&request)?;
        let db = &self.0.log.db;
        let page = db.page::<WebhookId>(&call, request.get_ref())?;
        let rows = webhooks::list(db, page.after, page.limit()).await.map_err(Error::from)?;
        let (webhooks, next_page_token) =
            page.make(rows, |row| row.id, |row| Ok::<_, Status>(render::webhook(&row)))?;
        Ok(Response::new(ListWebhooksResponse { webhooks, next_page_token }))
    }

    async fn update_webhook(
        &self,
        request: Request<UpdateWebhookRequest>,
    ) -> Result<Response<Webhook>, Status> {
        let call = Call::of(&request)?;
        Ok(self.update(&call, request.into_inner()).await?.into())
    }

    async fn delete_webhook(&self, request: Request<DeleteWebhookRequest>) -> Result<Response<()>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let id: WebhookId = id(&request.id, "id")?;
        let written = self.0.log.db.write(&call, request.etag, move |tx, etag| async move {
            let mut webhook = webhooks::lock(&tx, id).await?;
            check(&webhook.version, &etag)?;
            webhook.deleted = true;
            webhooks::save(&tx, webhook).await?;
            tx.audit(&Act::new("webhook.deleted").on(id));
            Ok(())
        });
        let written = written.await?;
        self.0.changed.notify_waiters();
        Ok(written.into())
    }

    async fn rotate_webhook_secret(
        &self,
        request: Request<RotateWebhookSecretRequest>,
    ) -> Result<Response<Webhook>, Status> {
        let call = Call::of(&request)?;
        Ok(self.rotate(&call, &request.into_inner()).await?.into())
    }

    async fn test_webhook(&self, request: Request<TestWebhookRequest>) -> Result<Response<Delivery>, Status> {
        let call = Call::of(&request)?;
        let id = id(&request.get_ref().id, "id")?;
        Ok(deliver_test::test(&self.0, &call, id).await?.into())
    }

    async fn list_deliveries(
        &self,
        request: Request<ListDeliveriesRequest>,
    ) -> Result<Response<ListDeliveriesResponse>, Status> {
        let call = Call::of(&request)?;
        let (db, request) = (&self.0.log.db, request.into_inner());
        let page = db.page::<i64>(&call, &request)?;
        let webhook = webhooks::find(db.read(), id(&request.webhook_id, "webhook_id")?).await?;
        let rows = deliveries::list(db, webhook.id, page.after, page.limit()).await.map_err(Error::from)?;
        let (deliveries, next_page_token) =
            page.make(rows, |row| row.sequence, |row| Ok::<_, Status>(render::delivery(row)))?;
        Ok(Response::new(ListDeliveriesResponse { deliveries, next_page_token }))
    }

    async fn redeliver_delivery(
        &self,
        request: Request<RedeliverDeliveryRequest>,
    ) -> Result<Response<Delivery>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let webhook: WebhookId = id(&request.webhook_id, "webhook_id")?;
        let delivery: DeliveryId = id(&request.id, "id")?;
        let written = self.0.log.db.write(&call, (), move |tx, _| async move {
            let webhook = webhooks::lock(&tx, webhook).await?;
            if webhook.disabled {
                return Err(Error::Disabled);
            }
            Ok(render::delivery(deliveries::begin_anew(&tx, webhook, delivery).await?))
        });
        let written = written.await?;
        self.0.changed.notify_waiters();
        Ok(written.into())
    }

    async fn replay_webhook(&self, request: Request<ReplayWebhookRequest>) -> Result<Response<()>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let (id, after): (WebhookId, _) = (id(&request.id, "id")?, request.after_position);
        let written = self.0.log.db.write(&call, (), move |tx, _| async move {
            let mut webhook = webhooks::lock(&tx, id).await?;
            if webhook.disabled {
                return Err(Error::Disabled);
            }
            // What it has not come to yet is sent anyway.
            webhook.position = webhook.position.min(after);
            webhooks::touch(&tx, webhook).await?;
            tx.audit(&Act::new("webhook.replayed").on(id).saying(format!("after={after}")));
            Ok(())
        });
        let written = written.await?;
        self.0.changed.notify_waiters();
        Ok(written.into())
    }
}

/// Whether a webhook is in the version that its caller saw.
fn check(version: &i64, etag: &str) -> Result<(), Error> {
    if etag.is_empty() || *etag == version.to_string() { Ok(()) } else { Err(Error::Stale) }
}

/// The answer of a call that made a secret, which is not part of what was stored.
fn with_secret(
    (mut written, fresh): (Written<Webhook>, Option<()>),
    secret: &SigningSecret,
) -> Written<Webhook> {
    if fresh.is_some() {
        written.message.secret = secret.text();
    }
    written
}

impl WebhookApi {
    fn url(&self, url: &str) -> Result<(), Fault> {
        self.0.check_url(url).map_err(|problem| Fault::invalid("webhook.url", problem))
    }

    async fn create(&self, call: &Call, sent: Webhook) -> Result<Written<Webhook>, Error> {
        self.url(&sent.url)?;
        let id = WebhookId::new();
        let (secret, wrapped_secret) = self.0.new_secret(id)?;
        let Webhook { url, types, description, disabled, .. } = sent;
        let new = NewWebhook { id, url, types: types.join(" "), description, disabled, wrapped_secret };
        let written = self.0.log.db.write_with(call, new, |tx, new| async move {
            let made = webhooks::insert(&tx, &new).await?;
            tx.audit(&Act::new("webhook.created").on(made.id));
            Ok((render::webhook(&made), ()))
        });
        let written = with_secret(written.await?, &secret);
        self.0.changed.notify_waiters();
        Ok(written)
    }

    async fn update(&self, call: &Call, request: UpdateWebhookRequest) -> Result<Written<Webhook>, Error> {
        let mask = request.mask();
        let sent = request.webhook.unwrap_or_default();
        let id: WebhookId = id(&sent.id, "webhook.id")?;
        if mask.has("url") {
            self.url(&sent.url)?;
        }
        let written = self.0.log.db.write(call, (sent, mask), move |tx, input| async move {
            let (sent, mask) = &*input;
            let mut webhook = webhooks::lock(&tx, id).await?;
            check(&webhook.version, &sent.etag)?;
            if mask.is_empty() {
                return Ok(render::webhook(&webhook));
            }
            if mask.has("url") {
                webhook.url.clone_from(&sent.url);
            }
            if mask.has("types") {
                webhook.types = sent.types.join(" ");
            }
            if mask.has("description") {
                webhook.description.clone_from(&sent.description);
            }
            match (webhook.disabled, mask.has("disabled").then_some(sent.disabled)) {
                (false, Some(true)) => webhooks::disable(&tx, &mut webhook, "").await?,
                (true, Some(false)) => webhooks::enable(&tx, &mut webhook).await?,
                _ => {}
            }
            tx.audit(&Act::new("webhook.changed").on(id).saying(format!("disabled={}", webhook.disabled)));
            Ok(render::webhook(&webhooks::save(&tx, webhook).await?))
        });
        let written = written.await?;
        self.0.changed.notify_waiters();
        Ok(written)
    }

    async fn rotate(
        &self,
        call: &Call,
        request: &RotateWebhookSecretRequest,
    ) -> Result<Written<Webhook>, Error> {
        let id: WebhookId = id(&request.id, "id")?;
        let overlap = match &request.overlap {
            None => OVERLAP,
            Some(overlap) => Duration::try_from(*overlap)
                .ok()
                .filter(|overlap| *overlap <= LONGEST_OVERLAP)
                .ok_or_else(|| Fault::invalid("overlap", "must be at most seven days, and not negative"))?,
        };
        let (secret, wrapped) = self.0.new_secret(id)?;
        let written = self.0.log.db.write_with(call, wrapped, move |tx, wrapped| async move {
            let mut webhook = webhooks::lock(&tx, id).await?;
            let old = std::mem::replace(&mut webhook.wrapped_secret, (*wrapped).clone());
            let lives_on = !overlap.is_zero();
            webhook.old_wrapped_secret = lives_on.then_some(old);
            webhook.old_secret_until = lives_on.then(|| tx.now() + overlap);
            tx.audit(&Act::new("webhook.secret_rotated").on(id));
            Ok((render::webhook(&webhooks::save(&tx, webhook).await?), ()))
        });
        let written = with_secret(written.await?, &secret);
        self.0.changed.notify_waiters();
        Ok(written)
    }
}

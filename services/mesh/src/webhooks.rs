//! What sending to webhooks takes, as handlers and background tasks share it: secrets, the client, the log of events.
//!
//! Secrets are stored encrypted (AES-256-GCM) by a key that is derived from the mesh secret, which every process of this role
//! has: the key file is the user service's, and other processes need not have it.

use std::sync::Arc;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use contracts::event::Event;
use kit::{Call, Fault, Time, id::WebhookId, wrapping::Wrapper};
use tokio::sync::{Notify, Semaphore};

use crate::{
    domain::{self, SigningSecret},
    log::Log,
    remote::{Receivers, Sent, body},
    store::entities::{delivery, webhook},
};

/// How many events a process sends at the same time, over all webhooks.
pub const PLACES: usize = 64;

/// All of it; cheap to clone.
#[derive(Clone)]
pub struct Webhooks {
    pub log: Log,
    /// Wakes who looks for webhooks that nobody sends for, and who sends.
    pub changed: Arc<Notify>,
    /// One is held for each event while it is sent.
    pub places: Arc<Semaphore>,
    /// How this process is named where it sends.
    pub owner: Arc<str>,
    receivers: Receivers,
    vault: Arc<Vault>,
}

/// The keys of secrets: the first encrypts, all decrypt.
struct Vault(Vec<Wrapper>);

impl Webhooks {
    /// `keys` are those of secrets, the first one first.
    pub fn new(log: Log, receivers: Receivers, keys: &[[u8; 32]]) -> Result<Self, Fault> {
        let wrappers = keys.iter().map(Wrapper::new).collect::<Result<_, _>>()?;
        Ok(Self {
            log,
            changed: Arc::default(),
            places: Arc::new(Semaphore::new(PLACES)),
            owner: uuid::Uuid::now_v7().to_string().into(),
            receivers,
            vault: Arc::new(Vault(wrappers)),
        })
    }

    /// A secret that was just made, and how it is stored.
    pub fn new_secret(&self, id: WebhookId) -> Result<(SigningSecret, String), Fault> {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).map_err(Fault::internal)?;
        let secret = SigningSecret::of(bytes);
        let wrapped = self.vault.wrap(id, &secret)?;
        Ok((secret, wrapped))
    }

    /// Of what is stored: how it would be stored now, if that is otherwise.
    pub fn rewrapped(&self, id: WebhookId, wrapped: &str) -> Result<Option<String>, Fault> {
        match self.vault.open(id, wrapped)? {
            (_, 0) => Ok(None),
            (secret, _) => self.vault.wrap(id, &secret).map(Some),
        }
    }

    /// What signs a webhook's events now.
    fn secrets(&self, webhook: &webhook::Model, now: Time) -> Result<Vec<SigningSecret>, Fault> {
        let mut secrets = vec![self.vault.open(webhook.id, &webhook.wrapped_secret)?.0];
        let old = webhook
            .old_wrapped_secret
            .as_ref()
            .filter(|_| webhook.old_secret_until.is_some_and(|end| now < end));
        if let Some(old) = old {
            secrets.push(self.vault.open(webhook.id, old)?.0);
        }
        Ok(secrets)
    }

    /// Sends an event once. Fails where that is not the receiver's fault: what it is about cannot be read.
    pub async fn send(
        &self,
        call: &Call,
        webhook: &webhook::Model,
        delivery: &delivery::Model,
    ) -> Result<Sent, Fault> {
        let data =
            self.log.resources.one(call, &delivery.kind, &delivery.subject, delivery.parent.clone()).await?;
        let event = Event {
            id: delivery.event_id.to_string(),
            r#type: delivery.kind.clone(),
            position: delivery.position,
            subject: delivery.subject.clone(),
            create_time: Some(delivery.event_time.into()),
            data,
        };
        let body = body::of(&event)?;
        // By the machine's clock: the receiver compares it with its own.
        let seconds = self.log.db.machine_clock().now().seconds();
        let secrets = self.secrets(webhook, self.log.db.clock().now())?;
        let signature = domain::signature(&secrets, &event.id, seconds, &body);
        Ok(self.receivers.post(&webhook.url, &event.id, seconds, &signature, body).await)
    }

    /// A webhook's URL, if anything may be sent there.
    pub fn check_url(&self, url: &str) -> Result<(), &'static str> {
        self.receivers.check(url).map(|_| ())
    }
}

impl Vault {
    fn wrap(&self, id: WebhookId, secret: &SigningSecret) -> Result<String, Fault> {
        let first =
            self.0.first().ok_or_else(|| Fault::internal("there is no key for secrets of webhooks"))?;
        Ok(STANDARD_NO_PAD.encode(first.wrap(&name(id), secret.bytes())?))
    }

    /// The secret, and by which key.
    fn open(&self, id: WebhookId, wrapped: &str) -> Result<(SigningSecret, usize), Fault> {
        let lost =
            || Fault::internal("a webhook's secret cannot be decrypted: the mesh secret is another one");
        let wrapped = STANDARD_NO_PAD.decode(wrapped).map_err(|_| lost())?;
        let opened = |(place, key): (usize, &Wrapper)| Some((key.unwrap(&name(id), &wrapped)?, place));
        let (bytes, place) = self.0.iter().enumerate().find_map(opened).ok_or_else(lost)?;
        Ok((SigningSecret::stored(bytes), place))
    }
}

fn name(id: WebhookId) -> String {
    format!("secret of {id}")
}

#[cfg(test)]
mod tests {
    use kit::id::Id as _;

    use super::*;

    #[test]
    fn a_secret_is_opened_for_its_webhook_by_any_key_that_counts() {
        let vault = |keys: &[u8]| Vault(keys.iter().map(|key| Wrapper::new(&[*key; 32]).unwrap()).collect());
        let (id, secret) = (WebhookId::new(), SigningSecret::of([9; 32]));
        let wrapped = vault(&[1]).wrap(id, &secret).unwrap();
        assert!(wrapped.len() <= 200 && !wrapped.contains(&secret.text()[6..20]));
        assert_eq!(vault(&[1]).open(id, &wrapped).unwrap(), (secret.clone(), 0));
        assert_eq!(vault(&[2, 1]).open(id, &wrapped).unwrap(), (secret, 1), "the key before");
        assert!(
            vault(&[2]).open(id, &wrapped).is_err() && vault(&[1]).open(WebhookId::new(), &wrapped).is_err()
        );
    }
}

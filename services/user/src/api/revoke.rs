//! What a write revokes of access tokens. It commits with the change, as an event; other processes apply it when they
//! read the feed, this one as soon as it is committed. Until then, 10 minutes at most, a token is valid there.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use contracts::user::AccessRevoked;
use kit::{
    Call, Tx, Written,
    audit_log::Act,
    id::{ApiKeyId, RoleId, SessionId, UserId},
};
use prost::Message;
use sea_orm::DbErr;

use crate::{
    api::Shared,
    error::Error,
    store::{api_keys, audit, entities::user},
};

/// The revocations of one write.
#[derive(Clone, Default)]
pub struct Revocations(Arc<Mutex<Vec<AccessRevoked>>>);

impl Revocations {
    /// Access tokens of one session count no more.
    pub async fn session(&self, tx: &Tx, user: UserId, session: SessionId) -> Result<(), DbErr> {
        let (user_id, session_id) = (user.to_string(), session.to_string());
        self.add(tx, AccessRevoked { user_id, session_id, ..AccessRevoked::default() }).await
    }

    /// Access tokens that a user was given before now count no more: raises the version that the user's tokens must
    /// have. The row is locked, so that two such writes raise it twice.
    pub async fn tokens_of(&self, tx: &Tx, user: &mut user::Model) -> Result<(), DbErr> {
        self.tokens_but(tx, user, None).await
    }

    /// The same, but for those of one session. One event, however many sessions there are.
    pub async fn tokens_but(
        &self,
        tx: &Tx,
        user: &mut user::Model,
        kept: Option<SessionId>,
    ) -> Result<(), DbErr> {
        user.token_version += 1;
        self.older_than(tx, user.id, user.token_version, kept).await
    }

    /// Every access token of a user counts no more, nor ever will.
    pub async fn all_of(&self, tx: &Tx, user: UserId) -> Result<(), DbErr> {
        self.older_than(tx, user, i64::MAX, None).await
    }

    /// What is known of an API key in a lower version counts no more.
    pub async fn key(&self, tx: &Tx, user: UserId, key: ApiKeyId, minimum_version: i64) -> Result<(), DbErr> {
        let (user_id, key_id) = (user.to_string(), key.to_string());
        self.add(tx, AccessRevoked { user_id, key_id, minimum_version, ..AccessRevoked::default() }).await
    }

    /// Removes a user's API keys, of whom the transaction has locked the row; they count no more.
    pub async fn keys_of(&self, tx: &Tx, user: UserId) -> Result<(), DbErr> {
        for key in api_keys::delete_all(tx, user).await? {
            audit::record(tx, &Act::new("api_key.revoked").of(user).on(key)).await?;
            self.key(tx, user, key, i64::MAX).await?;
        }
        Ok(())
    }

    /// What tokens say of a role in a lower version counts no more. One event, however many users have it.
    pub async fn role(&self, tx: &Tx, role: RoleId, minimum_version: i64) -> Result<(), DbErr> {
        let revoked =
            AccessRevoked { role_id: role.to_string(), minimum_version, ..AccessRevoked::default() };
        tx.publish(role, &revoked);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(revoked);
        Ok(())
    }

    async fn older_than(
        &self,
        tx: &Tx,
        user: UserId,
        minimum_version: i64,
        kept: Option<SessionId>,
    ) -> Result<(), DbErr> {
        let (user_id, kept_session_id) =
            (user.to_string(), kept.map(|id| id.to_string()).unwrap_or_default());
        let revoked = AccessRevoked { user_id, minimum_version, kept_session_id, ..AccessRevoked::default() };
        self.add(tx, revoked).await
    }

    async fn add(&self, tx: &Tx, revoked: AccessRevoked) -> Result<(), DbErr> {
        tx.publish(&revoked.user_id, &revoked);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(revoked);
        Ok(())
    }

    /// Makes them hold in this process.
    pub fn apply(&self, shared: &Shared) {
        for revoked in self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            shared.identity.revoke(&revoked);
        }
    }
}

impl Shared {
    /// [`kit::Writer::write`] for what may revoke access.
    pub async fn write_revoking<I, T, F, Fut>(
        &self,
        call: &Call,
        input: I,
        work: F,
    ) -> Result<Written<T>, Error>
    where
        I: Send + Sync + 'static,
        T: Message + Default + 'static,
        F: Fn(Tx, Arc<I>, Revocations) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let (written, revocations) = self
            .db
            .write_with(call, input, move |tx, input| {
                // New ones for each try: what a try revoked that was not committed does not count.
                let revocations = Revocations::default();
                let work = work(tx, input, revocations.clone());
                async move { Ok((work.await?, revocations)) }
            })
            .await?;
        // A repeat under an idempotency key has none: the first call applied them, or the feed did.
        if let Some(revocations) = revocations {
            revocations.apply(self);
        }
        Ok(written)
    }
}

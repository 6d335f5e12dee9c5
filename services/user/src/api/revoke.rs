//! What a write takes back from callers: everybody hears of it by the feed, this process as soon as it is
//! committed.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use contracts::user::AccessRevoked;
use kit::{
    Call, Tx, Written,
    id::{SessionId, UserId},
};
use prost::Message;
use sea_orm::DbErr;

use crate::{api::Shared, error::Error, store::users::user};

/// The revocations of one write.
#[derive(Clone, Default)]
pub struct Revocations(Arc<Mutex<Vec<AccessRevoked>>>);

impl Revocations {
    /// Access tokens of one session count no more.
    pub async fn session(&self, tx: &Tx, user: UserId, session: SessionId) -> Result<(), DbErr> {
        let revoked =
            AccessRevoked { user_id: user.to_string(), session_id: session.to_string(), minimum_version: 0 };
        self.add(tx, revoked).await
    }

    /// Access tokens that a user was given before now count no more: raises the version that hers must have.
    pub async fn tokens_of(&self, tx: &Tx, user: &mut user::Model) -> Result<(), DbErr> {
        user.token_version += 1;
        self.older_than(tx, user.id, user.token_version).await
    }

    /// Every access token of a user counts no more, nor ever will.
    pub async fn all_of(&self, tx: &Tx, user: UserId) -> Result<(), DbErr> {
        self.older_than(tx, user, i64::MAX).await
    }

    async fn older_than(&self, tx: &Tx, user: UserId, minimum_version: i64) -> Result<(), DbErr> {
        self.add(tx, AccessRevoked { user_id: user.to_string(), session_id: String::new(), minimum_version })
            .await
    }

    async fn add(&self, tx: &Tx, revoked: AccessRevoked) -> Result<(), DbErr> {
        tx.publish(&revoked.user_id, &revoked).await?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(revoked);
        Ok(())
    }

    /// Forgets what an attempt wanted that was not committed.
    pub fn begin(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Makes them hold in this process.
    pub fn apply(&self, shared: &Shared) {
        for revoked in self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            shared.identity.revoke(&revoked);
        }
    }
}

impl Shared {
    /// [`kit::write`] for what may revoke access.
    pub async fn write_revoking<T, F, Fut>(&self, call: &Call, work: F) -> Result<Written<T>, Error>
    where
        T: Message + Default + 'static,
        F: Fn(Tx, Revocations) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let revocations = Revocations::default();
        let of_write = revocations.clone();
        let written = kit::write(&self.db, call, move |tx| {
            of_write.begin();
            work(tx, of_write.clone())
        })
        .await?;
        revocations.apply(self);
        Ok(written)
    }
}

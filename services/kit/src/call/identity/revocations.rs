//! What tokens say and no longer counts: ended sessions, and tokens older than a change of roles or password.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use contracts::user::AccessRevoked;
use tokio::sync::watch;

use super::{ACCESS_TOKEN_SECONDS, AccessClaims};
use crate::id::{SessionId, UserId};

/// The revocations that this process knows.
pub struct Revocations {
    known: RwLock<Known>,
    /// Counts them, for those who hold a stream open.
    count: watch::Sender<u64>,
}

/// Each with the time until which it is worth knowing, in seconds since 1970: then every token that it
/// concerns has expired.
#[derive(Default)]
struct Known {
    sessions: HashMap<SessionId, i64>,
    /// The least token version that counts.
    versions: HashMap<UserId, (i64, i64)>,
}

impl Default for Revocations {
    fn default() -> Self {
        Self { known: RwLock::default(), count: watch::Sender::new(0) }
    }
}

impl Revocations {
    /// Takes one, at `now` in seconds, where clocks may be `leeway` seconds apart.
    pub fn note(&self, event: &AccessRevoked, now: i64, leeway: i64) {
        let until = now + ACCESS_TOKEN_SECONDS + 2 * leeway;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.sessions.retain(|_, until| *until > now);
        known.versions.retain(|_, (_, until)| *until > now);
        if let Ok(session) = event.session_id.parse() {
            known.sessions.insert(session, until);
        } else if let Ok(user) = event.user_id.parse() {
            let least = known.versions.entry(user).or_insert((event.minimum_version, until));
            *least = (least.0.max(event.minimum_version), until);
        }
        drop(known);
        self.count.send_modify(|count| *count += 1);
    }

    /// Whether a token that says this is revoked.
    pub fn concern(&self, claims: &AccessClaims) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let too_old = known.versions.get(&claims.sub).is_some_and(|(least, _)| claims.ver < *least);
        too_old || known.sessions.contains_key(&claims.sid)
    }

    /// Sees every revocation from now on.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }
}

//! What tokens say and no longer counts: ended sessions, and tokens older than a change of roles or password.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use contracts::user::AccessRevoked;
use tokio::sync::watch;

use super::{ACCESS_TOKEN_SECONDS, AccessClaims, api_keys::Grant, tokens::RoleVersion};
use crate::id::{ApiKeyId, RoleId, SessionId, UserId};

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
    users: HashMap<UserId, (Floor, i64)>,
    /// From which version on what is known of them counts.
    keys: HashMap<ApiKeyId, (i64, i64)>,
    roles: HashMap<RoleId, (i64, i64)>,
}

impl Known {
    fn concern_role(&self, role: Option<RoleVersion>) -> bool {
        role.is_some_and(|role| self.roles.get(&role.id).is_some_and(|(least, _)| role.version < *least))
    }
}

/// From which version on a user's tokens count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Floor {
    /// In every session.
    all: i64,
    /// In every session but one.
    others: i64,
    kept: Option<SessionId>,
}

impl Floor {
    /// Takes one more revocation, in whatever order they come, and however often: this process makes some itself, and
    /// reads them again in the feed.
    ///
    /// Of two that keep different sessions, the older counts for all: what it kept, the newer one has ended.
    fn raise(&mut self, least: i64, kept: Option<SessionId>) {
        if kept.is_none() {
            self.all = self.all.max(least);
        } else if kept == self.kept {
            self.others = self.others.max(least);
        } else if least > self.others {
            self.all = self.all.max(self.others);
            (self.others, self.kept) = (least, kept);
        } else {
            self.all = self.all.max(least);
        }
    }

    fn refuses(&self, claims: &AccessClaims) -> bool {
        claims.ver < self.all || (claims.ver < self.others && self.kept != Some(claims.sid))
    }

    /// Whether what is known of a key's user is older than this.
    fn is_above(&self, version: i64) -> bool {
        version < self.all.max(self.others)
    }
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
        known.users.retain(|_, (_, until)| *until > now);
        known.keys.retain(|_, (_, until)| *until > now);
        known.roles.retain(|_, (_, until)| *until > now);
        let raise = |(least, last): &mut (i64, i64)| {
            (*least, *last) = ((*least).max(event.minimum_version), until);
        };
        if let Ok(session) = event.session_id.parse() {
            known.sessions.insert(session, until);
        } else if let Ok(key) = event.key_id.parse() {
            raise(known.keys.entry(key).or_default());
        } else if let Ok(role) = event.role_id.parse() {
            raise(known.roles.entry(role).or_default());
        } else if let Ok(user) = event.user_id.parse() {
            let (floor, last) = known.users.entry(user).or_default();
            floor.raise(event.minimum_version, event.kept_session_id.parse().ok());
            *last = until;
        }
        drop(known);
        self.count.send_modify(|count| *count += 1);
    }

    /// Whether a token that says this is revoked.
    pub fn concern(&self, claims: &AccessClaims) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let too_old = known.users.get(&claims.sub).is_some_and(|(floor, _)| floor.refuses(claims));
        too_old || known.concern_role(claims.role) || known.sessions.contains_key(&claims.sid)
    }

    /// Whether what is known of an API key is out of date.
    pub fn concern_key(&self, grant: &Grant) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let older =
            |least: Option<&(i64, i64)>, version: i64| least.is_some_and(|(least, _)| version < *least);
        known.users.get(&grant.user).is_some_and(|(floor, _)| floor.is_above(grant.token_version))
            || known.concern_role(grant.role)
            || older(known.keys.get(&grant.key), grant.version)
    }

    /// Sees every revocation from now on.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{id::Id, permissions::Permissions};

    fn claims(sid: SessionId, ver: i64) -> AccessClaims {
        let (iss, aud) = (String::new(), String::new());
        AccessClaims {
            iss,
            aud,
            sub: UserId::new(),
            sid,
            ver,
            staff: false,
            admin: false,
            permissions: Permissions::NONE,
            role: None,
            iat: 0,
            nbf: 0,
            exp: 0,
        }
    }

    #[test]
    fn all_but_the_kept_session_are_refused() {
        let (mine, other) = (SessionId::new(), SessionId::new());
        let mut floor = Floor::default();
        floor.raise(2, Some(mine));
        assert!(!floor.refuses(&claims(mine, 1)) && floor.refuses(&claims(other, 1)));
        assert!(!floor.refuses(&claims(other, 2)), "a sign-in after it counts");
        floor.raise(3, None);
        assert!(floor.refuses(&claims(mine, 2)) && floor.refuses(&claims(other, 2)));
    }

    proptest! {
        #[test]
        fn order_and_repeats_are_no_matter(
            kept in proptest::collection::vec(0_usize..4, 1..6),
            order in Just((0..6_usize).collect::<Vec<_>>()).prop_shuffle(),
        ) {
            let sessions: Vec<SessionId> = (0..3).map(|_| SessionId::new()).collect();
            let event = |(number, kept): (usize, &usize)| (number as i64 + 2, sessions.get(*kept).copied());
            let events: Vec<(i64, Option<SessionId>)> = kept.iter().enumerate().map(event).collect();
            let mut floor = Floor::default();
            for place in order.iter().chain(&order) {
                if let Some((least, kept)) = events.get(*place) {
                    floor.raise(*least, *kept);
                }
            }
            for sid in sessions.iter().copied() {
                for ver in 0..8 {
                    let refused = events.iter().any(|(least, kept)| ver < *least && *kept != Some(sid));
                    prop_assert_eq!(floor.refuses(&claims(sid, ver)), refused);
                }
            }
        }
    }
}

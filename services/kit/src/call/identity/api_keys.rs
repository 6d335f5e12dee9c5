//! API keys as every process knows them: what the user service says of one is remembered for a while, so that calls are
//! verified without a call. What is revoked by then is known by the feed, as it is of tokens.

use std::sync::Arc;

use contracts::user::ApiKeyGrant;
use quick_cache::sync::Cache;

use super::{
    api_key::KeyHash,
    keys::Keys,
    revocations::Revocations,
    tokens::RoleVersion,
    verified::{KEY_HITS, KEY_MISSES},
};
use crate::{
    Caller, Fault, Time,
    call::Roles,
    id::{ApiKeyId, UserId},
    permissions::{Permissions, Scopes},
};

/// As many keys are remembered.
const MOST: usize = 5_000;
/// For so many seconds. Also the least time between two looks at a key that is none.
const LIFE: i64 = 30;

/// What the user service says of a key.
#[derive(Debug, Clone)]
pub struct Grant {
    pub key: ApiKeyId,
    /// Raised when the key's secret changes.
    pub version: i64,
    pub user: UserId,
    /// That of the user's access tokens.
    pub token_version: i64,
    pub role: Option<RoleVersion>,
    roles: Roles,
    scopes: Scopes,
    /// In seconds since 1970.
    expires: Option<i64>,
}

/// The keys that are remembered, by the SHA-256 of their secrets; none where there is no such key. With the second in
/// which the user service was asked.
pub struct ApiKeys(Cache<[u8; 32], (Option<Arc<Grant>>, i64)>);

impl Default for ApiKeys {
    fn default() -> Self {
        Self(Cache::new(MOST))
    }
}

impl ApiKeys {
    /// Who calls with a key, at `now` in seconds; none where it does not count.
    pub async fn caller(
        &self,
        key: &KeyHash,
        source: &Keys,
        revocations: &Revocations,
        now: i64,
    ) -> Result<Option<Caller>, Fault> {
        let counts = |grant: &Grant| !revocations.concern_key(grant);
        let fresh = |read: i64| (read..read + LIFE).contains(&now);
        let grant = match self.0.get(&key.hash) {
            // What was revoked may have become something else: a key with another secret, a user with other rights.
            Some((Some(grant), read)) if fresh(read) && counts(&grant) => {
                KEY_HITS.count();
                Some(grant)
            }
            Some((None, read)) if fresh(read) => {
                KEY_HITS.count();
                None
            }
            _ => {
                KEY_MISSES.count();
                let asked = source.grant(key).await?;
                let grant = asked.map(|grant| Grant::read(grant).map(Arc::new)).transpose()?;
                self.0.insert(key.hash, (grant.clone(), now));
                grant
            }
        };
        let live = |grant: &Arc<Grant>| counts(grant) && grant.expires.is_none_or(|at| now < at);
        Ok(grant.filter(live).map(|grant| Caller::ApiKey {
            id: grant.user,
            roles: grant.roles,
            key: grant.key,
            scopes: grant.scopes,
        }))
    }
}

impl Grant {
    fn read(grant: ApiKeyGrant) -> Result<Self, Fault> {
        let unreadable = || Fault::internal("the user service's answer about a key cannot be read");
        let ApiKeyGrant { user_id, key_id, version, token_version, admin, permissions, scopes, .. } = grant;
        let known = |name: &String| Permissions::named([name.as_str()]).ok();
        let permissions = permissions.iter().filter_map(known).fold(Permissions::NONE, Permissions::and);
        let role = (!grant.role_id.is_empty())
            .then(|| grant.role_id.parse().map(|id| RoleVersion { id, version: grant.role_version }))
            .transpose()
            .map_err(|_| unreadable())?;
        Ok(Self {
            key: key_id.parse().map_err(|_| unreadable())?,
            version,
            user: user_id.parse().map_err(|_| unreadable())?,
            token_version,
            role,
            roles: Roles { admin, permissions },
            // A scope that is not known here must not make the key one without limits.
            scopes: Scopes::named(scopes.iter().map(String::as_str)).map_err(|_| unreadable())?,
            expires: grant.expire_time.map(|time| Time::from(time).seconds()),
        })
    }
}

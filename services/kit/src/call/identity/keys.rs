//! The user service's published keys, asked for when a token names one that is not known.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use contracts::user::{ApiKeyGrant, Jwks, ResolveApiKeyRequest};
use jsonwebtoken::DecodingKey;
use tokio::{sync::Mutex, time::Instant};

use super::api_key::KeyHash;
use crate::{Fault, Reason};

/// Asks the user service.
#[async_trait::async_trait]
pub trait Fetch: Send + Sync {
    /// For the keys that verify tokens.
    async fn keys(&self) -> Result<Jwks, Fault>;

    /// For what an API key stands for.
    async fn grant(&self, request: ResolveApiKeyRequest) -> Result<ApiKeyGrant, Fault>;
}

#[derive(Default)]
struct Known {
    keys: HashMap<String, DecodingKey>,
    /// As they were published: name and public key.
    published: Vec<(String, String)>,
}

/// The keys known.
#[derive(Default)]
pub struct Keys {
    known: RwLock<Known>,
    /// How often they changed.
    generation: AtomicU64,
    source: RwLock<Option<Arc<dyn Fetch>>>,
    /// Held from the question to the answer: of two answers the one that was asked for later counts.
    pub fetching: Mutex<()>,
    /// When they were asked for last, and whether they came.
    last: Mutex<Option<(Instant, Result<(), Fault>)>>,
}

impl Keys {
    /// Takes a key set. Keys that are gone from it stop counting.
    pub fn learn(&self, jwks: &Jwks) {
        let ours = || jwks.keys.iter().filter(|key| key.crv == "Ed25519");
        let published: Vec<_> = ours().map(|key| (key.kid.clone(), key.x.clone())).collect();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // Anybody can have them asked for, by a token that names none of them: what they have verified still counts.
        if known.published == published {
            return;
        }
        let keys = ours().filter_map(|key| {
            DecodingKey::from_ed_components(&key.x).ok().map(|decoding| (key.kid.clone(), decoding))
        });
        *known = Known { keys: keys.collect(), published };
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// The generation of the keys that count now: what keys of another one have verified is to be verified again.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Uses a key, if it is known; with the generation that it is of.
    pub fn with<T>(&self, kid: &str, use_it: impl FnOnce(&DecodingKey) -> T) -> Option<(u64, T)> {
        // Both under the lock: a generation read apart from it could be that of keys which came meanwhile, and what a
        // withdrawn key has verified would count under it.
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let key = known.keys.get(kid)?;
        Some((self.generation(), use_it(key)))
    }

    /// Says where to ask for them.
    pub fn fetch_from(&self, source: Arc<dyn Fetch>) {
        *self.source.write().unwrap_or_else(PoisonError::into_inner) = Some(source);
    }

    /// Asks for them now; `None` where nobody is to be asked.
    pub async fn fetch(&self) -> Result<Option<Jwks>, Fault> {
        let source = self.source.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(source) = source else { return Ok(None) };
        source.keys().await.map(Some).map_err(|fault| match fault.reason {
            Reason::ClockSkew => fault,
            _ => Fault::unavailable("user"),
        })
    }

    /// Asks what an API key stands for; none where it is none.
    pub async fn grant(&self, key: &KeyHash) -> Result<Option<ApiKeyGrant>, Fault> {
        let source = self.source.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(source) = source else { return Err(Fault::unavailable("user")) };
        let request = ResolveApiKeyRequest { prefix: key.prefix.clone(), hash: key.hex() };
        match source.grant(request).await {
            Ok(grant) => Ok(Some(grant)),
            Err(fault) if fault.reason == Reason::NotFound => Ok(None),
            Err(fault) if matches!(fault.reason, Reason::ClockSkew | Reason::Overloaded) => Err(fault),
            Err(_) => Err(Fault::unavailable("user")),
        }
    }

    /// Does `fetch`, at most once a second; whoever comes meanwhile waits for the same answer.
    pub async fn at_most_once_a_second(
        &self,
        fetch: impl Future<Output = Result<(), Fault>>,
    ) -> Result<(), Fault> {
        let wanted = Instant::now();
        let mut last = self.last.lock().await;
        if let Some((begun, answer)) = &*last
            && (*begun >= wanted || begun.elapsed() < Duration::from_secs(1))
        {
            return answer.clone();
        }
        let begun = Instant::now();
        let fetched = fetch.await;
        *last = Some((begun, fetched.clone()));
        fetched
    }
}

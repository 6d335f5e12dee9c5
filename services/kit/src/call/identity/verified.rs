//! Access tokens whose signatures were verified: a signature costs 50 µs, a token is sent with every call of ten minutes.
//!
//! A token is known by the SHA-256 of the whole of it, signature included, and is not kept itself. Who is to be let in
//! without a verified token needs another one of the same SHA-256: nobody can make one, and chance does not. A keyed hash
//! of 64 bits would be quicker by some 300 ns, and would let in whoever learns its key. What is remembered is what the
//! token says, not that it counts: expiry and revocations are looked at on every call.

use std::sync::Arc;

use quick_cache::sync::Cache;

use super::AccessClaims;
use crate::telemetry::metrics::{Counter, Tally};

/// As many tokens are remembered, some 5 MB of them. Of more, those that come seldom are verified each time.
const MOST: usize = 20_000;

static TOKENS: Counter = Counter::new(
    "feira.identity.cache",
    "{lookup}",
    "Tokens and API keys that were looked up among those that are remembered, by kind and whether they were there",
);
static HITS: Tally = Tally::new(&TOKENS, &[("kind", "token"), ("outcome", "hit")]);
static MISSES: Tally = Tally::new(&TOKENS, &[("kind", "token"), ("outcome", "miss")]);
pub(super) static KEY_HITS: Tally = Tally::new(&TOKENS, &[("kind", "api_key"), ("outcome", "hit")]);
pub(super) static KEY_MISSES: Tally = Tally::new(&TOKENS, &[("kind", "api_key"), ("outcome", "miss")]);

/// The tokens, by their SHA-256, with the generation of the keys by which they were verified.
pub struct Verified(Cache<[u8; 32], (u64, Arc<AccessClaims>)>);

impl Default for Verified {
    fn default() -> Self {
        Self(Cache::new(MOST))
    }
}

impl Verified {
    /// What a token says, if keys of this generation have verified it.
    pub fn get(&self, id: &[u8; 32], generation: u64) -> Option<Arc<AccessClaims>> {
        // A key may be withdrawn while a token is being verified by it: what is inserted after that does not count.
        let found = self.0.get(id).and_then(|(of, claims)| (of == generation).then_some(claims));
        if found.is_some() { &HITS } else { &MISSES }.count();
        found
    }

    /// Remembers a token that keys of this generation have verified.
    pub fn insert(&self, id: [u8; 32], generation: u64, claims: Arc<AccessClaims>) {
        self.0.insert(id, (generation, claims));
    }

    /// Forgets all of them.
    pub fn clear(&self) {
        self.0.clear();
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

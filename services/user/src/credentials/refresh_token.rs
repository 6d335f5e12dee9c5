//! Refresh tokens: random text, of which only the SHA-256 is kept.

use std::fmt;

use aws_lc_rs::{digest, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::key_file::{Key, KeyFile};

/// What every refresh token begins with.
const PREFIX: &str = "frt_";

/// A refresh token, as its holder has it.
pub struct RefreshToken(String);

/// Makes the token that follows another one: the same for the same one, in every replica, so that a refresh can be
/// repeated whose answer was lost. Whoever has a token but no key of the key file cannot tell the next one.
#[derive(Debug, Clone)]
pub struct Successor(KeyFile);

impl Successor {
    /// By the keys of the key file.
    pub fn new(file: KeyFile) -> Self {
        Self(file)
    }

    /// The token that is given for this one now, and those that may have been given while another key was the first.
    pub fn of(&self, token: &RefreshToken) -> Vec<RefreshToken> {
        let next = |key: &Key| {
            let next = hmac::sign(&key.successor, token.0.as_bytes());
            RefreshToken(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(next)))
        };
        self.0.keys().all().iter().map(next).collect()
    }
}

/// A refresh token's SHA-256 in hexadecimal, as the database has it.
#[derive(Clone, PartialEq, Eq, sea_orm::DeriveValueType)]
pub struct TokenHash(pub String);

impl fmt::Debug for TokenHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("TokenHash(…)")
    }
}

impl RefreshToken {
    /// A new one, with 256 random bits.
    pub fn generate() -> Self {
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())))
    }

    /// Reads one that a caller sent, if it can be one at all.
    pub fn read(text: String) -> Option<Self> {
        let random = text.strip_prefix(PREFIX)?;
        let bytes = URL_SAFE_NO_PAD.decode(random).ok()?;
        (bytes.len() == 32).then_some(Self(text))
    }

    /// What is kept of it.
    pub fn hash(&self) -> TokenHash {
        TokenHash(sha256(self.0.as_bytes()))
    }

    /// Its text, for its holder.
    pub fn into_text(self) -> String {
        self.0
    }
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(sha256_bytes(bytes))
}

/// SHA-256.
pub fn sha256_bytes(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_again_and_nothing_else_is() {
        let text = RefreshToken::generate().into_text();
        let hash = RefreshToken::read(text.clone()).unwrap().hash();
        assert_eq!(hash.0.len(), 64);
        assert_eq!(RefreshToken::read(text.clone()).unwrap().hash(), hash);
        for bad in ["", "frt_", "frt_AAAA", &text[1..], &text[..text.len() - 1], &format!("{text}A")] {
            assert!(RefreshToken::read(bad.to_owned()).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_next_token_is_the_same_by_the_same_key_alone() {
        let token = RefreshToken::generate();
        let next = |keys: &[[u8; 32]], token: &RefreshToken| -> Vec<String> {
            let all = Successor::new(KeyFile::of(keys)).of(token);
            all.into_iter().map(RefreshToken::into_text).collect()
        };
        let one = next(&[[1; 32]], &token);
        assert_eq!(one, next(&[[1; 32]], &token));
        assert_ne!(one, next(&[[2; 32]], &token));
        assert!(RefreshToken::read(one[0].clone()).is_some());
        assert_ne!(next(&[[1; 32]], &RefreshToken::generate()), one);
        assert_eq!(next(&[[2; 32], [1; 32]], &token)[1..], one, "as it was before the key changed");
    }
}

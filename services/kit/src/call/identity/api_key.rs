//! The secret of an API key: `feira_<prefix>_<random><checksum>`, of letters and digits.
//!
//! Whoever scans for secrets that were published by mistake finds it by its beginning and its checksum. The prefix says
//! which key it is; the random part is as good as a key of 190 bits, so that a hash without a salt is enough to store it.

use std::fmt;

use aws_lc_rs::digest;

use crate::Secret;

/// What every secret of a key begins with.
const START: &str = "feira_";
/// Letters and digits, in the order of their bytes.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const PREFIX: usize = 8;
const RANDOM: usize = 32;
const CHECKSUM: usize = 6;

/// What an API key's secret says, without the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyHash {
    /// Names the key.
    pub prefix: String,
    /// SHA-256 of the whole secret.
    pub hash: [u8; 32],
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "KeyHash({})", self.prefix)
    }
}

impl KeyHash {
    /// Reads a secret, if it can be one at all: most typing errors, and all other tokens, are none.
    pub fn of(text: &str) -> Option<Self> {
        let (prefix, rest) = text.strip_prefix(START)?.split_once('_')?;
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if prefix.len() != PREFIX || rest.len() != RANDOM + CHECKSUM || !digits(prefix) || !digits(rest) {
            return None;
        }
        let checked = &text[..text.len() - CHECKSUM];
        (checksum(checked) == rest[RANDOM..]).then(|| {
            let mut hash = [0; 32];
            hash.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
            Self { prefix: prefix.to_owned(), hash }
        })
    }

    /// The hash in hexadecimal.
    pub fn hex(&self) -> String {
        hex::encode(self.hash)
    }
}

/// A prefix for a new key.
pub fn new_prefix() -> String {
    random(PREFIX)
}

/// A new secret of the key with this prefix.
pub fn new_secret(prefix: &str) -> Secret {
    let checked = format!("{START}{prefix}_{}", random(RANDOM));
    let checksum = checksum(&checked);
    Secret::of(checked + &checksum)
}

/// Whether a text is meant to be the secret of a key.
pub fn looks_like_one(text: &str) -> bool {
    text.starts_with(START)
}

fn random(length: usize) -> String {
    (0..length).map(|_| char::from(DIGITS[rand::random_range(0..DIGITS.len())])).collect()
}

/// CRC-32 in letters and digits.
fn checksum(text: &str) -> String {
    let crc = u64::from(crc32fast::hash(text.as_bytes()));
    let digit = |place: u32| DIGITS[(crc / 62_u64.pow(place) % 62) as usize];
    (0..CHECKSUM as u32).rev().map(|place| char::from(digit(place))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_again_and_one_with_a_letter_changed_is_none() {
        let prefix = new_prefix();
        let secret = new_secret(&prefix);
        let text = secret.expose();
        let read = KeyHash::of(text).unwrap();
        assert_eq!(read.prefix, prefix);
        assert_ne!(KeyHash::of(new_secret(&prefix).expose()).unwrap().hash, read.hash);
        assert!(!format!("{read:?}").contains(&text[16..]), "the secret is not shown");
        for place in 0..text.len() {
            let mut other = text.as_bytes().to_vec();
            other[place] = if other[place] == b'x' { b'y' } else { b'x' };
            assert_eq!(KeyHash::of(std::str::from_utf8(&other).unwrap()), None, "{place}");
        }
        for bad in ["", "feira_", "feira__", &text[1..], &format!("{text}a"), "feira_é2345678_x"] {
            assert_eq!(KeyHash::of(bad), None, "{bad}");
        }
    }
}

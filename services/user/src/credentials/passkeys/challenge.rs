//! Challenges, in tokens that the client keeps: what was asked and until when it counts, with an HMAC by a key derived from
//! one of the key file's.

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kit::Time;

use crate::{
    credentials::key_file::{Key, KeyFile},
    domain::passkeys::LIFETIME,
};

/// Bytes of a tag: 192 bits.
const TAG: usize = 24;

/// Makes and reads them.
pub struct Challenges(KeyFile);

impl Challenges {
    /// By the keys of the key file.
    pub fn new(file: KeyFile) -> Self {
        Self(file)
    }

    /// A token of what was asked for a purpose now.
    pub fn token(&self, purpose: &str, asked: &[u8], now: Time) -> String {
        let until = now + LIFETIME;
        let mut bytes = [until.0.to_be_bytes().as_slice(), asked].concat();
        let tag = tag(self.0.keys().first(), purpose, &bytes);
        bytes.extend(tag.as_ref().iter().take(TAG));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What was asked for a purpose, and until when it counts; none where it counts no more, or this house never asked it.
    pub fn read(&self, purpose: &str, token: &str, now: Time) -> Option<(Vec<u8>, Time)> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (said, given) = bytes.split_at_checked(bytes.len().checked_sub(TAG)?)?;
        let is_by = |key: &Key| {
            let expected = tag(key, purpose, said);
            let expected = expected.as_ref().get(..TAG);
            expected.is_some_and(|tag| verify_slices_are_equal(given, tag).is_ok())
        };
        if !self.0.keys().all().iter().any(is_by) {
            return None;
        }
        let (until, asked) = said.split_first_chunk::<8>()?;
        let until = Time(i64::from_be_bytes(*until));
        (now < until).then(|| (asked.to_vec(), until))
    }
}

fn tag(key: &Key, purpose: &str, said: &[u8]) -> hmac::Tag {
    // No purpose holds the byte that ends it.
    hmac::sign(&key.challenge, &[purpose.as_bytes(), &[0], said].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_counts_for_its_purpose_by_its_key_and_for_five_minutes() {
        let by = |keys: &[[u8; 32]]| Challenges::new(KeyFile::of(keys));
        let (challenges, now) = (by(&[[7; 32]]), Time(1_000_000));
        let token = challenges.token("sign in", b"asked", now);
        let until = now + LIFETIME;
        let last = Time(until.0 - 1);
        assert_eq!(challenges.read("sign in", &token, last), Some((b"asked".to_vec(), until)));
        assert_eq!(challenges.read("sign in", &token, until), None);
        assert_eq!(challenges.read("add to usr_1", &token, now), None);
        assert_eq!(by(&[[8; 32]]).read("sign in", &token, now), None);
        assert!(by(&[[8; 32], [7; 32]]).read("sign in", &token, now).is_some(), "by the key before");
        for bad in [
            "",
            "AAAA",
            "ä",
            &token[..token.len() - 4],
            &format!("{token}AAAA"),
            &token.replacen('A', "B", 1),
        ] {
            assert_eq!(challenges.read("sign in", bad, now), None, "{bad}");
        }
    }
}

//! Second factors: time-based codes (RFC 6238) and codes for recovery. A secret is in the database under a key of the key
//! file, because codes are made of it; of recovery codes, which are random, only the SHA-256 is there.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use kit::{Fault, Time, id::UserId};
use totp_rs::{Builder, Secret, Totp};

use super::{key_file::KeyFile, refresh_token::sha256};

/// Seconds for which a code counts (RFC 6238, 5.2).
pub const SECONDS_OF_STEP: i64 = 30;
/// Bytes of a secret (RFC 4226, 4).
const SECRET: usize = 20;
/// How many codes for recovery there are at first.
const RECOVERY: usize = 10;
/// Letters of one: 120 bits, so that what is stored of it needs no salt.
const LENGTH: usize = 24;
/// Letters without those that are taken for others.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Makes and opens them; cheap to clone.
#[derive(Clone)]
pub struct SecondFactors {
    file: KeyFile,
    /// Who issues them, as authenticators show it.
    issuer: Arc<str>,
}

/// A secret as it is, however it is wrapped.
pub struct FactorSecret(Vec<u8>);

/// No key of the file unwraps it.
#[derive(Debug)]
pub struct Lost;

/// A new secret.
pub struct NewSecret {
    /// As it is stored.
    pub wrapped: String,
    /// In base32, to be typed.
    pub text: String,
    /// To be shown as a QR code.
    pub uri: String,
}

impl SecondFactors {
    /// Under the keys of the key file.
    pub fn new(file: KeyFile, shop: &str) -> Self {
        // Both stand in the URI's label, which a colon divides.
        Self { file, issuer: shop.replace(':', " ").into() }
    }

    /// A secret for a user.
    pub fn generate(&self, user: UserId, username: &str) -> Result<NewSecret, Fault> {
        let secret = rand::random::<[u8; SECRET]>();
        let wrapped = STANDARD_NO_PAD.encode(self.file.keys().wrap(&name(user), &secret)?);
        let totp = self.totp(&secret, username)?;
        let uri = totp.to_url().map_err(Fault::internal)?;
        Ok(NewSecret { wrapped, text: totp.secret().to_base32(), uri })
    }

    /// A user's secret, by whichever key it was wrapped.
    pub fn open(&self, user: UserId, wrapped: &str) -> Result<FactorSecret, Fault> {
        let (secret, _) = self.unwrapped(user, wrapped).ok_or_else(|| {
            Fault::internal("a second factor cannot be unwrapped by any key of the key file")
        })?;
        Ok(FactorSecret(secret))
    }

    /// The same under the first key; none where it is already, and an error where no key unwraps it.
    pub fn rewrapped(&self, user: UserId, wrapped: &str) -> Result<Option<String>, Lost> {
        match self.unwrapped(user, wrapped) {
            None => Err(Lost),
            Some((_, true)) => Ok(None),
            Some((secret, false)) => {
                let again = self.file.keys().wrap(&name(user), &secret).map_err(|_| Lost)?;
                Ok(Some(STANDARD_NO_PAD.encode(again)))
            }
        }
    }

    fn unwrapped(&self, user: UserId, wrapped: &str) -> Option<(Vec<u8>, bool)> {
        self.file.keys().unwrap(&name(user), &STANDARD_NO_PAD.decode(wrapped).ok()?)
    }

    /// The step of the time to which a code belongs: now, or the one before or after. The caller sees to it that each
    /// step is used once.
    pub fn step(&self, secret: &FactorSecret, code: &str, now: Time) -> Result<Option<i64>, Fault> {
        let totp = self.totp(&secret.0, "any")?;
        let code: String = code.chars().filter(|letter| !letter.is_whitespace()).collect();
        if code.len() != 6 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(None);
        }
        let seconds = u64::try_from(now.seconds()).unwrap_or(0);
        Ok(totp.check(&code, seconds).and_then(|step| i64::try_from(step).ok()))
    }

    fn totp(&self, secret: &[u8], username: &str) -> Result<Totp, Fault> {
        Builder::new()
            .with_secret(Secret::new(secret.into()))
            .with_account_name(username)
            .with_issuer(Some(&*self.issuer))
            .build()
            .map_err(Fault::internal)
    }
}

impl FactorSecret {
    /// Whether it is the same one, told in a time that does not depend on where they differ.
    pub fn is(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

fn name(user: UserId) -> String {
    format!("second factor of {user}")
}

/// Codes for recovery, and what is stored of them.
pub fn recovery_codes() -> Vec<(String, String)> {
    let letter = |byte: u8| char::from(LETTERS[usize::from(byte & 31)]);
    let code = || {
        let letters: Vec<char> = rand::random::<[u8; LENGTH]>().into_iter().map(letter).collect();
        letters.chunks(4).map(|part| part.iter().collect::<String>()).collect::<Vec<_>>().join("-")
    };
    let pair = |code: String| (code.clone(), recovery_hash(&code));
    (0..RECOVERY).map(|_| pair(code())).collect()
}

/// What is stored of a code, however it is typed.
pub fn recovery_hash(code: &str) -> String {
    let letters = code.chars().filter(char::is_ascii_alphanumeric);
    sha256(letters.map(|letter| letter.to_ascii_lowercase()).collect::<String>().as_bytes())
}

#[cfg(test)]
mod tests {
    use kit::id::Id;

    use super::*;

    #[test]
    fn a_code_is_known_by_its_step_of_half_a_minute() {
        let (factors, user) = (SecondFactors::new(KeyFile::of(&[[7; 32]]), "My: shop"), UserId::new());
        let new = factors.generate(user, "ana").unwrap();
        assert!(new.uri.starts_with("otpauth://totp/") && new.uri.contains(&new.text), "{}", new.uri);
        let totp = Totp::from_url(&new.uri).unwrap();
        let at = |seconds: i64| Time(seconds * 1_000_000);
        let code = totp.generate(3_000).to_string();
        let secret = factors.open(user, &new.wrapped).unwrap();
        let step = |code: &str, seconds| factors.step(&secret, code, at(seconds)).unwrap();
        assert_eq!(
            [step(&code, 3_000), step(&code, 3_059), step(&code, 3_060)],
            [Some(100), Some(100), None]
        );
        for wrong in ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦"] {
            assert_eq!(step(wrong, 3_000), None, "{wrong}");
        }
        assert!(factors.open(UserId::new(), &new.wrapped).is_err(), "another user's");
    }

    #[test]
    fn a_secret_is_the_same_under_another_key() {
        let by = |keys: &[[u8; 32]]| SecondFactors::new(KeyFile::of(keys), "Loja");
        let (old, both, new, user) = (by(&[[1; 32]]), by(&[[2; 32], [1; 32]]), by(&[[2; 32]]), UserId::new());
        let wrapped = old.generate(user, "ana").unwrap().wrapped;
        assert!(old.rewrapped(user, &wrapped).unwrap().is_none(), "it is under the first");
        let again = both.rewrapped(user, &wrapped).unwrap().unwrap();
        assert!(new.open(user, &again).unwrap().is(&old.open(user, &wrapped).unwrap()));
        assert!(both.rewrapped(user, &again).unwrap().is_none());
        assert!(new.rewrapped(user, &wrapped).is_err());
        let another = old.generate(user, "ana").unwrap().wrapped;
        assert!(!old.open(user, &another).unwrap().is(&old.open(user, &wrapped).unwrap()));
    }

    #[test]
    fn recovery_codes_differ_and_may_be_typed_in_capitals() {
        let codes = recovery_codes();
        assert_eq!(codes.iter().map(|(code, _)| code).collect::<std::collections::HashSet<_>>().len(), 10);
        for (code, hash) in codes {
            assert_eq!(code.len(), 29);
            assert_eq!(recovery_hash(&code.to_uppercase().replace('-', " ")), hash);
        }
    }
}

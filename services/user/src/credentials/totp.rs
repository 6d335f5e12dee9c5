//! Second factors: time-based codes (RFC 6238) and codes for recovery. A secret is in the database under the key file's
//! key, because codes are made of it; of recovery codes, which are random, only the SHA-256 is there.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use kit::{Fault, Time, id::UserId};
use totp_rs::{Builder, Secret, Totp};

use super::{key_wrapping::Wrapper, refresh_token::sha256};

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

/// Makes and checks them.
pub struct SecondFactors {
    wrapper: Wrapper,
    /// Who issues them, as authenticators show it.
    issuer: String,
}

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
    /// Under the key file's 32 bytes.
    pub fn new(key: &[u8; 32], shop: &str) -> Result<Self, Fault> {
        // Both stand in the URI's label, which a colon divides.
        Ok(Self { wrapper: Wrapper::new(key)?, issuer: shop.replace(':', " ") })
    }

    /// A secret for a user.
    pub fn generate(&self, user: UserId, username: &str) -> Result<NewSecret, Fault> {
        let secret = rand::random::<[u8; SECRET]>();
        let wrapped = STANDARD_NO_PAD.encode(self.wrapper.wrap(&name(user), &secret)?);
        let totp = self.totp(&secret, username)?;
        let uri = totp.to_url().map_err(Fault::internal)?;
        Ok(NewSecret { wrapped, text: totp.secret().to_base32(), uri })
    }

    /// The step of the time to which a code belongs: now, or the one before or after. The caller sees to it that each
    /// step is used once.
    pub fn step(&self, user: UserId, wrapped: &str, code: &str, now: Time) -> Result<Option<i64>, Fault> {
        let wrapped = STANDARD_NO_PAD.decode(wrapped).map_err(Fault::internal)?;
        let secret = self.wrapper.unwrap(&name(user), &wrapped).map_err(Fault::internal)?;
        let totp = self.totp(&secret, "any")?;
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
            .with_issuer(Some(self.issuer.as_str()))
            .build()
            .map_err(Fault::internal)
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
        let (factors, user) = (SecondFactors::new(&[7; 32], "My: shop").unwrap(), UserId::new());
        let new = factors.generate(user, "ana").unwrap();
        assert!(new.uri.starts_with("otpauth://totp/") && new.uri.contains(&new.text), "{}", new.uri);
        let totp = Totp::from_url(&new.uri).unwrap();
        let at = |seconds: i64| Time(seconds * 1_000_000);
        let code = totp.generate(3_000).to_string();
        assert_eq!(factors.step(user, &new.wrapped, &code, at(3_000)).unwrap(), Some(100));
        assert_eq!(factors.step(user, &new.wrapped, &code, at(3_059)).unwrap(), Some(100));
        assert_eq!(factors.step(user, &new.wrapped, &code, at(3_060)).unwrap(), None);
        for wrong in ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦"] {
            assert_eq!(factors.step(user, &new.wrapped, wrong, at(3_000)).unwrap(), None, "{wrong}");
        }
        assert!(factors.step(UserId::new(), &new.wrapped, &code, at(3_000)).is_err(), "another user's");
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

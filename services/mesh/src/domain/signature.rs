//! Signatures by Standard Webhooks (<https://www.standardwebhooks.com>): HMAC-SHA256 over id, time and body, by a secret that is
//! written `whsec_` and base64.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};

const PREFIX: &str = "whsec_";

/// What signs a webhook's events. Never shown but to whoever made it.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Vec<u8>);

impl std::fmt::Debug for SigningSecret {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("SigningSecret(…)")
    }
}

impl SigningSecret {
    /// Of these random bytes.
    pub fn of(bytes: [u8; 32]) -> Self {
        Self(bytes.to_vec())
    }

    /// Of what was stored.
    pub fn stored(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// What is stored, encrypted.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// As its receiver is given it.
    pub fn text(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &self.0));
        context.update(format!("{id}.{seconds}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

/// The header `webhook-signature`: by each of these secrets, one after the other.
pub fn header<'a>(
    secrets: impl IntoIterator<Item = &'a SigningSecret>,
    id: &str,
    seconds: i64,
    body: &[u8],
) -> String {
    let signatures: Vec<String> = secrets.into_iter().map(|secret| secret.sign(id, seconds, body)).collect();
    signatures.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn the_known_example_has_the_known_signature() {
        let bytes = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let secret = SigningSecret::stored(bytes);
        assert_eq!(secret.text(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let body = br#"{"test": 2432232314}"#;
        let header = header([&secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(header, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_secrets_sign_one_after_the_other_and_none_is_shown() {
        let [one, two] = [SigningSecret::of([1; 32]), SigningSecret::of([2; 32])];
        let both = header([&one, &two], "evt_1", 7, b"{}");
        let alone = [header([&one], "evt_1", 7, b"{}"), header([&two], "evt_1", 7, b"{}")];
        assert_eq!(both, alone.join(" "));
        assert_eq!(format!("{one:?}"), "SigningSecret(…)");
    }
}

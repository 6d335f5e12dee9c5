//! An authenticator in software (WebAuthn, level 3), with the browser around it: what it makes of options, and everything that
//! it can be told to do wrong. The user service's own tests use this file, too.

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const ATTESTED: u8 = 1 << 6;

/// A private key.
pub enum Key {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// One passkey, and where its browser is.
pub struct Authenticator {
    pub key: Key,
    pub credential_id: Vec<u8>,
    /// Where the browser believes to be.
    pub origin: String,
    /// What it says to be for, in place of what it is asked for.
    pub rp_id: Option<String>,
    /// Whose it is: told by the options that it was made of.
    pub user_handle: Vec<u8>,
    /// How often it was used; 0 for one that does not count.
    pub count: u32,
    /// Whether it makes sure of its user.
    pub verifies: bool,
    pub backed_up: bool,
}

impl Authenticator {
    /// One of the curve that all authenticators have.
    pub fn p256(origin: &str) -> Self {
        Self::of(Key::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap()), origin)
    }

    /// One of another curve.
    pub fn ed25519(origin: &str) -> Self {
        Self::of(Key::Ed25519(Ed25519KeyPair::generate().unwrap()), origin)
    }

    fn of(key: Key, origin: &str) -> Self {
        Self {
            key,
            credential_id: rand::random::<[u8; 32]>().to_vec(),
            origin: origin.to_owned(),
            rp_id: None,
            user_handle: Vec::new(),
            count: 0,
            verifies: true,
            backed_up: false,
        }
    }

    /// `JSON.stringify(await navigator.credentials.create(…))`.
    pub fn create(&mut self, options: &str) -> String {
        let options: Value = serde_json::from_str(options).unwrap();
        self.user_handle = URL_SAFE_NO_PAD.decode(options["user"]["id"].as_str().unwrap()).unwrap();
        let client = self.client_data("webauthn.create", &options);
        let mut data = self.data(options["rp"]["id"].as_str().unwrap(), ATTESTED);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.credential_id.len()).unwrap().to_be_bytes());
        data.extend(&self.credential_id);
        data.extend(self.cose_key());
        // {"fmt": "none", "attStmt": {}, "authData": data}
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData".to_vec();
        object.extend([0x58, u8::try_from(data.len()).unwrap()]);
        object.extend(data);
        let response = json!({
            "clientDataJSON": text(&client),
            "attestationObject": text(&object),
            "transports": ["internal", "hybrid"],
        });
        self.credential(response)
    }

    /// `JSON.stringify(await navigator.credentials.get(…))`.
    pub fn get(&mut self, options: &str) -> String {
        let options: Value = serde_json::from_str(options).unwrap();
        let client = self.client_data("webauthn.get", &options);
        let data = self.data(options["rpId"].as_str().unwrap(), 0);
        let signed = [&data, digest(&SHA256, &client).as_ref()].concat();
        let signature = match &self.key {
            Key::P256(key) => key.sign(&SystemRandom::new(), &signed).unwrap().as_ref().to_vec(),
            Key::Ed25519(key) => key.sign(&signed).as_ref().to_vec(),
        };
        let response = json!({
            "clientDataJSON": text(&client),
            "authenticatorData": text(&data),
            "signature": text(&signature),
            "userHandle": text(&self.user_handle),
        });
        self.credential(response)
    }

    fn credential(&self, response: Value) -> String {
        let id = text(&self.credential_id);
        json!({
            "id": id,
            "rawId": id,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": response,
        })
        .to_string()
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let challenge = options["challenge"].as_str().unwrap();
        let origin = &self.origin;
        format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}","crossOrigin":false}}"#)
            .into_bytes()
    }

    fn data(&self, rp_id: &str, more: u8) -> Vec<u8> {
        let rp_id = self.rp_id.as_deref().unwrap_or(rp_id);
        let verified = if self.verifies { USER_VERIFIED } else { 0 };
        let backup = if self.backed_up { BACKUP_ELIGIBLE | BACKED_UP } else { 0 };
        let flags = USER_PRESENT | verified | backup | more;
        [digest(&SHA256, rp_id.as_bytes()).as_ref(), &[flags], &self.count.to_be_bytes()].concat()
    }

    /// The public key, as COSE has it (RFC 9053).
    fn cose_key(&self) -> Vec<u8> {
        match &self.key {
            Key::P256(key) => {
                let point = key.public_key().as_ref();
                let (x, y) = point[1..].split_at(32);
                // {1: 2, 3: -7, -1: 1, -2: x, -3: y}
                [&b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20"[..], x, b"\x22\x58\x20", y].concat()
            }
            // {1: 1, 3: -8, -1: 6, -2: x}
            Key::Ed25519(key) => {
                [&b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20"[..], key.public_key().as_ref()].concat()
            }
        }
    }
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

//! Wrapping private keys, so that the database alone signs nothing: AES-256-GCM under the key file's key.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use kit::{Fault, StartError};

/// The key that wraps others.
pub struct Wrapper(RandomizedNonceKey);

impl Wrapper {
    /// Takes the key file's 32 bytes.
    pub fn new(key: &[u8; 32]) -> Result<Self, Fault> {
        RandomizedNonceKey::new(&AES_256_GCM, key).map(Self).map_err(Fault::internal)
    }

    /// Wraps a key; `name` must be given again to unwrap it.
    pub fn wrap(&self, name: &str, key: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut sealed = key.to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut sealed)
            .map_err(Fault::internal)?;
        Ok([nonce.as_ref().as_slice(), &sealed].concat())
    }

    /// Unwraps a key.
    pub fn unwrap(&self, name: &str, wrapped: &[u8]) -> Result<Vec<u8>, StartError> {
        let refused = || {
            StartError::Settings(
                "the signing keys in the user database cannot be unwrapped: \
                 the key file (FEIRA_KEY_FILE, or signing.key in the data folder) is not the one that they were made with"
                    .to_owned(),
            )
        };
        let (nonce, sealed) = wrapped.split_first_chunk::<NONCE_LEN>().ok_or_else(refused)?;
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let key =
            self.0.open_in_place(nonce, Aad::from(name.as_bytes()), &mut sealed).map_err(|_| refused())?;
        Ok(key.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_name_unwrap() {
        let wrapper = Wrapper::new(&[7; 32]).unwrap();
        let wrapped = wrapper.wrap("a", b"secret").unwrap();
        assert_eq!(wrapper.unwrap("a", &wrapped).unwrap(), b"secret");
        assert_ne!(wrapper.wrap("a", b"secret").unwrap(), wrapped);
        assert!(wrapper.unwrap("b", &wrapped).is_err());
        assert!(wrapper.unwrap("a", &wrapped[1..]).is_err());
        assert!(wrapper.unwrap("a", b"short").is_err());
        let other = Wrapper::new(&[8; 32]).unwrap().unwrap("a", &wrapped).unwrap_err();
        assert_eq!(other.exit(), kit::Exit::Settings);
        assert!(other.to_string().contains("FEIRA_KEY_FILE"));
    }
}

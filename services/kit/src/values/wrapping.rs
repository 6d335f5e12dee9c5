//! Wrapping secrets, so that the database alone signs nothing: AES-256-GCM.

use crate::Fault;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};

/// The key that wraps others.
pub struct Wrapper(RandomizedNonceKey);

impl Wrapper {
    /// Takes 32 bytes.
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

    /// Unwraps a key, if it was wrapped by this one under this name.
    pub fn unwrap(&self, name: &str, wrapped: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = wrapped.split_first_chunk::<NONCE_LEN>()?;
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let key = self.0.open_in_place(nonce, Aad::from(name.as_bytes()), &mut sealed).ok()?;
        Some(key.to_vec())
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
        assert!(wrapper.unwrap("b", &wrapped).is_none());
        assert!(wrapper.unwrap("a", &wrapped[1..]).is_none());
        assert!(wrapper.unwrap("a", b"short").is_none());
        assert!(Wrapper::new(&[8; 32]).unwrap().unwrap("a", &wrapped).is_none());
    }
}

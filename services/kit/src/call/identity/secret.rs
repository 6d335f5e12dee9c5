//! The secret that the processes of a mesh share.

use std::sync::Arc;

use aws_lc_rs::hmac;

/// The secret that the processes of a mesh share. Never shown.
#[derive(Clone)]
pub struct MeshSecret {
    /// Signs service tokens.
    pub(super) service: Arc<[u8]>,
    root: hmac::Key,
}

impl std::fmt::Debug for MeshSecret {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("MeshSecret(…)")
    }
}

impl MeshSecret {
    /// Takes the secret's text.
    pub fn new(text: &str) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, text.trim().as_bytes());
        let service = Arc::from(hmac::sign(&root, b"service tokens").as_ref());
        Self { service, root }
    }

    /// A key for one purpose, the same in every process of the mesh.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let mut key = [0; 32];
        key.copy_from_slice(hmac::sign(&self.root, purpose.as_bytes()).as_ref());
        key
    }
}

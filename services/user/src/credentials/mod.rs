//! What proves who somebody is: password hashes, refresh tokens, and the keys that sign access tokens.

mod key_ring;
mod key_wrapping;
mod memory;
mod password;
mod refresh_token;

pub use key_ring::KeyRing;
pub use password::{Hasher, PasswordHash};
pub use refresh_token::{RefreshToken, Successor, TokenHash, sha256};

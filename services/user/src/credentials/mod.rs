//! What proves who somebody is: password hashes, refresh tokens, and the keys that sign access tokens.

mod key_file;
mod key_ring;
pub mod key_rotation;
mod memory;
mod one_time;
pub mod passkeys;
mod password;
mod queue;
mod refresh_token;
pub mod rewrap;
mod totp;

pub use key_file::{KeyFile, cannot_unwrap};
pub use key_ring::KeyRing;
pub use one_time::OneTimeTokens;
pub use password::{Hasher, PasswordHash, Verified};
pub use queue::Standing;
pub use refresh_token::{RefreshToken, Successor, TokenHash, sha256, sha256_bytes};
pub use totp::{FactorSecret, SECONDS_OF_STEP, SecondFactors, recovery_codes, recovery_hash};

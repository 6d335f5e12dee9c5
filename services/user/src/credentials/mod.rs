//! What proves who somebody is: password hashes, refresh tokens, and the keys that sign access tokens.

mod key_ring;
mod key_wrapping;
mod memory;
mod one_time;
mod password;
mod refresh_token;
mod totp;

pub use key_ring::KeyRing;
pub use one_time::OneTimeTokens;
pub use password::{Hasher, PasswordHash, Verified};
pub use refresh_token::{RefreshToken, Successor, TokenHash, sha256, sha256_bytes};
pub use totp::{SECONDS_OF_STEP, SecondFactors, recovery_codes, recovery_hash};

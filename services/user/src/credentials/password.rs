//! Passwords: argon2id, off the async threads.

use std::{fmt, sync::Arc};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, phc},
};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use kit::{Fault, StartError};
use tokio::sync::Semaphore;

/// A password's hash, as a PHC string (<https://github.com/P-H-C/phc-string-format>).
#[derive(Clone, PartialEq, Eq, sea_orm::DeriveValueType)]
pub struct PasswordHash(pub String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("PasswordHash(…)")
    }
}

/// Hashes and verifies passwords, as many at once as the machine has cores; cheap to clone.
#[derive(Clone)]
pub struct Hasher {
    argon2: Arc<Argon2<'static>>,
    turns: Arc<Semaphore>,
    /// What a password is compared with where there is no user, so that both take as long.
    nobody: PasswordHash,
}

impl Hasher {
    /// `memory` in KiB. Fails where the parameters are not argon2's (at least 8 KiB and one iteration).
    pub fn new(memory: u32, iterations: u32) -> Result<Self, StartError> {
        let params = Params::new(memory, iterations, 1, None).map_err(|error| {
            StartError::setting("FEIRA_PASSWORD_MEMORY_KIB, FEIRA_PASSWORD_ITERATIONS", error)
        })?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (salt, output) =
            (STANDARD_NO_PAD.encode([0; 16]), STANDARD_NO_PAD.encode(rand::random::<[u8; 32]>()));
        Ok(Self {
            argon2: Arc::new(Argon2::new(Algorithm::Argon2id, Version::V0x13, params)),
            turns: Arc::new(Semaphore::new(cores)),
            nobody: PasswordHash(format!("$argon2id$v=19$m={memory},t={iterations},p=1${salt}${output}")),
        })
    }

    /// Hashes a password under a new salt.
    pub async fn hash(&self, password: &str) -> Result<PasswordHash, Fault> {
        let password = password.to_owned();
        self.in_turn(move |argon2| {
            argon2
                .hash_password(password.as_bytes())
                .map(|hash| PasswordHash(hash.to_string()))
                .map_err(Fault::internal)
        })
        .await
    }

    /// Whether a password is the one that was hashed. Without a hash it is not, which takes as long.
    pub async fn verify(&self, password: &str, hash: Option<&PasswordHash>) -> Result<bool, Fault> {
        let known = hash.is_some();
        let hash = hash.unwrap_or(&self.nobody).clone();
        let password = password.to_owned();
        self.in_turn(move |argon2| {
            use argon2::password_hash::{Error, PasswordVerifier};
            let hash = phc::PasswordHash::new(&hash.0).map_err(Fault::internal)?;
            match argon2.verify_password(password.as_bytes(), &hash) {
                Ok(()) => Ok(known),
                Err(Error::PasswordInvalid) => Ok(false),
                Err(error) => Err(Fault::internal(error)),
            }
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'static>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        // The turn is taken along: a caller that goes away must not make room while its hash goes on.
        let turn = self.turns.clone().acquire_owned().await.map_err(Fault::internal)?;
        let argon2 = self.argon2.clone();
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&argon2)
        })
        .await
        .map_err(Fault::internal)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_password_itself_is_verified() {
        let hasher = Hasher::new(8, 1).unwrap();
        let hash = hasher.hash("correct horse").await.unwrap();
        assert!(hash.0.starts_with("$argon2id$v=19$m=8,t=1,p=1$"));
        assert!(hasher.verify("correct horse", Some(&hash)).await.unwrap());
        assert!(!hasher.verify("correct horse ", Some(&hash)).await.unwrap());
        assert!(!hasher.verify("correct horse", None).await.unwrap());
        assert_ne!(hasher.hash("correct horse").await.unwrap(), hash);
    }

    #[test]
    fn parameters_that_are_none_are_refused() {
        assert!(Hasher::new(7, 1).is_err());
        assert!(Hasher::new(8, 0).is_err());
    }
}

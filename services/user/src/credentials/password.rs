//! Passwords: argon2id, off the async threads.

use std::{fmt, sync::Arc, time::Duration};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::phc::{self, Output, ParamsString, Salt},
};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use kit::{Fault, StartError};

use super::{
    memory::{Turn, Turns},
    queue::Standing,
};
use crate::domain::password::prepared;

/// Bytes of a salt, and of a hash that is made here.
const SALT: usize = 16;
const OUTPUT: usize = 32;

/// A password's hash, as a PHC string (<https://github.com/P-H-C/phc-string-format>).
#[derive(Clone, PartialEq, Eq, sea_orm::DeriveValueType)]
pub struct PasswordHash(pub String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("PasswordHash(…)")
    }
}

/// What a password was found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    No,
    Yes,
    /// The one that was hashed, in the form of versions before: it is to be hashed anew.
    InOldForm,
}

/// Hashes and verifies passwords, as many at once as the machine has cores; cheap to clone.
#[derive(Clone)]
pub struct Hasher {
    argon2: Arc<Argon2<'static>>,
    turns: Turns,
    /// Whose turns it takes.
    standing: Standing,
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
            (STANDARD_NO_PAD.encode([0; SALT]), STANDARD_NO_PAD.encode(rand::random::<[u8; OUTPUT]>()));
        Ok(Self {
            turns: Turns::new(cores, params.block_count()),
            standing: Standing::OWN,
            argon2: Arc::new(Argon2::new(Algorithm::Argon2id, Version::V0x13, params)),
            nobody: PasswordHash(format!("$argon2id$v=19$m={memory},t={iterations},p=1${salt}${output}")),
        })
    }

    /// The same for a caller, who waits for a turn among others of that standing.
    pub fn of(&self, standing: Standing) -> Self {
        Self { standing, ..self.clone() }
    }

    /// Hashes a password under a new salt, as [`prepared`]; one that cannot be, as it is.
    pub async fn hash(&self, password: &str) -> Result<PasswordHash, Fault> {
        let password = prepared(password).unwrap_or(password.into()).into_owned();
        let argon2 = self.argon2.clone();
        self.in_turn(move |turn| {
            let salt = Salt::new(&rand::random::<[u8; SALT]>()).map_err(Fault::internal)?;
            let hash = phc::PasswordHash {
                algorithm: Algorithm::Argon2id.ident(),
                version: Some(Version::V0x13.into()),
                params: ParamsString::try_from(argon2.params()).map_err(Fault::internal)?,
                salt: Some(salt),
                hash: Some(output(&argon2, password.as_bytes(), &salt, OUTPUT, turn)?),
            };
            Ok(PasswordHash(hash.to_string()))
        })
        .await
    }

    /// Whether a password is the one that was hashed. Without a hash it is not, which takes as long.
    pub async fn verify(&self, password: &str, hash: Option<&PasswordHash>) -> Result<bool, Fault> {
        Ok(self.try_forms(password, hash).await? != Verified::No)
    }

    /// The same, and by which form of the password: first as it is prepared today, then as it was given, because hashes
    /// from before were of that. How many hashes it takes follows from the password alone where it is wrong.
    pub async fn try_forms(&self, password: &str, hash: Option<&PasswordHash>) -> Result<Verified, Fault> {
        let Ok(today) = prepared(password) else {
            let right = self.is_of(password, hash).await?;
            return Ok(if right { Verified::Yes } else { Verified::No });
        };
        if self.is_of(&today, hash).await? {
            return Ok(Verified::Yes);
        }
        let old = today != password && self.is_of(password, hash).await?;
        Ok(if old { Verified::InOldForm } else { Verified::No })
    }

    async fn is_of(&self, password: &str, hash: Option<&PasswordHash>) -> Result<bool, Fault> {
        let known = hash.is_some();
        let hash = hash.unwrap_or(&self.nobody).clone();
        let password = password.to_owned();
        self.in_turn(move |turn| {
            let hash = phc::PasswordHash::new(&hash.0).map_err(Fault::internal)?;
            let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else {
                return Err(Fault::internal("a password's hash is incomplete"));
            };
            // By the hash's own parameters: those of the settings may have changed since it was made.
            let algorithm = Algorithm::try_from(hash.algorithm.as_str()).map_err(Fault::internal)?;
            let version = hash.version.map(Version::try_from).transpose().map_err(Fault::internal)?;
            let params = Params::try_from(&hash).map_err(Fault::internal)?;
            let argon2 = Argon2::new(algorithm, version.unwrap_or_default(), params);
            let found = output(&argon2, password.as_bytes(), salt, expected.len(), turn)?;
            // `Output` compares in constant time.
            Ok(found == *expected && known)
        })
        .await
    }

    /// Whether a hash is by today's algorithm and parameters.
    pub fn is_current(&self, hash: &PasswordHash) -> bool {
        let Ok(hash) = phc::PasswordHash::new(&hash.0) else { return false };
        let own = self.argon2.params();
        let params = Params::try_from(&hash).is_ok_and(|params| {
            (params.m_cost(), params.t_cost(), params.p_cost()) == (own.m_cost(), own.t_cost(), own.p_cost())
        });
        params
            && hash.algorithm == Algorithm::Argon2id.ident()
            && hash.version == Some(Version::V0x13.into())
            && hash.hash.is_some_and(|output| output.len() == OUTPUT)
    }

    /// Gives back the memory in which nothing was hashed for so long.
    pub fn release(&self, unused: Duration) {
        self.turns.release(unused);
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Turn) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        // The turn is taken along: a caller that goes away must not make room while its hash goes on.
        let mut turn = self.turns.next(self.standing).await?;
        tokio::task::spawn_blocking(move || work(&mut turn)).await.map_err(Fault::internal)?
    }
}

/// What argon2 makes of a password, in the memory of a turn.
fn output(
    argon2: &Argon2<'_>,
    password: &[u8],
    salt: &[u8],
    length: usize,
    turn: &mut Turn,
) -> Result<Output, Fault> {
    let mut bytes = [0; Output::MAX_LENGTH];
    let bytes = bytes.get_mut(..length).ok_or_else(|| Fault::internal("a hash is too long"))?;
    let blocks = turn.blocks(argon2.params().block_count())?;
    argon2.hash_password_into_with_memory(password, salt, bytes, blocks).map_err(Fault::internal)?;
    Output::new(bytes).map_err(Fault::internal)
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

    #[tokio::test]
    async fn a_password_is_verified_however_it_is_spelled_and_old_hashes_too() {
        let hasher = Hasher::new(8, 1).unwrap();
        let (composed, apart) = ("pässwörd lang", "pa\u{308}sswo\u{308}rd lang");
        let hash = hasher.hash(apart).await.unwrap();
        for spelled in [composed, apart] {
            assert_eq!(hasher.try_forms(spelled, Some(&hash)).await.unwrap(), Verified::Yes);
        }
        // As a version before hashed what was typed.
        use argon2::password_hash::PasswordHasher;
        let old = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
        let old = PasswordHash(old.hash_password(apart.as_bytes()).unwrap().to_string());
        assert_eq!(hasher.try_forms(apart, Some(&old)).await.unwrap(), Verified::InOldForm);
        assert_eq!(hasher.try_forms(composed, Some(&old)).await.unwrap(), Verified::No);
        assert_eq!(hasher.try_forms(apart, None).await.unwrap(), Verified::No);
        // What could be no password today was one then.
        let unseen = hasher.hash("zero\u{200b}width").await.unwrap();
        assert!(hasher.verify("zero\u{200b}width", Some(&unseen)).await.unwrap());
        assert!(!hasher.verify("zerowidth", Some(&unseen)).await.unwrap());
    }

    #[test]
    fn parameters_that_are_none_are_refused() {
        assert!(Hasher::new(7, 1).is_err());
        assert!(Hasher::new(8, 0).is_err());
    }

    #[tokio::test]
    async fn a_hash_that_the_crate_itself_made_is_verified_and_the_other_way_round() {
        use argon2::password_hash::{PasswordHasher, PasswordVerifier};
        // Of other parameters than the hasher's: more memory and iterations, a shorter output.
        let params = Params::new(64, 3, 2, Some(16)).unwrap();
        let theirs = Argon2::new(Algorithm::Argon2i, Version::V0x10, params);
        let hash = PasswordHash(theirs.hash_password(b"correct horse").unwrap().to_string());
        let hasher = Hasher::new(8, 1).unwrap();
        assert!(hasher.verify("correct horse", Some(&hash)).await.unwrap());
        assert!(!hasher.verify("correct", Some(&hash)).await.unwrap());
        let ours = hasher.hash("correct horse").await.unwrap();
        assert!(hasher.is_current(&ours) && !hasher.is_current(&hash));
        assert!(!Hasher::new(16, 1).unwrap().is_current(&ours));
        assert!(Argon2::default().verify_password(b"correct horse", ours.0.as_str()).is_ok());
        let broken = PasswordHash("$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA".to_owned());
        assert!(hasher.verify("correct horse", Some(&broken)).await.is_err());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 8)]
    async fn four_hundred_at_once_have_one_piece_of_memory_a_core_and_then_none() {
        let hasher = Hasher::new(64, 1).unwrap();
        let hash = hasher.hash("correct horse").await.unwrap();
        let mut all = tokio::task::JoinSet::new();
        for number in 0..400 {
            let (hasher, hash) = (hasher.clone(), hash.clone());
            all.spawn(async move {
                let right = number % 2 == 0;
                let password = if right { "correct horse" } else { "wrong" };
                assert_eq!(hasher.verify(password, Some(&hash)).await.unwrap(), right);
            });
        }
        while let Some(done) = all.join_next().await {
            done.unwrap();
        }
        // Nothing was given back meanwhile: what is kept is what there ever was at once.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        assert!((1..=cores).contains(&hasher.turns.kept()), "{} pieces", hasher.turns.kept());
        hasher.release(Duration::ZERO);
        assert_eq!(hasher.turns.kept(), 0);
    }
}

//! The key ring: Ed25519 keys in the database, one of which signs access tokens.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use contracts::user::{Jwk, Jwks};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kit::{
    Db, Fault, StartError, Time, Writer,
    id::SessionId,
    identity::{ACCESS_TOKEN, ACCESS_TOKEN_SECONDS, AccessClaims, ISSUER, RoleVersion},
    permissions::Permissions,
};
use tokio::{sync::Mutex, time::Instant};

use super::{
    key_file::{KeyFile, cannot_unwrap},
    key_rotation::{self, Rotation},
};
use crate::{
    domain::signing_keys::{self, Schedule, Times},
    store::{
        entities::{signing_key, user},
        keys,
    },
};

/// For how long the published keys are not read again, however often strangers ask for them.
const FRESH: Duration = Duration::from_secs(1);

/// The keys, kept in memory.
pub struct KeyRing {
    db: Db,
    file: KeyFile,
    schedule: Schedule,
    loaded: RwLock<Arc<Vec<Key>>>,
    /// When they were read last. Held while they are read: of two reads the later one counts.
    read_at: Mutex<Instant>,
}

/// A key as this process has it.
struct Key {
    sign_time: Time,
    retire_time: Option<Time>,
    /// None where no key of the file unwraps it: another replica signs by it, so it is published all the same.
    signing: Option<EncodingKey>,
    jwk: Jwk,
}

impl Times for Key {
    fn sign_time(&self) -> Time {
        self.sign_time
    }

    fn retire_time(&self) -> Option<Time> {
        self.retire_time
    }

    fn can_sign(&self) -> bool {
        self.signing.is_some()
    }
}

impl KeyRing {
    /// Reads the keys; makes the first one where there is none. Refused where one cannot be unwrapped.
    pub async fn open(db: Db, file: KeyFile, schedule: Schedule) -> Result<Self, StartError> {
        let mut rows = keys::live(db.read(), db.clock().now()).await?;
        if rows.is_empty() {
            let writer = Writer::from(db.clone());
            let made = key_rotation::rotate_by_service(&writer, &file, schedule, Rotation::First);
            made.await.map_err(StartError::of)?;
            rows = keys::live(db.read(), db.clock().now()).await?;
        }
        let loaded = load(&file, rows);
        if loaded.is_empty() {
            return Err(Fault::internal("there is no signing key").into());
        }
        if loaded.iter().any(|key| key.signing.is_none()) {
            return Err(cannot_unwrap("signing keys"));
        }
        let (loaded, read_at) = (RwLock::new(Arc::new(loaded)), Mutex::new(Instant::now()));
        Ok(Self { db, file, schedule, loaded, read_at })
    }

    /// When another key signs.
    pub fn schedule(&self) -> Schedule {
        self.schedule
    }

    /// The key file.
    pub fn file(&self) -> &KeyFile {
        &self.file
    }

    /// Reads the keys again.
    pub async fn reload(&self) -> Result<(), StartError> {
        let mut read_at = self.read_at.lock().await;
        *read_at = Instant::now();
        self.read().await
    }

    async fn read(&self) -> Result<(), StartError> {
        let loaded = load(&self.file, keys::live(self.db.read(), self.db.clock().now()).await?);
        let lacking = loaded.iter().any(|key| key.signing.is_none());
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
        if lacking { Err(cannot_unwrap("signing keys")) } else { Ok(()) }
    }

    /// The keys that are published now. Another replica may have made or withdrawn one, so they are read again, for a
    /// stranger not more often than once a second: the other processes ask when they were told of a change, and must not
    /// get what was there before it. Where the database does not answer, the keys that are known are the answer.
    pub async fn published(&self, for_stranger: bool) -> Jwks {
        let turn = match for_stranger {
            // They do not wait for a database that is slow.
            true => self.read_at.try_lock().ok().filter(|read_at| read_at.elapsed() >= FRESH),
            false => Some(self.read_at.lock().await),
        };
        if let Some(mut read_at) = turn {
            *read_at = Instant::now();
            if let Err(error) = self.read().await {
                tracing::warn!(%error, "the signing keys cannot be read again");
            }
        }
        self.jwks()
    }

    /// The keys that were published when they were last read.
    pub fn jwks(&self) -> Jwks {
        let now = self.db.clock().now();
        let keys = self.loaded();
        Jwks { keys: keys.iter().filter(|key| !key.is_retired(now)).map(|key| key.jwk.clone()).collect() }
    }

    /// A user's access token for a session; with what a role gives that an administrator made. With the user's rights of
    /// staff, or without them.
    pub fn access_token(
        &self,
        user: &user::Model,
        session: SessionId,
        (permissions, role): (Permissions, Option<RoleVersion>),
        as_staff: bool,
    ) -> Result<String, Fault> {
        let now = self.db.machine_clock().now().seconds();
        let claims = AccessClaims {
            iss: ISSUER.to_owned(),
            aud: ISSUER.to_owned(),
            sub: user.id,
            sid: session,
            ver: user.token_version,
            staff: user.staff && as_staff,
            admin: user.admin && as_staff,
            permissions: if as_staff { permissions } else { Permissions::NONE },
            role,
            iat: now,
            nbf: now,
            exp: now + ACCESS_TOKEN_SECONDS,
        };
        let loaded = self.loaded();
        let key = signing_keys::signing(&loaded, self.db.clock().now());
        let (kid, signing) = key
            .and_then(|key| Some((key.jwk.kid.clone(), key.signing.as_ref()?)))
            .ok_or_else(|| Fault::internal("there is no key to sign by"))?;
        let header =
            Header { typ: Some(ACCESS_TOKEN.to_owned()), kid: Some(kid), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, &claims, signing).map_err(Fault::internal)
    }

    fn loaded(&self) -> Arc<Vec<Key>> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn load(file: &KeyFile, rows: Vec<signing_key::Model>) -> Vec<Key> {
    let wrapping = file.keys();
    let key = |row: signing_key::Model| Key {
        sign_time: row.signs_from(),
        retire_time: row.retire_time,
        signing: wrapping
            .unwrap(&row.kid, &row.wrapped_key)
            .map(|(pkcs8, _)| EncodingKey::from_ed_der(&pkcs8)),
        jwk: Jwk {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            x: row.public_key,
            kid: row.kid,
            alg: "EdDSA".to_owned(),
            r#use: "sig".to_owned(),
        },
    };
    rows.into_iter().map(key).collect()
}

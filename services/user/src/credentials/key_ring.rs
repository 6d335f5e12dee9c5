//! The key ring: Ed25519 keys in the database, the newest of which signs access tokens.

use std::{
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use contracts::user::{Jwk, Jwks, KeysChanged};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header,
    jwk::{self, ThumbprintHash},
};
use kit::{
    Call, Db, Fault, Role, StartError, Writer,
    fault::unique_violation,
    id::SessionId,
    identity::{ACCESS_TOKEN, ACCESS_TOKEN_SECONDS, AccessClaims, ISSUER, RoleVersion},
    permissions::Permissions,
};
use tokio::time::Instant;

use super::key_wrapping::Wrapper;
use crate::{
    error::Error,
    store::{
        entities::{signing_key, user},
        keys,
    },
};

/// For how long the published keys are not read again, however often they are asked for.
const FRESH: Duration = Duration::from_secs(1);

/// The keys, kept in memory.
pub struct KeyRing {
    db: Db,
    wrapper: Wrapper,
    loaded: RwLock<Arc<Loaded>>,
    read_at: Mutex<Instant>,
}

struct Loaded {
    kid: String,
    signing: EncodingKey,
    jwks: Jwks,
}

impl KeyRing {
    /// Reads the keys; makes the first one where there is none.
    pub async fn open(db: Db, wrapping_key: &[u8; 32]) -> Result<Self, StartError> {
        let wrapper = Wrapper::new(wrapping_key)?;
        let mut rows = keys::list(db.read()).await?;
        if rows.is_empty() {
            make(&Writer::from(db.clone()), &wrapper).await?;
            rows = keys::list(db.read()).await?;
        }
        let loaded = RwLock::new(Arc::new(load(&wrapper, rows)?));
        Ok(Self { db, wrapper, loaded, read_at: Mutex::new(Instant::now()) })
    }

    /// Reads the keys again. Two reads at once may end in the other order and leave the older list in memory until the
    /// next one, a minute later: this process then signs with an older key, which is still published.
    pub async fn reload(&self) -> Result<(), StartError> {
        let loaded = load(&self.wrapper, keys::list(self.db.read()).await?)?;
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
        Ok(())
    }

    /// The keys that are published now. Another replica may have made one, so they are read again, but
    /// not more often than once a second, whoever asks: the clock is set before the read, so that callers at the same
    /// time do not all read. Where the database does not answer, the keys that are known are the answer.
    pub async fn published(&self) -> Jwks {
        let due = {
            let mut read_at = self.read_at.lock().unwrap_or_else(PoisonError::into_inner);
            let due = read_at.elapsed() >= FRESH;
            if due {
                *read_at = Instant::now();
            }
            due
        };
        if due && let Err(error) = self.reload().await {
            tracing::warn!(%error, "the signing keys cannot be read again");
        }
        self.jwks()
    }

    /// The keys that were published when they were last read.
    pub fn jwks(&self) -> Jwks {
        self.loaded().jwks.clone()
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
        let header = Header {
            typ: Some(ACCESS_TOKEN.to_owned()),
            kid: Some(loaded.kid.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        jsonwebtoken::encode(&header, &claims, &loaded.signing).map_err(Fault::internal)
    }

    fn loaded(&self) -> Arc<Loaded> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn load(wrapper: &Wrapper, rows: Vec<signing_key::Model>) -> Result<Loaded, StartError> {
    let newest = rows.first().ok_or_else(|| Fault::internal("there is no signing key"))?;
    let signing = EncodingKey::from_ed_der(&wrapper.unwrap(&newest.kid, &newest.wrapped_key)?);
    let kid = newest.kid.clone();
    let published = |row: signing_key::Model| Jwk {
        kty: "OKP".to_owned(),
        crv: "Ed25519".to_owned(),
        x: row.public_key,
        kid: row.kid,
        alg: "EdDSA".to_owned(),
        r#use: "sig".to_owned(),
    };
    Ok(Loaded { kid, signing, jwks: Jwks { keys: rows.into_iter().map(published).collect() } })
}

/// Makes the first key. Where another replica was quicker, its key is the first.
async fn make(db: &Writer<Error>, wrapper: &Wrapper) -> Result<(), StartError> {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).map_err(Fault::internal)?;
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8.as_ref()).map_err(Fault::internal)?;
    let signing = EncodingKey::from_ed_der(pkcs8.as_ref());
    let kid = jwk::Jwk::from_encoding_key(&signing, Algorithm::EdDSA)
        .and_then(|key| key.thumbprint(ThumbprintHash::SHA256))
        .map_err(Fault::internal)?;
    let wrapped_key = wrapper.wrap(&kid, pkcs8.as_ref())?;
    let public_key = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
    let call = Call::of_service(Role::User, "make the first signing key");
    let made = db.transact(&call, (kid, public_key, wrapped_key), |tx, input| async move {
        // Replicas that start together all find no key. The slot is read before the list: a key that another commits in
        // between has taken it, and the unique index on slots refuses ours.
        let slot = keys::next_slot(&tx).await?;
        if keys::list(&*tx).await?.is_empty() {
            let (kid, public_key, wrapped_key) = (*input).clone();
            let create_time = tx.now();
            let key =
                signing_key::Model { kid, slot, public_key, wrapped_key, create_time, retire_time: None };
            keys::insert(&tx, key).await?;
            tx.publish(&input.0, &KeysChanged {});
        }
        Ok(())
    });
    match made.await {
        // Another replica's key is the first; its COMMIT was before this refusal, so the next read finds it.
        Err(Error::Database(error)) if unique_violation(&error).is_some() => Ok(()),
        made => made.map_err(StartError::of),
    }
}

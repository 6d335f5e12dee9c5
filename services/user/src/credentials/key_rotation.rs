//! Signing keys that follow each other: made, retired, withdrawn.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use contracts::user::{KeysChanged, SigningKey, SigningKeys};
use jsonwebtoken::{
    Algorithm, EncodingKey,
    jwk::{self, ThumbprintHash},
};
use kit::{Call, Fault, Role, Time, Tx, Writer, audit_log::Act, fault::unique_violation};

use super::{key_file::KeyFile, key_ring::KeyRing};
use crate::{
    domain::signing_keys::{MOST, OVERLAP, Schedule, Times, signing},
    error::Error,
    store::{audit, entities::signing_key, keys},
};

/// Why another key is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// There is none.
    First,
    /// The newest has signed for long enough, if it has.
    Due,
    /// Somebody asks for it.
    Asked,
    /// The same, and these must count no more: one by its name, or all of them.
    Withdrawing(Withdrawn),
}

/// Which keys are withdrawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Withdrawn {
    One(String),
    All,
}

/// A key that is not in the database yet.
#[derive(Clone)]
pub struct NewKey {
    kid: String,
    public_key: String,
    wrapped_key: Vec<u8>,
}

impl NewKey {
    /// A random one, wrapped by the key file's first key.
    pub fn generate(file: &KeyFile) -> Result<Self, Fault> {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).map_err(Fault::internal)?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8.as_ref()).map_err(Fault::internal)?;
        let signing = EncodingKey::from_ed_der(pkcs8.as_ref());
        let kid = jwk::Jwk::from_encoding_key(&signing, Algorithm::EdDSA)
            .and_then(|key| key.thumbprint(ThumbprintHash::SHA256))
            .map_err(Fault::internal)?;
        let wrapped_key = file.keys().wrap(&kid, pkcs8.as_ref())?;
        Ok(Self { public_key: URL_SAFE_NO_PAD.encode(pair.public_key().as_ref()), kid, wrapped_key })
    }
}

/// Makes a key in a transaction, and says what there is then; nothing where none is due.
///
/// The slot is read before the list: a key that another process commits in between has taken it, and the unique index on
/// slots refuses ours. So two that rotate at once make one key, and each key is published before it signs.
pub async fn rotate(
    tx: &Tx,
    new: &NewKey,
    schedule: Schedule,
    rotation: &Rotation,
) -> Result<Option<Vec<signing_key::Model>>, Error> {
    let now = tx.now();
    let slot = keys::next_slot(tx).await?;
    let live = keys::live(&**tx, now).await?;
    let newest = live.first().map(signing_key::Model::signs_from);
    let wanted = match rotation {
        Rotation::First => newest.is_none(),
        Rotation::Due => newest.is_some_and(|newest| schedule.is_due(newest, now)) && live.len() < MOST,
        Rotation::Asked | Rotation::Withdrawing(_) => true,
    };
    if !wanted {
        return Ok(None);
    }
    let is_withdrawn = |key: &signing_key::Model| match rotation {
        Rotation::Withdrawing(Withdrawn::One(kid)) => key.kid == *kid,
        Rotation::Withdrawing(Withdrawn::All) => true,
        _ => false,
    };
    let (withdrawn, kept): (Vec<_>, Vec<_>) = live.into_iter().partition(is_withdrawn);
    if withdrawn.is_empty() && matches!(rotation, Rotation::Withdrawing(_)) {
        return Err(Error::SigningKeyNotFound);
    }
    if kept.len() >= MOST {
        return Err(Error::TooManySigningKeys);
    }
    // One that takes the place of a key which must not sign any more cannot wait until everybody has learnt it.
    let at_once = kept.is_empty() || !withdrawn.is_empty();
    let sign_time = if at_once { now } else { now + schedule.lead };
    for key in &withdrawn {
        keys::delete(tx, &key.kid).await?;
        audit::record(tx, &Act::new("signing_key.withdrawn").on(&key.kid)).await?;
    }
    let mut kept = kept;
    for key in kept.iter_mut().filter(|key| key.retire_time.is_none()) {
        let retire_time = sign_time.max(key.signs_from()) + OVERLAP;
        keys::retire(tx, &key.kid, retire_time).await?;
        key.retire_time = Some(retire_time);
    }
    let NewKey { kid, public_key, wrapped_key } = new.clone();
    let key = signing_key::Model {
        kid,
        slot,
        public_key,
        wrapped_key,
        create_time: now,
        sign_time: Some(sign_time),
        retire_time: None,
    };
    keys::insert(tx, key.clone()).await?;
    audit::record(tx, &Act::new("signing_key.made").on(&key.kid)).await?;
    tx.publish(&key.kid, &KeysChanged {});
    Ok(Some(std::iter::once(key).chain(kept).collect()))
}

/// The same as work of the service's own. Where another process was quicker, its key is the one.
pub async fn rotate_by_service(
    db: &Writer<Error>,
    file: &KeyFile,
    schedule: Schedule,
    rotation: Rotation,
) -> Result<bool, Error> {
    let call = Call::of_service(Role::User, "make a signing key");
    let made = db.transact(&call, (NewKey::generate(file)?, rotation), move |tx, input| async move {
        let (new, rotation) = &*input;
        Ok(rotate(&tx, new, schedule, rotation).await?.is_some())
    });
    match made.await {
        // Its COMMIT was before this refusal, so the next read finds it.
        Err(Error::Database(error)) if unique_violation(&error).is_some() => Ok(false),
        made => made,
    }
}

impl KeyRing {
    /// Makes the next key when it is time, and forgets those that count no more.
    pub async fn keep(&self, db: &Writer<Error>) -> Result<(), Error> {
        let now = db.clock().now();
        let newest = keys::live(db.read(), now).await?.first().map(signing_key::Model::signs_from);
        if newest.is_some_and(|newest| self.schedule().is_due(newest, now)) {
            rotate_by_service(db, self.file(), self.schedule(), Rotation::Due).await?;
        }
        if !keys::any_retired(db.read(), now).await? {
            return Ok(());
        }
        let call = Call::of_service(Role::User, "forget retired signing keys");
        let forgotten = db.transact(&call, now, |tx, now| async move {
            if keys::delete_retired(&tx, *now).await? > 0 {
                tx.publish("retired", &KeysChanged {});
            }
            Ok(())
        });
        forgotten.await
    }
}

/// Keys as the operator sees them, the newest first.
pub fn shown(keys: &[signing_key::Model], now: Time) -> SigningKeys {
    let signs = signing(keys, now).map(|key| key.kid.as_str());
    let key = |key: &signing_key::Model| SigningKey {
        kid: key.kid.clone(),
        create_time: Some(key.create_time.into()),
        sign_time: Some(key.signs_from().into()),
        retire_time: key.retire_time.map(Into::into),
        signing: signs == Some(key.kid.as_str()),
    };
    SigningKeys { signing_keys: keys.iter().map(key).collect() }
}

impl signing_key::Model {
    /// From when on it signs: keys of before there was a lead sign from the beginning.
    pub fn signs_from(&self) -> Time {
        self.sign_time.unwrap_or(self.create_time)
    }
}

impl Times for signing_key::Model {
    fn sign_time(&self) -> Time {
        self.signs_from()
    }

    fn retire_time(&self) -> Option<Time> {
        self.retire_time
    }

    fn can_sign(&self) -> bool {
        true
    }
}

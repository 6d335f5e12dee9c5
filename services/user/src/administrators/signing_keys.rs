//! What the operator does about signing keys and the key file (`feira keys`): in the database of a shop that is stopped, or
//! through `AdministratorService` while it runs.

use contracts::user::{RewrapResponse, SigningKeys};
use kit::{Call, Fault, Role, StartError, Tx, Writer, fault::unique_violation, id::UserId};

use super::operator::Offline;
use crate::{
    credentials::{
        KeyFile, SecondFactors,
        key_rotation::{self, NewKey, Rotation, Withdrawn},
        rewrap,
    },
    domain::{Invalid, signing_keys::Schedule},
    error::Error,
    options::SigningKeySchedule,
    store::keys,
};

/// What withdraws every key.
const ALL: &str = "all";

/// The keys that are published.
pub async fn list(db: &Writer<Error>) -> Result<SigningKeys, Error> {
    let now = db.clock().now();
    Ok(key_rotation::shown(&keys::live(db.read(), now).await?, now))
}

/// A new key, and why it is made: `withdraw` names a key that must count no more, `all` all of them.
pub fn asked(file: &KeyFile, withdraw: &str) -> Result<(NewKey, Rotation), Fault> {
    let rotation = match withdraw {
        "" => Rotation::Asked,
        ALL => Rotation::Withdrawing(Withdrawn::All),
        kid => Rotation::Withdrawing(Withdrawn::One(kid.to_owned())),
    };
    Ok((NewKey::generate(file)?, rotation))
}

/// Makes it.
pub async fn rotate(
    tx: &Tx,
    schedule: Schedule,
    (new, rotation): &(NewKey, Rotation),
) -> Result<SigningKeys, Error> {
    let live = key_rotation::rotate(tx, new, schedule, rotation).await?;
    let live = live.ok_or_else(|| Fault::internal("no key was made"))?;
    Ok(key_rotation::shown(&live, tx.now()))
}

/// Another process has made a key at the same time, and ours was refused.
pub fn at_the_same_time(error: Error) -> Error {
    match error {
        Error::Database(error) if unique_violation(&error).is_some() => Error::Stale,
        error => error,
    }
}

/// Wraps some of what an older key has wrapped by the first one.
pub async fn rewrap(
    db: &Writer<Error>,
    call: &Call,
    file: &KeyFile,
    factors: &SecondFactors,
    after: &str,
) -> Result<RewrapResponse, Error> {
    let after: Option<UserId> = match after {
        "" => None,
        after => Some(after.parse().map_err(|_| Invalid::new("after", "is not where to go on"))?),
    };
    let done = rewrap::rewrap(db, call, file, factors, after).await?;
    Ok(RewrapResponse {
        changed: count(done.changed),
        current: count(done.current),
        lost: count(done.lost),
        next: done.next.map(|next| next.to_string()).unwrap_or_default(),
    })
}

fn count(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

impl Offline {
    /// The keys that are published.
    pub async fn signing_keys(&self) -> Result<SigningKeys, Fault> {
        Ok(list(self.db()).await?)
    }

    /// Makes another one, and withdraws what is to be withdrawn.
    pub async fn rotate_signing_keys(
        &self,
        file: &KeyFile,
        schedule: &SigningKeySchedule,
        withdraw: &str,
    ) -> Result<SigningKeys, StartError> {
        schedule.check()?;
        let (input, schedule) = (asked(file, withdraw)?, schedule.schedule());
        let call = Call::of_service(Role::User, "rotate the signing keys");
        let done = self
            .db()
            .transact(&call, input, move |tx, input| async move { rotate(&tx, schedule, &input).await });
        Ok(done.await.map_err(|error| Fault::from(at_the_same_time(error)))?)
    }

    /// Wraps some of what an older key has wrapped by the first one.
    pub async fn rewrap(&self, file: &KeyFile, after: &str) -> Result<RewrapResponse, Fault> {
        let call = Call::of_service(Role::User, "rewrap");
        let factors = SecondFactors::new(file.clone(), "");
        Ok(rewrap(self.db(), &call, file, &factors, after).await?)
    }
}

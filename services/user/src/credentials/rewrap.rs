//! Rewrapping: what is wrapped by an older key of the key file is wrapped by its first, some at a time, while everything
//! goes on. Each row is changed only if it is what was read, so nothing that is set up meanwhile is lost; what a process
//! has wrapped by an older key in between is found by the next round.

use kit::{Call, StartError, Writer, id::UserId};

use super::{
    SecondFactors,
    key_file::{KeyFile, cannot_unwrap},
};
use crate::{
    error::Error,
    store::{entities::second_factor, keys, second_factors},
};

/// How many second factors are looked at in one call.
const AT_ONCE: u64 = 500;
/// How many of the oldest, and of the newest, are tried at start.
const TRIED: u64 = 1_000;

/// What one call has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rewrapped {
    /// Wrapped by the first key now, and by another before.
    pub changed: u64,
    /// Wrapped by the first key already.
    pub current: u64,
    /// Wrapped by no key of the file.
    pub lost: u64,
    /// Where the next call goes on, unless this was the last.
    pub next: Option<UserId>,
}

/// Looks at the signing keys (at the beginning) and at some second factors, of the users after `after`.
pub async fn rewrap(
    db: &Writer<Error>,
    call: &Call,
    file: &KeyFile,
    factors: &SecondFactors,
    after: Option<UserId>,
) -> Result<Rewrapped, Error> {
    let mut done = Rewrapped::default();
    if after.is_none() {
        rewrap_signing_keys(db, call, file, &mut done).await?;
    }
    let rows = second_factors::page(db.read(), after, AT_ONCE).await?;
    done.next = rows.last().filter(|_| rows.len() as u64 == AT_ONCE).map(|row| row.user_id);
    let mut changes = Vec::new();
    for second_factor::Model { user_id, wrapped_secret, .. } in rows {
        match factors.rewrapped(user_id, &wrapped_secret) {
            Ok(None) => done.current += 1,
            Ok(Some(again)) => changes.push((user_id, wrapped_secret, again)),
            Err(_) => done.lost += 1,
        }
    }
    if changes.is_empty() {
        return Ok(done);
    }
    let changed = db.transact(call, changes, |tx, changes| async move {
        let mut changed = 0;
        for (user, old, new) in &*changes {
            changed += u64::from(second_factors::rewrap(&tx, *user, old, new).await?);
        }
        Ok(changed)
    });
    done.changed += changed.await?;
    Ok(done)
}

async fn rewrap_signing_keys(
    db: &Writer<Error>,
    call: &Call,
    file: &KeyFile,
    done: &mut Rewrapped,
) -> Result<(), Error> {
    let wrapping = file.keys();
    for key in keys::all(db.read()).await? {
        match wrapping.unwrap(&key.kid, &key.wrapped_key) {
            None => done.lost += 1,
            Some((_, true)) => done.current += 1,
            Some((plain, false)) => {
                let again = wrapping.wrap(&key.kid, &plain)?;
                let input = (key.kid, key.wrapped_key, again);
                let changed = db.transact(call, input, |tx, input| async move {
                    let (kid, old, new) = &*input;
                    Ok(keys::rewrap(&tx, kid, old, new.clone()).await?)
                });
                done.changed += u64::from(changed.await?);
            }
        }
    }
    Ok(())
}

/// Refuses a key file without a key that second factors were wrapped by. Of many the oldest and the newest are tried: those
/// tell of a key that was removed before everything was wrapped anew.
pub async fn check(db: &Writer<Error>, factors: &SecondFactors) -> Result<(), StartError> {
    let rows = second_factors::ends(db.read(), TRIED).await?;
    let opens = |row: &second_factor::Model| factors.open(row.user_id, &row.wrapped_secret).is_ok();
    if rows.iter().all(opens) { Ok(()) } else { Err(cannot_unwrap("second factors")) }
}

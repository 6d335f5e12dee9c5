//! The second factor: set up, confirmed, removed, and asked for at sign-in.

use contracts::user::{
    ConfirmTotpRequest, ConfirmTotpResponse, RemoveTotpRequest, StartTotpRequest, StartTotpResponse,
};
use kit::{Call, Caller, Fault, Scope, Tx, Written, audit_log::Act, id::UserId};

use crate::{
    api::{Revocations, Shared, passkeys::may_change_factors},
    credentials::{FactorSecret, SecondFactors, recovery_codes, recovery_hash},
    domain::{Invalid, mail::MailKind, roles, throttle::Limit},
    error::Error,
    store::{
        audit,
        entities::{second_factor, user},
        failures::{self, Login},
        second_factors, sessions, users,
    },
};

/// Only the own one: nobody sets up what somebody else signs in by.
pub fn own(call: &Call, user_id: &str) -> Result<UserId, Error> {
    let id = call.user_id(user_id, "user_id")?;
    match call.caller().user() == Some(id) {
        true => Ok(id),
        false => Err(Fault::denied("what somebody signs in by is set up by that user alone").into()),
    }
}

/// Makes a secret, which counts once a code of it was right.
pub async fn start_totp(
    shared: &Shared,
    call: &Call,
    request: StartTotpRequest,
) -> Result<StartTotpResponse, Error> {
    let id = own(call, &request.user_id)?;
    let user = users::find(shared.db.read(), Scope::Owner(id), id).await?;
    may_change_factors(shared, call, &user).await?;
    let new = shared.second_factors.generate(id, &user.username)?;
    let started = shared.db.transact(call, new.wrapped, move |tx, wrapped| async move {
        let user = users::lock(&tx, Scope::Owner(id), id).await?;
        if user.second_factor {
            return Err(Error::SecondFactorThere);
        }
        second_factors::begin(&tx, id, (*wrapped).clone()).await?;
        Ok(())
    });
    started.await?;
    Ok(StartTotpResponse { secret: new.text, otpauth_uri: new.uri })
}

/// Takes the first code, and gives the codes for recovery.
pub async fn confirm_totp(
    shared: &Shared,
    call: &Call,
    request: ConfirmTotpRequest,
) -> Result<ConfirmTotpResponse, Error> {
    let id = own(call, &request.user_id)?;
    let (limit, per_day) = (shared.limit, shared.mails_per_day);
    let found = second_factors::find(shared.db.read(), id).await?;
    let Some(found) = found.filter(|factor| factor.confirm_time.is_none()) else {
        return Err(Error::NoSecondFactor);
    };
    let now = shared.db.clock().now();
    let factors = shared.second_factors.clone();
    let secret = factors.open(id, &found.wrapped_secret)?;
    let step = factors.step(&secret, &request.code, now)?;
    let codes = recovery_codes();
    let hashes: Vec<String> = codes.iter().map(|(_, hash)| hash.clone()).collect();
    let keep = match call.caller() {
        Caller::User { session, .. } => Some(*session),
        _ => None,
    };
    let confirmed = shared.db.transact(call, (factors, secret, hashes), move |tx, input| async move {
        let (factors, secret, hashes) = &*input;
        let mut user = users::lock(&tx, Scope::Owner(id), id).await?;
        let again = second_factors::find(&*tx, id).await?;
        if !is_still(factors, id, again, secret)? || user.second_factor {
            return Err(Error::NoSecondFactor);
        }
        let used = match step {
            Some(step) => second_factors::use_step(&tx, id, step).await?,
            None => false,
        };
        if !used {
            // An answer, not an error: it must be committed.
            return Ok(failures::count(&tx, &Login::code(id), limit).await?.map(|_| None));
        }
        second_factors::confirm(&tx, id, hashes.clone()).await?;
        audit::record(&tx, &Act::new("second_factor.added").of(id)).await?;
        per_day.tell(&tx, &user, MailKind::SecondFactorAdded).await?;
        user.second_factor = true;
        // Whoever got in by the password alone is out.
        let revocations = Revocations::default();
        sessions::end_all(&tx, id, keep).await?;
        revocations.tokens_but(&tx, &mut user, keep).await?;
        users::change(&tx, user).await?;
        Ok(Ok(Some(revocations)))
    });
    match confirmed.await? {
        Ok(Some(revocations)) => revocations.apply(shared),
        Ok(None) => return Err(Error::WrongCode),
        Err(wait) => return Err(Error::Throttled(wait)),
    }
    shared.mail_due.notify_one();
    Ok(ConfirmTotpResponse { recovery_codes: codes.into_iter().map(|(code, _)| code).collect() })
}

/// Removes it: by a code, or by an administrator who acts on somebody else.
pub async fn remove_totp(
    shared: &Shared,
    call: &Call,
    request: RemoveTotpRequest,
) -> Result<Written<()>, Error> {
    let id = call.user_id(&request.user_id, "user_id")?;
    let scope = call.scope()?;
    let asked = call.caller().user() == Some(id) || !call.caller().is_admin();
    if asked && request.code.is_empty() {
        return Err(Invalid::new("code", "must be given").into());
    }
    let known = users::find(shared.db.read(), scope, id).await?;
    roles::may_act(call.caller(), id, known.rights())?;
    let (check, per_day) = (Check::of(shared, id, &request.code).await?, shared.mails_per_day);
    let (limit, required) = (shared.limit, shared.require_second_factor);
    let written = shared.write_revoking(call, check, move |tx, check, revocations| async move {
        let mut user = users::lock(&tx, scope, id).await?;
        roles::may_act(tx.call().caller(), user.id, user.rights())?;
        if !user.second_factor {
            return Err(Error::NoSecondFactor);
        }
        if asked {
            let failures = failures::find(&*tx, &Login::code(id)).await?;
            if let Some(wait) = limit.wait(failures, tx.now()) {
                return Err(Error::Throttled(wait));
            }
            if !check.passes(&tx, &user).await? {
                return Err(Error::WrongCode);
            }
        }
        second_factors::remove(&tx, id).await?;
        audit::record(&tx, &Act::new("second_factor.removed").of(id)).await?;
        per_day.tell(&tx, &user, MailKind::SecondFactorRemoved).await?;
        user.second_factor = false;
        if required {
            // Tokens that were given to staff with a second factor are staff's no more.
            revocations.tokens_of(&tx, &mut user).await?;
        }
        users::change(&tx, user).await?;
        Ok(())
    });
    let written = written.await;
    shared.mail_due.notify_one();
    match written {
        Err(Error::WrongCode) => Err(count_failure(shared, call, id, limit).await?),
        written => written,
    }
}

/// Counts a wrong code, in a transaction of its own: the refused one was rolled back.
async fn count_failure(shared: &Shared, call: &Call, id: UserId, limit: Limit) -> Result<Error, Error> {
    let counted = shared.db.transact(call, id, move |tx, id| async move {
        Ok(failures::count(&tx, &Login::code(*id), limit).await?)
    });
    Ok(match counted.await? {
        Ok(_) => Error::WrongCode,
        Err(wait) => Error::Throttled(wait),
    })
}

/// Whether a stored factor is of a secret that was opened before: another one may have been set up meanwhile. Told by what it
/// is and not by its wrapping, which changes when the key file's first key does.
fn is_still(
    factors: &SecondFactors,
    user: UserId,
    found: Option<second_factor::Model>,
    secret: &FactorSecret,
) -> Result<bool, Fault> {
    found.map_or(Ok(false), |found| Ok(factors.open(user, &found.wrapped_secret)?.is(secret)))
}

/// What a code is found to be before the transaction that uses it up.
pub struct Check {
    factors: SecondFactors,
    /// The secret that it was held against.
    secret: Option<FactorSecret>,
    step: Option<i64>,
    recovery: String,
}

impl Check {
    /// Looks at a code that somebody gives for a user.
    pub async fn of(shared: &Shared, user: UserId, code: &str) -> Result<Self, Error> {
        let found = second_factors::find(shared.db.read(), user).await?;
        let found = found.filter(|factor| factor.confirm_time.is_some());
        let (factors, now) = (shared.second_factors.clone(), shared.db.clock().now());
        let secret = found.map(|factor| factors.open(user, &factor.wrapped_secret)).transpose()?;
        let step = match &secret {
            Some(secret) => factors.step(secret, code, now)?,
            None => None,
        };
        Ok(Self { factors, secret, step, recovery: recovery_hash(code) })
    }

    /// Uses the code up, if it counts for a user whom the transaction has locked.
    pub async fn passes(&self, tx: &Tx, user: &user::Model) -> Result<bool, Error> {
        let now = second_factors::find(&**tx, user.id).await?;
        let same = match &self.secret {
            Some(secret) => is_still(&self.factors, user.id, now, secret)?,
            None => now.is_none(),
        };
        if !same {
            return Ok(false);
        }
        if let Some(step) = self.step {
            return Ok(second_factors::use_step(tx, user.id, step).await?);
        }
        let recovered = second_factors::use_recovery(tx, user.id, &self.recovery).await?;
        if recovered {
            audit::record(tx, &Act::new("recovery_code.used").of(user.id)).await?;
        }
        Ok(recovered)
    }
}

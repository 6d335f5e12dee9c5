//! Changing a password.

use contracts::user::ChangePasswordRequest;
use kit::{Call, Caller, Scope, Written, audit_log::Act, id::UserId};

use crate::{
    api::Shared,
    credentials::{PasswordHash, Standing, sha256_bytes},
    domain::{
        Invalid,
        mail::{MailKind, Purpose},
        password, roles,
        throttle::Wait,
    },
    error::Error,
    store::{
        audit,
        failures::{self, Login},
        sessions, tokens, users,
    },
};

/// What the old password was found to be, before the write.
enum Old {
    /// Not asked for: an administrator acts on somebody else.
    NotAsked,
    /// The one that this hash is of.
    Right(PasswordHash),
    Wrong,
    Throttled(Wait),
}

pub async fn change_password(
    shared: &Shared,
    call: &Call,
    request: ChangePasswordRequest,
) -> Result<Written<()>, Error> {
    let id = call.user_id(&request.id, "id")?;
    let scope = call.scope()?;
    let by_owner = call.caller().user() == Some(id);
    let asked = by_owner || !call.caller().is_admin();
    if asked && request.old_password.is_empty() {
        return Err(Invalid::new("old_password", "must be given").into());
    }
    let known = users::find(shared.db.read(), scope, id).await?;
    shared.check_password("new_password", &request.new_password, &known.username, &known.email)?;
    let old =
        if asked { check_old(shared, call, scope, id, &request.old_password).await? } else { Old::NotAsked };
    let new = match old {
        Old::NotAsked | Old::Right(_) => {
            shared.hasher.of(Standing::of(call)).hash(&request.new_password).await?
        }
        // The write refuses, unless it was done before.
        Old::Wrong | Old::Throttled(_) => PasswordHash(String::new()),
    };
    let (limit, per_day, required) = (shared.limit, shared.mails_per_day, shared.require_password_change);
    let keep = match call.caller() {
        Caller::User { session, .. } if by_owner => Some(*session),
        _ => None,
    };
    let written = shared.write_revoking(call, (old, new), move |tx, input, revocations| async move {
        let (old, new) = &*input;
        let mut user = users::lock(&tx, scope, id).await?;
        roles::may_act(tx.call().caller(), user.id, user.rights())?;
        match old {
            Old::NotAsked => {}
            // Verified before the transaction, because hashing is slow: right only while the hash is the same.
            Old::Right(hash) if *hash == user.password_hash => {
                // The limit again: tries that came at the same time have been counted meanwhile.
                let failures = failures::find(&*tx, &Login::old_password(id)).await?;
                if let Some(wait) = limit.wait(failures, tx.now()) {
                    return Err(Error::Throttled(wait));
                }
                failures::clear(&tx, &Login::old_password(id)).await?;
            }
            Old::Right(_) | Old::Wrong => return Err(Error::WrongOldPassword),
            Old::Throttled(wait) => return Err(Error::Throttled(*wait)),
        }
        if required && user.password_printed {
            // Others may have signed in by it and made some, which would have the user's rights from now on.
            revocations.keys_of(&tx, id).await?;
        }
        (user.password_hash, user.password_printed) = (new.clone(), false);
        audit::record(&tx, &Act::new("password.changed").of(id)).await?;
        per_day.tell(&tx, &user, MailKind::PasswordChanged).await?;
        tokens::drop_all(&tx, id, Purpose::ResetPassword).await?;
        sessions::end_all(&tx, id, keep).await?;
        revocations.tokens_but(&tx, &mut user, keep).await?;
        users::change(&tx, user).await?;
        Ok(())
    });
    let written = written.await;
    shared.mail_due.notify_one();
    match written {
        Err(Error::WrongOldPassword) => Err(count_failure(shared, call, id).await?),
        written => written,
    }
}

impl Shared {
    /// Refuses a password that cannot be one, or is among those that are tried first. `field` is its proto path.
    pub fn check_password(
        &self,
        field: &'static str,
        password: &str,
        username: &str,
        email: &str,
    ) -> Result<(), Error> {
        if let Some(problem) = password::problem(password) {
            return Err(Invalid::new(field, problem).into());
        }
        let prepared = password::prepared(password).unwrap_or(password.into());
        let names = [username, email, &self.shop_name];
        password::check(&prepared, &names, sha256_bytes).map_err(|_| Error::TooCommon(field))
    }
}

async fn check_old(shared: &Shared, call: &Call, scope: Scope, id: UserId, old: &str) -> Result<Old, Error> {
    let db = shared.db.read();
    let user = users::find(db, scope, id).await?;
    roles::may_act(call.caller(), user.id, user.rights())?;
    let failures = failures::find(db, &Login::old_password(id)).await?;
    if let Some(wait) = shared.limit.wait(failures, shared.db.clock().now()) {
        return Ok(Old::Throttled(wait));
    }
    let right = shared.hasher.of(Standing::of(call)).verify(old, Some(&user.password_hash)).await?;
    Ok(if right { Old::Right(user.password_hash) } else { Old::Wrong })
}

/// Counts a wrong old password, in a transaction of its own: the refused one was rolled back. Returns the error for the
/// caller.
async fn count_failure(shared: &Shared, call: &Call, id: UserId) -> Result<Error, Error> {
    let limit = shared.limit;
    let counted = shared.db.transact(call, id, move |tx, id| async move {
        Ok(failures::count(&tx, &Login::old_password(*id), limit).await?)
    });
    Ok(match counted.await? {
        Ok(_) => Error::WrongOldPassword,
        Err(wait) => Error::Throttled(wait),
    })
}

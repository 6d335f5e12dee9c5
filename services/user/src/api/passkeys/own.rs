//! The passkeys of a user: added, listed, removed.

use contracts::user::{
    ConfirmPasskeyRequest, DeletePasskeyRequest, ListPasskeysRequest, ListPasskeysResponse, Passkey,
    StartPasskeyRequest, StartPasskeyResponse,
};
use kit::{
    Call, Caller, Fault, Scope, Written,
    audit_log::Act,
    id::{Malformed, PasskeyId},
    replayed,
};

use super::refusal;
use crate::{
    api::{Shared, read::NAME_LENGTH, recovery::signed_in_lately, render, second_factor::own},
    credentials::passkeys::{Holder, Refused},
    domain::{mail::MailKind, names, passkeys::MOST, roles},
    error::Error,
    store::{audit, entities::user, passkeys, users},
};

pub async fn start_passkey(
    shared: &Shared,
    call: &Call,
    request: StartPasskeyRequest,
) -> Result<StartPasskeyResponse, Error> {
    let id = own(call, &request.user_id)?;
    let db = shared.db.read();
    let user = users::find(db, Scope::Owner(id), id).await?;
    may_change_factors(shared, call, &user).await?;
    let known = passkeys::known(db, id).await?;
    if known.len() as u64 >= MOST {
        return Err(Error::TooManyPasskeys);
    }
    let display_name = format!("{} {}", user.first_name, user.last_name);
    let holder = Holder { id, username: user.username, display_name };
    let asked =
        shared.relying_party.start_adding(&holder, known, shared.db.clock().now()).map_err(refusal)?;
    Ok(StartPasskeyResponse { challenge_token: asked.token, options: asked.options })
}

pub async fn confirm_passkey(
    shared: &Shared,
    call: &Call,
    request: ConfirmPasskeyRequest,
) -> Result<Written<Passkey>, Error> {
    let id = own(call, &request.user_id)?;
    let name = names::name(&request.name, "name", NAME_LENGTH)?;
    // A repeat is answered though its challenge is used up.
    if let Some(written) = replayed(&shared.db, call).await? {
        return Ok(written);
    }
    let now = shared.db.clock().now();
    let made = shared.relying_party.added(id, &request.challenge_token, &request.credential, now);
    let made = made.map_err(|refused| {
        if let Refused::Wrong(reason) = &refused {
            tracing::debug!(user_id = %id, reason, "passkey.not_added");
        }
        refusal(refused)
    })?;
    let per_day = shared.mails_per_day;
    let written = shared.db.write(call, (name, made), move |tx, input| async move {
        let (name, (credential, challenge)) = &*input;
        let user = users::lock(&tx, Scope::Owner(id), id).await?;
        if !passkeys::spend(&tx, *challenge).await? {
            return Err(Error::ChallengeExpired);
        }
        let key = passkeys::insert(&tx, id, name, credential).await?;
        audit::record(&tx, &Act::new("passkey.added").of(id).on(key.id)).await?;
        per_day.tell(&tx, &user, MailKind::PasskeyAdded).await?;
        Ok(render::passkey(key))
    });
    let written = written.await;
    shared.mail_due.notify_one();
    written
}

pub async fn list_passkeys(
    shared: &Shared,
    call: &Call,
    request: ListPasskeysRequest,
) -> Result<ListPasskeysResponse, Error> {
    let page = shared.db.page::<PasskeyId>(call, &request)?;
    let user_id = call.user_id(&request.user_id, "user_id")?;
    shared.may_see(call, user_id).await?;
    let rows = passkeys::list(shared.db.read(), user_id, page.after, page.limit()).await?;
    let (passkeys, next_page_token) =
        page.make(rows, |row| row.id, |row| Ok::<_, Error>(render::passkey(row)))?;
    Ok(ListPasskeysResponse { passkeys, next_page_token })
}

pub async fn delete_passkey(
    shared: &Shared,
    call: &Call,
    request: DeletePasskeyRequest,
) -> Result<Written<()>, Error> {
    let user_id = call.user_id(&request.user_id, "user_id")?;
    let malformed = |problem: Malformed| Fault::invalid("id", problem.to_string());
    let id: PasskeyId = request.id.parse().map_err(malformed)?;
    let scope = call.scope()?;
    if let Some(written) = replayed(&shared.db, call).await? {
        return Ok(written);
    }
    let known = users::find(shared.db.read(), scope, user_id).await?;
    roles::may_act(call.caller(), known.id, known.rights())?;
    may_change_factors(shared, call, &known).await?;
    let kept = match call.caller() {
        Caller::User { session, .. } => Some(*session),
        _ => None,
    };
    let per_day = shared.mails_per_day;
    let written = shared.write_revoking(call, id, move |tx, id, revocations| async move {
        let mut user = users::lock(&tx, scope, user_id).await?;
        roles::may_act(tx.call().caller(), user.id, user.rights())?;
        let key = passkeys::lock(&tx, user.id, *id).await?.ok_or(Error::PasskeyNotFound)?;
        passkeys::delete(&tx, key.id).await?;
        // Whoever is in by it is out; what the caller's own session was given for it counts no more.
        let left = passkeys::leave(&tx, user.id, key.id, kept).await?;
        if left.kept || left.others {
            revocations.tokens_but(&tx, &mut user, kept.filter(|_| !left.kept)).await?;
            users::change_token_version(&tx, &user).await?;
        }
        audit::record(&tx, &Act::new("passkey.removed").of(user.id).on(key.id)).await?;
        per_day.tell(&tx, &user, MailKind::PasskeyRemoved).await?;
        Ok(())
    });
    let written = written.await;
    shared.mail_due.notify_one();
    written
}

/// Refuses a user who changes what the account is signed in by and did not sign in lately. Staff who must have two factors,
/// and have them in a passkey alone, have done so by it: who has but the password must not make factors of their own.
pub async fn may_change_factors(shared: &Shared, call: &Call, user: &user::Model) -> Result<(), Error> {
    signed_in_lately(shared, call, user.id).await?;
    let Caller::User { id, session, .. } = call.caller() else { return Ok(()) };
    let is_staff = user.staff || user.admin || user.role_id.is_some();
    let by_passkey_alone = *id == user.id && shared.require_second_factor && is_staff && !user.second_factor;
    let db = shared.db.read();
    if !by_passkey_alone || passkeys::count(db, user.id).await? == 0 || passkeys::began(db, *session).await? {
        return Ok(());
    }
    Err(Error::PasskeyRequired)
}

//! The API keys of a user, and what other processes ask about them.

use contracts::user::{
    ApiKey, ApiKeyGrant, CreateApiKeyRequest, ListApiKeysRequest, ListApiKeysResponse, ResolveApiKeyRequest,
    RevokeApiKeyRequest, RotateApiKeyRequest,
};
use kit::{
    Call, Fault, Secret, Time, Written,
    audit_log::Act,
    call::Roles,
    id::{ApiKeyId, Malformed},
    identity::api_key::{self, KeyHash},
    permissions::Scopes,
    replayed,
};
use prost_types::Duration;

use crate::{
    api::{Shared, read::NAME_LENGTH, recovery::caller_signed_in_lately, render},
    domain::{
        Invalid,
        api_keys::{LONGEST_OVERLAP, Times, Which},
        mail::{KEYS, MailKind},
        names, roles,
    },
    error::Error,
    store::{
        api_keys::{self, NewKey},
        audit,
        entities::api_key::Model,
        failures::Login,
        roles as roles_store, users,
    },
};

pub async fn create_api_key(
    shared: &Shared,
    call: &Call,
    request: CreateApiKeyRequest,
) -> Result<Written<ApiKey>, Error> {
    let user_id = call.user_id(&request.user_id, "user_id")?;
    let scope = call.scope()?;
    let sent = request.api_key.unwrap_or_default();
    let expire_time = sent.expire_time.map(Time::from);
    if expire_time.is_some_and(|time| time <= shared.db.clock().now()) {
        return Err(Invalid::new("api_key.expire_time", "must be in the future").into());
    }
    let scopes = Scopes::named(sent.scopes.iter().map(String::as_str));
    let scopes = scopes.map_err(|_| Invalid::new("api_key.scopes", "has one that there is not"))?;
    // A repeat is answered however long ago its user has signed in.
    if let Some(written) = replayed(&shared.db, call).await? {
        return Ok(written);
    }
    caller_signed_in_lately(shared, call).await?;
    shared.count(call, Login::keys_of(user_id), KEYS).await?;
    let per_day = shared.mails_per_day;
    let prefix = api_key::new_prefix();
    let (secret, secret_hash) = new_secret(&prefix)?;
    let name = names::name(&sent.name, "api_key.name", NAME_LENGTH)?;
    let new = NewKey { user_id, name, prefix, secret_hash, scopes, expire_time };
    let written = shared.db.write_with(call, new, move |tx, new| async move {
        let user = users::lock(&tx, scope, user_id).await?;
        roles::may_hold_key(tx.call().caller(), user.id)?;
        // What is stored of it under an idempotency key is without the secret.
        let key = api_keys::insert(&tx, (*new).clone()).await?;
        audit::record(&tx, &Act::new("api_key.created").of(user.id).on(key.id)).await?;
        per_day.tell(&tx, &user, MailKind::KeyAdded).await?;
        Ok((render::api_key(key), ()))
    });
    let written = written.await?;
    shared.mail_due.notify_one();
    Ok(with_secret(written, &secret))
}

pub async fn list_api_keys(
    shared: &Shared,
    call: &Call,
    request: ListApiKeysRequest,
) -> Result<ListApiKeysResponse, Error> {
    let page = shared.db.page::<ApiKeyId>(call, &request)?;
    let user_id = call.user_id(&request.user_id, "user_id")?;
    let db = shared.db.read();
    shared.may_see(call, user_id).await?;
    let rows = api_keys::list(db, user_id, page.after, page.limit()).await?;
    let (api_keys, next_page_token) =
        page.make(rows, |row| row.id, |row| Ok::<_, Error>(render::api_key(row)))?;
    Ok(ListApiKeysResponse { api_keys, next_page_token })
}

pub async fn rotate_api_key(
    shared: &Shared,
    call: &Call,
    request: RotateApiKeyRequest,
) -> Result<Written<ApiKey>, Error> {
    let user_id = call.user_id(&request.user_id, "user_id")?;
    let (id, scope) = (key_id(&request.id)?, call.scope()?);
    let overlap = overlap(request.overlap)?;
    // A repeat is answered however long ago its user has signed in.
    if let Some(written) = replayed(&shared.db, call).await? {
        return Ok(written);
    }
    caller_signed_in_lately(shared, call).await?;
    let per_day = shared.mails_per_day;
    // The prefix stays, so it is read before: the secret must not be made anew when the transaction is run again.
    let prefix = {
        let user = users::find(shared.db.read(), scope, user_id).await?;
        let keys = api_keys::find(shared.db.read(), user.id, id).await?;
        keys.prefix
    };
    let (secret, hash) = new_secret(&prefix)?;
    let (written, revocations) = shared
        .db
        .write_with(call, hash, move |tx, hash| async move {
            let user = users::lock(&tx, scope, user_id).await?;
            roles::may_hold_key(tx.call().caller(), user.id)?;
            let key = api_keys::lock(&tx, user.id, id).await?;
            let old_until = (!overlap.is_zero()).then(|| tx.now() + overlap);
            let key = api_keys::rotate(&tx, key, (*hash).clone(), old_until).await?;
            // Told in any case: other processes must learn until when the old secret counts.
            audit::record(&tx, &Act::new("api_key.rotated").of(user.id).on(key.id)).await?;
            per_day.tell(&tx, &user, MailKind::KeyAdded).await?;
            let revocations = super::Revocations::default();
            revocations.key(&tx, user.id, key.id, key.version).await?;
            Ok((render::api_key(key), revocations))
        })
        .await?;
    if let Some(revocations) = &revocations {
        revocations.apply(shared);
    }
    shared.mail_due.notify_one();
    Ok(with_secret((written, revocations.map(|_| ())), &secret))
}

pub async fn revoke_api_key(
    shared: &Shared,
    call: &Call,
    request: RevokeApiKeyRequest,
) -> Result<Written<()>, Error> {
    let user_id = call.user_id(&request.user_id, "user_id")?;
    let (id, scope) = (key_id(&request.id)?, call.scope()?);
    let written = shared.write_revoking(call, id, move |tx, id, revocations| async move {
        let user = users::lock(&tx, scope, user_id).await?;
        roles::may_act(tx.call().caller(), user.id, user.rights())?;
        let key = api_keys::lock(&tx, user.id, *id).await?;
        api_keys::delete(&tx, key.id).await?;
        audit::record(&tx, &Act::new("api_key.revoked").of(user.id).on(key.id)).await?;
        Ok(revocations.key(&tx, user.id, key.id, i64::MAX).await?)
    });
    written.await
}

/// What a secret stands for. Its use is noted, which must not keep it from being used.
pub async fn resolve_api_key(
    shared: &Shared,
    call: &Call,
    request: ResolveApiKeyRequest,
) -> Result<ApiKeyGrant, Error> {
    let (db, now) = (shared.db.read(), shared.db.clock().now());
    let key = api_keys::by_prefix(db, &request.prefix).await?.ok_or(Error::KeyNotFound)?;
    let which = match &key {
        Model { secret_hash, .. } if *secret_hash == request.hash => Which::Newest,
        Model { old_hash: Some(old), .. } if *old == request.hash => Which::Old,
        _ => return Err(Error::KeyNotFound),
    };
    let times = Times { expire: key.expire_time, old_expire: key.old_expire_time };
    let expire_time = times.until(which, now).map_err(|_| Error::KeyNotFound)?;
    let user = users::find(db, kit::Scope::All, key.user_id).await.map_err(|error| match error {
        Error::UserNotFound => Error::KeyNotFound,
        error => error,
    })?;
    if user.disabled {
        return Err(Error::KeyNotFound);
    }
    if key.last_used_time.is_none_or(|last| last + crate::domain::api_keys::NOTE_AGAIN <= now) {
        let noted =
            shared.db.transact(call, key.id, |tx, id| async move { Ok(api_keys::note_use(&tx, *id).await?) });
        if let Err(error) = noted.await {
            tracing::warn!(%error, "the use of a key cannot be noted");
        }
    }
    let (rights, _, role) = roles_store::rights(db, &user).await?;
    // As their tokens.
    let rights = if shared.is_bare(&user, false) { Roles::default() } else { rights };
    Ok(render::grant(&key, &user, (rights, role), expire_time))
}

/// The answer of a call that made a secret, which is not part of what was stored.
fn with_secret<X>((mut written, fresh): (Written<ApiKey>, Option<X>), secret: &Secret) -> Written<ApiKey> {
    if fresh.is_some() {
        secret.expose().clone_into(&mut written.message.secret);
    }
    written
}

fn new_secret(prefix: &str) -> Result<(Secret, String), Fault> {
    let secret = api_key::new_secret(prefix);
    let hash = KeyHash::of(secret.expose()).ok_or_else(|| Fault::internal("a new key's secret is none"))?;
    Ok((secret, hash.hex()))
}

fn key_id(text: &str) -> Result<ApiKeyId, Fault> {
    text.parse().map_err(|problem: Malformed| Fault::invalid("id", problem.to_string()))
}

fn overlap(sent: Option<Duration>) -> Result<std::time::Duration, Invalid> {
    let bad = || Invalid::new("overlap", "must be from 0 to 7 days");
    let overlap = sent.map(std::time::Duration::try_from).transpose().map_err(|_| bad())?.unwrap_or_default();
    if overlap > LONGEST_OVERLAP { Err(bad()) } else { Ok(overlap) }
}

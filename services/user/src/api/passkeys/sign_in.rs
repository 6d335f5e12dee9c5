//! Signing in by a passkey.

use contracts::user::{SignInWithPasskeyRequest, Tokens};
use kit::{Call, Scope, audit_log::Act, id::UserId};

use super::refusal;
use crate::{
    api::{
        Revocations, Shared,
        auth::tokens,
        sign_in::{By, Counters, SignedIn, admit, counters, refuse},
    },
    credentials::{
        RefreshToken, TokenHash,
        passkeys::{Assertion, Challenge, Refused, Use},
    },
    domain::passkeys::goes_on,
    error::Error,
    store::{
        audit,
        entities::passkey,
        failures,
        passkeys::{self as store, spend},
        users,
    },
};

/// An answer that was looked at.
struct Tried {
    counters: Counters,
    /// Whose passkey it names.
    known: Option<UserId>,
    /// The passkey as it was then, and what becomes of it.
    verdict: Result<(passkey::Model, Use), Bad>,
    challenge: Challenge,
    hash: TokenHash,
}

/// Why it counts for nothing.
enum Bad {
    /// The passkey's count of uses went back.
    Copied(passkey::Model),
    Refused,
}

pub async fn sign_in_with_passkey(
    shared: &Shared,
    call: &Call,
    request: SignInWithPasskeyRequest,
) -> Result<Tokens, Error> {
    let party = &shared.relying_party;
    let asked = party.signing_in(&request.challenge_token, shared.db.clock().now()).map_err(refusal)?;
    let answer = Assertion::read(&request.credential).map_err(refusal)?;
    let (db, challenge, hash) = (shared.db.read(), asked.challenge, answer.credential_hash());
    let key = store::by_credential(db, &hash).await?.filter(|key| answer.user() == Some(key.user_id));
    let owner = match &key {
        Some(key) => match users::find(db, Scope::Owner(key.user_id), key.user_id).await {
            Err(Error::UserNotFound) => None,
            user => Some(user?),
        },
        None => None,
    };
    let (counters, _) = counters(shared, call, &hash, owner.as_ref()).await?;
    if let Some(wait) = failures::wait(db, &counters, shared.db.clock().now()).await? {
        return Err(Error::Throttled(wait));
    }
    let verdict = match key {
        None => Err(Bad::Refused),
        Some(key) => match party.signed_in(asked, &answer, (key.user_id, &key.credential())) {
            Ok(used) => Ok((key, used)),
            Err(Refused::Copied) => Err(Bad::Copied(key)),
            Err(Refused::Wrong(reason)) => {
                tracing::debug!(user_id = %key.user_id, passkey_id = %key.id, reason, "passkey.refused");
                Err(Bad::Refused)
            }
            Err(other) => return Err(refusal(other)),
        },
    };
    let token = RefreshToken::generate();
    let known = owner.map(|user| user.id);
    let tried = Tried { counters, known, verdict, challenge, hash: token.hash() };
    match begin_session(shared, call, tried).await? {
        SignedIn::As(user, session) => Ok(tokens(shared, *user, session, token, true).await?),
        SignedIn::Throttled(wait) => Err(Error::Throttled(wait)),
        SignedIn::Refused | SignedIn::CodeRequired => Err(Error::PasskeyRefused),
    }
}

/// Begins a session of the passkey's user, or counts a failure.
///
/// Passkeys are verified before the transaction. So what counts is looked at again under the locks of the user and the
/// passkey: whether it is still there, how often it was used, and whether the challenge was answered meanwhile.
async fn begin_session(shared: &Shared, call: &Call, tried: Tried) -> Result<SignedIn, Error> {
    let (records, most) = (tried.verdict.is_err() && shared.records(call), shared.sessions_per_user);
    let per_day = shared.mails_per_day;
    let signed_in = shared.db.transact(call, tried, move |tx, tried| async move {
        let (tried, revocations) = (&*tried, Revocations::default());
        if let Some(wait) = failures::wait(&*tx, &tried.counters, tx.now()).await? {
            return Ok((SignedIn::Throttled(wait), revocations));
        }
        let refused = refuse(&tx, &tried.counters, (tried.known, None), By::Passkey, (records, per_day));
        let (key, used) = match &tried.verdict {
            Ok(it) => it,
            Err(Bad::Refused) => return Ok((refused.await?, revocations)),
            Err(Bad::Copied(key)) => {
                say_copied(&tx, key).await?;
                return Ok((refused.await?, revocations));
            }
        };
        let user = match users::lock(&tx, Scope::Owner(key.user_id), key.user_id).await {
            Err(Error::UserNotFound) => None,
            user => Some(user?).filter(|user| !user.disabled),
        };
        let Some(mut user) = user else { return Ok((refused.await?, revocations)) };
        let Some(now) = store::lock(&tx, user.id, key.id).await? else {
            return Ok((refused.await?, revocations));
        };
        if !spend(&tx, tried.challenge).await? {
            return Err(Error::ChallengeExpired);
        }
        // Another answer may have been taken since this one was looked at.
        if !goes_on(now.sign_count, used.sign_count) {
            say_copied(&tx, key).await?;
            return Ok((refused.await?, revocations));
        }
        store::note_use(&tx, key.id, *used).await?;
        let begun = (tried.hash.clone(), Some(key.id));
        let session = admit(&tx, &mut user, &tried.counters, begun, most, &revocations).await?;
        Ok((SignedIn::As(Box::new(user), session), revocations))
    });
    let (signed_in, revocations) = signed_in.await?;
    revocations.apply(shared);
    Ok(signed_in)
}

/// Somebody has a second one of this authenticator, or had.
async fn say_copied(tx: &kit::Tx, key: &passkey::Model) -> Result<(), Error> {
    tracing::warn!(user_id = %key.user_id, passkey_id = %key.id, "passkey.copied");
    Ok(audit::record(tx, &Act::new("passkey.copied").of(key.user_id).on(key.id)).await?)
}

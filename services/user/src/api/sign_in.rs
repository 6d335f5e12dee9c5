//! Signing in: passwords, codes, and how often one may fail.

use contracts::user::{SignInRequest, Tokens};
use kit::{
    Call, Caller, Scope, Tx,
    audit_log::Act,
    id::{PasskeyId, SessionId, UserId},
};

use crate::{
    api::{PerDay, Shared, audit::source, auth::tokens, revoke::Revocations, second_factor::Check},
    credentials::{PasswordHash, RefreshToken, Standing, TokenHash, Verified},
    domain::{
        mail::{CODES, MailKind},
        names,
        throttle::{Limit, Wait},
    },
    error::Error,
    store::{
        audit,
        entities::user,
        failures::{self, Login},
        sessions, users,
    },
};

/// What a failure counts against.
pub type Counters = Vec<(Login, Limit)>;

/// What somebody signs in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Password,
    Code,
    Passkey,
}

/// What becomes of a sign-in; failures are committed, because they count.
pub enum SignedIn {
    As(Box<user::Model>, SessionId),
    Refused,
    /// The password is right, and a code is needed.
    CodeRequired,
    Throttled(Wait),
}

/// A sign-in whose password and code were looked at.
struct Tried {
    counters: Counters,
    /// Whose login it is.
    known: Option<UserId>,
    /// The same, if the password was right.
    found: Option<user::Model>,
    code: Option<Check>,
    /// The hash of the password as it is prepared and hashed today, where the one that is stored is another.
    renewed: Option<PasswordHash>,
    hash: TokenHash,
}

pub async fn sign_in(shared: &Shared, call: &Call, request: SignInRequest) -> Result<Tokens, Error> {
    let SignInRequest { login, password, code } = request;
    let db = shared.db.read();
    let found = users::by_login(db, &login).await?;
    let (mut counters, is_known) = counters(shared, call, &names::canonical(&login), found.as_ref()).await?;
    if let Some(wait) = failures::wait(db, &counters, shared.db.clock().now()).await? {
        // Without hashing, so that guessing costs the guesser more than the server.
        return Err(Error::Throttled(wait));
    }
    let hasher = shared.hasher.of(Standing::of_stranger(call).known_if(is_known));
    let verified = hasher.try_forms(&password, found.as_ref().map(|user| &user.password_hash)).await?;
    let known = found.as_ref().map(|user| user.id);
    let found = found.filter(|_| verified != Verified::No);
    let code = match &found {
        Some(user) if user.second_factor && !code.is_empty() => {
            // Who knows the password does not get to try codes from everywhere at once.
            counters.push((Login::code(user.id), shared.sign_in_limits.account_and_source));
            counters.push((Login::codes_of_day(user.id), CODES));
            counters.sort_by(|(a, _), (b, _)| a.cmp(b));
            Some(Check::of(shared, user.id, &code).await?)
        }
        _ => None,
    };
    // Once the password is right alone: how long it takes tells nothing to who does not have it.
    let renewed = match &found {
        Some(user) if verified == Verified::InOldForm || !shared.hasher.is_current(&user.password_hash) => {
            Some(hasher.hash(&password).await?)
        }
        _ => None,
    };
    let token = RefreshToken::generate();
    let tried = Tried { counters, known, found, code, renewed, hash: token.hash() };
    match begin_session(shared, call, tried).await? {
        SignedIn::As(user, session) => Ok(tokens(shared, *user, session, token, false).await?),
        SignedIn::Refused => Err(Error::SignInRefused),
        SignedIn::CodeRequired => Err(Error::CodeRequired),
        SignedIn::Throttled(wait) => Err(Error::Throttled(wait)),
    }
}

/// What a failure of this call counts against.
///
/// An account and a source together have few tries. A source has more over all accounts, against one password that is
/// tried on many; and an account has more over all sources, against many machines. Whoever the user is known to have
/// signed in from meets the first alone, so that nobody keeps a user out from elsewhere. Who has a session of the user has
/// a count of its own. An account counts by its id, by whichever name it is called.
///
/// Says also whether the user is known to have signed in from there, or has a session: their passwords are looked at first.
pub async fn counters(
    shared: &Shared,
    call: &Call,
    login: &str,
    found: Option<&user::Model>,
) -> Result<(Counters, bool), Error> {
    let limits = &shared.sign_in_limits;
    let account = found.map_or_else(|| login.to_owned(), |user| user.id.to_string());
    if let (Caller::User { id, session, .. }, Some(user)) = (call.caller(), found)
        && *id == user.id
    {
        return Ok((vec![(Login::of_session(*session), limits.account_and_source)], true));
    }
    let source = source(call);
    let mut counters = vec![(Login::of_account_and_source(&account, &source), limits.account_and_source)];
    let is_known = match (found, call.client_address()) {
        (Some(user), Some(address)) => sessions::has_been_at(shared.db.read(), user.id, address).await?,
        _ => false,
    };
    if !is_known {
        counters.push((Login::of_source(&source), limits.source));
        counters.push((Login::of_account(&account), limits.account));
    }
    // Rows are locked in this order, by everybody who counts several.
    counters.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok((counters, is_known))
}

/// Begins a session of the user whose password was right, or counts a failure.
///
/// The race is between tries at once: they all pass the check before hashing. So the limits are checked again in the
/// transaction, and `failures::count` does so under a lock of its row: of tries at once, those that come after a limit is
/// reached learn nothing about their password.
async fn begin_session(shared: &Shared, call: &Call, tried: Tried) -> Result<SignedIn, Error> {
    // Anybody can fail as often as they like: how much of that is recorded is bounded.
    let failed = tried.code.is_some() || tried.found.as_ref().is_none_or(|user| user.second_factor);
    let (records, most) = (failed && shared.records(call), shared.sessions_per_user);
    // Who has the password and not the authenticator is to be seen in the log, whatever else comes in at the same time.
    let lacks_code = tried.code.is_none() && tried.found.as_ref().is_some_and(|user| user.second_factor);
    let tells = lacks_code && tried.known.is_some_and(|account| shared.records_of(account));
    let per_day = shared.mails_per_day;
    let signed_in = shared.db.transact(call, tried, move |tx, tried| async move {
        let (tried, revocations) = (&*tried, Revocations::default());
        if let Some(wait) = failures::wait(&*tx, &tried.counters, tx.now()).await? {
            // Also with the right password: a guess that was right must not be told from a wrong one.
            return Ok((SignedIn::Throttled(wait), revocations));
        }
        let user = match &tried.found {
            Some(found) => still(users::lock(&tx, Scope::Owner(found.id), found.id).await, found)?,
            None => None,
        };
        let passed = match (user, &tried.code) {
            (Some(user), None) if user.second_factor => {
                if tells {
                    audit::record(&tx, &Act::new("sign_in.code_required").of(user.id)).await?;
                }
                return Ok((SignedIn::CodeRequired, revocations));
            }
            (Some(user), Some(code)) => code.passes(&tx, &user).await?.then_some(user),
            (user, _) => user,
        };
        let Some(mut user) = passed else {
            let by = if tried.code.is_some() { By::Code } else { By::Password };
            let codes_of = tried.found.as_ref().filter(|_| tried.code.is_some());
            let whose = (tried.known, codes_of);
            return Ok((refuse(&tx, &tried.counters, whose, by, (records, per_day)).await?, revocations));
        };
        if let Some(hash) = &tried.renewed {
            users::renew_hash(&tx, &user, hash).await?;
        }
        let begun = (tried.hash.clone(), None);
        let session = admit(&tx, &mut user, &tried.counters, begun, most, &revocations).await?;
        Ok((SignedIn::As(Box::new(user), session), revocations))
    });
    let (signed_in, revocations) = signed_in.await?;
    revocations.apply(shared);
    Ok(signed_in)
}

/// Begins a session of a user whom the transaction has locked, and who has proved to be that: by a passkey, or otherwise.
pub async fn admit(
    tx: &Tx,
    user: &mut user::Model,
    counters: &Counters,
    (hash, passkey): (TokenHash, Option<PasskeyId>),
    most: u32,
    revocations: &Revocations,
) -> Result<SessionId, Error> {
    if let Some((own, _)) = counters.iter().find(|(login, _)| login.ends_by_success()) {
        failures::clear(tx, own).await?;
    }
    sessions::forget_ended(tx, user.id).await?;
    let session = sessions::begin(tx, user.id, hash, passkey).await?;
    let act = Act::new("sign_in.succeeded").of(user.id).on(session);
    audit::record(tx, &passkey.iter().fold(act, |act, _| act.saying("factor=passkey"))).await?;
    match sessions::end_oldest(tx, user.id, most).await? {
        sessions::Crowded::No => {}
        sessions::Crowded::Ended(oldest) => revocations.session(tx, user.id, oldest).await?,
        // One event for however many: those that are left must refresh.
        sessions::Crowded::EndedSeveral => {
            revocations.tokens_of(tx, user).await?;
            users::change_token_version(tx, user).await?;
        }
    }
    Ok(session)
}

/// Counts a failure: an answer, not an error, because it must be committed.
pub async fn refuse(
    tx: &Tx,
    counters: &Counters,
    (known, codes_of): (Option<UserId>, Option<&user::Model>),
    by: By,
    (records, per_day): (bool, PerDay),
) -> Result<SignedIn, Error> {
    let mut locked_out = false;
    for (login, limit) in counters {
        match failures::count(tx, login, *limit).await? {
            Ok(counted) => locked_out |= limit.wait(Some(counted), tx.now()).is_some(),
            Err(wait) => return Ok(SignedIn::Throttled(wait)),
        }
    }
    let about = |kind| known.iter().fold(Act::new(kind), |act, known| act.of(*known));
    if records {
        let by = match by {
            By::Password => "factor=password",
            By::Code => "factor=code",
            By::Passkey => "factor=passkey",
        };
        audit::record(tx, &about("sign_in.failed").saying(by)).await?;
    }
    // It takes so many failures that nobody fills the log with it.
    if locked_out && (records || known.is_some()) {
        audit::record(tx, &about("sign_in.locked_out")).await?;
    }
    if let (true, Some(user)) = (locked_out, codes_of) {
        per_day.tell(tx, user, MailKind::CodesTried).await?;
    }
    Ok(SignedIn::Refused)
}

/// The user as the transaction has locked the row, if the password that was verified is still the user's and the user
/// was not disabled meanwhile: passwords are verified before the transaction, because hashing is slow.
fn still(locked: Result<user::Model, Error>, verified: &user::Model) -> Result<Option<user::Model>, Error> {
    match locked {
        Ok(user) => {
            Ok(Some(user).filter(|user| !user.disabled && user.password_hash == verified.password_hash))
        }
        Err(Error::UserNotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

//! `AuthService`: signing in and out.

use std::time::Duration;

use contracts::user::{
    GetJwksRequest, Jwks, RefreshRequest, SignInRequest, SignOutRequest, Tokens,
    auth_service_server::AuthService,
};
use kit::{Call, Caller, Fault, Scope, id::SessionId, identity::ACCESS_TOKEN_SECONDS};
use tonic::{Request, Response, Status};

use crate::{
    api::{Auth, Shared, render, revoke::Revocations},
    credentials::RefreshToken,
    domain::{
        names,
        session::{self, Verdict},
    },
    error::Error,
    store::{
        entities::user,
        failures::{self, Login},
        sessions, users,
    },
};

/// What became of a sign-in; failures are committed, because they count.
enum SignedIn {
    As(Box<user::Model>, SessionId),
    Refused,
    Throttled(Duration),
}

/// What became of a refresh; one that ends the session is committed.
enum Refreshed {
    As(Box<user::Model>, SessionId),
    Refused,
}

#[tonic::async_trait]
impl AuthService for Auth {
    async fn sign_in(&self, request: Request<SignInRequest>) -> Result<Response<Tokens>, Status> {
        let call = Call::of(&request)?;
        let shared = &self.0;
        let SignInRequest { login, password } = request.into_inner();
        let folded = names::fold(&login);
        let login = Login::sign_in(&folded);
        let failures = failures::find(shared.db.read(), &login).await.map_err(Fault::from)?;
        if let Some(wait) = shared.limit.wait(failures, shared.db.clock().now()) {
            // Without hashing, so that guessing costs the guesser more than the server.
            return Err(Error::Throttled(wait).into());
        }
        let found = users::by_login(shared.db.read(), &folded).await.map_err(Fault::from)?;
        let right = shared.hasher.verify(&password, found.as_ref().map(|user| &user.password_hash)).await?;
        let found = found.filter(|_| right);
        let token = RefreshToken::generate();
        match begin_session(shared, &call, login, found, &token).await? {
            SignedIn::As(user, session) => Ok(Response::new(tokens(shared, *user, session, token)?)),
            SignedIn::Refused => Err(Error::SignInRefused.into()),
            SignedIn::Throttled(wait) => Err(Error::Throttled(wait).into()),
        }
    }

    async fn refresh(&self, request: Request<RefreshRequest>) -> Result<Response<Tokens>, Status> {
        let call = Call::of(&request)?;
        let shared = &self.0;
        let used = RefreshToken::read(request.into_inner().refresh_token).ok_or(Error::RefreshRefused)?;
        let token = RefreshToken::generate();
        match rotate(shared, &call, &used, &token).await? {
            Refreshed::As(user, session) => Ok(Response::new(tokens(shared, *user, session, token)?)),
            Refreshed::Refused => Err(Error::RefreshRefused.into()),
        }
    }

    async fn sign_out(&self, request: Request<SignOutRequest>) -> Result<Response<()>, Status> {
        let call = Call::of(&request)?;
        let Caller::User { id, session, .. } = *call.caller() else {
            return Err(Fault::denied("only a signed-in user can sign out").into());
        };
        let written = self.0.write_revoking(&call, (id, session), |tx, input, revocations| async move {
            let (id, session) = *input;
            // The UPDATE locks the session's row, so that its events are in the order of its changes.
            sessions::end(&tx, session).await?;
            revocations.session(&tx, id, session).await?;
            Ok(())
        });
        Ok(written.await?.into())
    }

    async fn get_jwks(&self, _: Request<GetJwksRequest>) -> Result<Response<Jwks>, Status> {
        Ok(Response::new(self.0.keys.published().await))
    }
}

/// Begins a session of the user whose password was right, or counts a failure.
///
/// The race is between tries of one login at once: they all pass the check before hashing. So the limit is checked
/// again in the transaction, and `failures::count` does so under a lock of the login's row: of tries at once, those
/// that come after the limit is reached learn nothing about their password.
async fn begin_session(
    shared: &Shared,
    call: &Call,
    login: Login,
    found: Option<user::Model>,
    token: &RefreshToken,
) -> Result<SignedIn, Error> {
    let limit = shared.limit;
    let signed_in = shared.db.transact(call, (login, found, token.hash()), move |tx, input| async move {
        let (login, found, hash) = &*input;
        let failures = failures::find(&*tx, login).await?;
        if let Some(wait) = limit.wait(failures, tx.now()) {
            // Also with the right password: a guess that was right must not be told from a wrong one.
            return Ok(SignedIn::Throttled(wait));
        }
        let user = match found {
            Some(found) => still(users::lock(&tx, Scope::Owner(found.id), found.id).await, found)?,
            None => None,
        };
        let Some(user) = user else {
            // An answer, not an error: it must be committed.
            return Ok(match failures::count(&tx, login, limit).await? {
                Ok(()) => SignedIn::Refused,
                Err(wait) => SignedIn::Throttled(wait),
            });
        };
        if failures.is_some() {
            failures::clear(&tx, login).await?;
        }
        let session = sessions::begin(&tx, user.id, hash.clone()).await?;
        Ok(SignedIn::As(Box::new(user), session))
    });
    signed_in.await
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

/// Uses a refresh token up and gives its session the next one, or ends the session of a token that was used before.
async fn rotate(
    shared: &Shared,
    call: &Call,
    used: &RefreshToken,
    next: &RefreshToken,
) -> Result<Refreshed, Error> {
    let refreshed = shared.db.transact(call, (used.hash(), next.hash()), |tx, input| async move {
        let ((used, next), revocations) = (&*input, Revocations::default());
        let refused = || Ok((Refreshed::Refused, Revocations::default()));
        // Read without a lock, only to learn whose rows to lock: what counts is read again under the locks.
        let Some(known) = sessions::of_token(&*tx, used).await? else { return refused() };
        let user = match users::lock(&tx, Scope::Owner(known.user_id), known.user_id).await {
            // Erased in between, which takes the session along.
            Err(Error::UserNotFound) => return refused(),
            user => user?,
        };
        // The user's row first, as wherever sessions end: a refresh and the end of all sessions take turns, and no
        // session is refreshed that has just ended.
        let Some(session) = sessions::lock(&tx, known.id).await?.filter(|_| !user.disabled) else {
            return refused();
        };
        let state = session::State::of(session.expire_time, session.ended_time, tx.now());
        // Of two uses at once the conditional UPDATE lets one be the first. The other finds it used, which ends the
        // session: whether a thief or the user was first cannot be told.
        let used_before = !sessions::use_token(&tx, used).await?;
        match state.refresh(used_before) {
            Verdict::Rotate => {
                sessions::rotate(&tx, &session, next.clone()).await?;
                Ok((Refreshed::As(Box::new(user), session.id), revocations))
            }
            Verdict::End => {
                sessions::end(&tx, session.id).await?;
                revocations.session(&tx, user.id, session.id).await?;
                Ok((Refreshed::Refused, revocations))
            }
            Verdict::Refuse => refused(),
        }
    });
    let (refreshed, revocations) = refreshed.await?;
    // After the commit: a revocation that was rolled back must not lock anybody out of this process.
    revocations.apply(shared);
    Ok(refreshed)
}

fn tokens(
    shared: &Shared,
    user: user::Model,
    session: SessionId,
    refresh: RefreshToken,
) -> Result<Tokens, Fault> {
    Ok(Tokens {
        access_token: shared.keys.access_token(&user, session)?,
        refresh_token: refresh.into_text(),
        token_type: "Bearer".to_owned(),
        expires_in: ACCESS_TOKEN_SECONDS as i32,
        user: Some(render::user(user)),
    })
}

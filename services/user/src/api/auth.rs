//! `AuthService`: signing in and out.

use std::time::Duration;

use contracts::user::{
    GetJwksRequest, Jwks, ListSessionsRequest, ListSessionsResponse, RefreshRequest, RevokeSessionRequest,
    RevokeSessionsRequest, SignInRequest, SignOutRequest, Tokens, auth_service_server::AuthService,
};
use kit::{Call, Caller, Fault, Scope, id::SessionId, identity::ACCESS_TOKEN_SECONDS};
use tonic::{Request, Response, Status};

use crate::{
    api::{Auth, Shared, refresh, render, revoke::Revocations, sessions as listed},
    credentials::RefreshToken,
    domain::names,
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
        Ok(Response::new(refresh::refresh(&self.0, &call, request.into_inner()).await?))
    }

    async fn sign_out(&self, request: Request<SignOutRequest>) -> Result<Response<()>, Status> {
        let call = Call::of(&request)?;
        let Caller::User { id, session, .. } = *call.caller() else {
            return Err(Fault::denied("only a signed-in user can sign out").into());
        };
        let written = self.0.write_revoking(&call, (id, session), |tx, input, revocations| async move {
            let (id, session) = *input;
            // The UPDATE locks the session's row, so that its events are in the order of its changes. Whoever signs out
            // again, or late, has signed out.
            if sessions::end(&tx, id, session).await? {
                revocations.session(&tx, id, session).await?;
            }
            Ok(())
        });
        Ok(written.await?.into())
    }

    async fn list_sessions(
        &self,
        request: Request<ListSessionsRequest>,
    ) -> Result<Response<ListSessionsResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(Response::new(listed::list_sessions(&self.0, &call, request.into_inner()).await?))
    }

    async fn revoke_session(&self, request: Request<RevokeSessionRequest>) -> Result<Response<()>, Status> {
        let call = Call::of(&request)?;
        Ok(listed::revoke_session(&self.0, &call, request.into_inner()).await?.into())
    }

    async fn revoke_sessions(&self, request: Request<RevokeSessionsRequest>) -> Result<Response<()>, Status> {
        let call = Call::of(&request)?;
        Ok(listed::revoke_sessions(&self.0, &call, request.into_inner()).await?.into())
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
    let (limit, most) = (shared.limit, shared.sessions_per_user);
    let signed_in = shared.db.transact(call, (login, found, token.hash()), move |tx, input| async move {
        let ((login, found, hash), revocations) = (&*input, Revocations::default());
        let failures = failures::find(&*tx, login).await?;
        if let Some(wait) = limit.wait(failures, tx.now()) {
            // Also with the right password: a guess that was right must not be told from a wrong one.
            return Ok((SignedIn::Throttled(wait), revocations));
        }
        let user = match found {
            Some(found) => still(users::lock(&tx, Scope::Owner(found.id), found.id).await, found)?,
            None => None,
        };
        let Some(mut user) = user else {
            // An answer, not an error: it must be committed.
            let refused = match failures::count(&tx, login, limit).await? {
                Ok(()) => SignedIn::Refused,
                Err(wait) => SignedIn::Throttled(wait),
            };
            return Ok((refused, revocations));
        };
        if failures.is_some() {
            failures::clear(&tx, login).await?;
        }
        let session = sessions::begin(&tx, user.id, hash.clone()).await?;
        match sessions::end_oldest(&tx, user.id, most).await? {
            sessions::Crowded::No => {}
            sessions::Crowded::Ended(oldest) => revocations.session(&tx, user.id, oldest).await?,
            // One event for however many: those that are left must refresh.
            sessions::Crowded::EndedSeveral => {
                revocations.tokens_of(&tx, &mut user).await?;
                users::change_token_version(&tx, &user).await?;
            }
        }
        Ok((SignedIn::As(Box::new(user), session), revocations))
    });
    let (signed_in, revocations) = signed_in.await?;
    revocations.apply(shared);
    Ok(signed_in)
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

/// What a session's holder is given.
pub fn tokens(
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

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
        failures::{self, Login},
        sessions,
        users::{self, user},
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
            return Err(Error::Throttled(wait).into());
        }
        let found = users::by_login(shared.db.read(), &folded).await.map_err(Fault::from)?;
        let right = shared.hasher.verify(&password, found.as_ref().map(|user| &user.password_hash)).await?;
        let found = found.filter(|_| right);
        let token = RefreshToken::generate();
        match sign_in(shared, &call, login, found, &token).await? {
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
        match refresh(shared, &call, &used, &token).await? {
            Refreshed::As(user, session) => Ok(Response::new(tokens(shared, *user, session, token)?)),
            Refreshed::Refused => Err(Error::RefreshRefused.into()),
        }
    }

    async fn sign_out(&self, request: Request<SignOutRequest>) -> Result<Response<()>, Status> {
        let call = Call::of(&request)?;
        let Caller::User { id, session, .. } = *call.caller() else {
            return Err(Fault::denied("only a signed-in user can sign out").into());
        };
        let written = self.0.write_revoking(&call, move |tx, revocations| async move {
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

/// Begins a session of the user whose password was right, or counts a failure. The limit is asked again:
/// tries that came at the same time have been counted meanwhile.
async fn sign_in(
    shared: &Shared,
    call: &Call,
    login: Login,
    found: Option<user::Model>,
    token: &RefreshToken,
) -> Result<SignedIn, Error> {
    let (hash, limit) = (token.hash(), shared.limit);
    kit::transact(&shared.db, call, move |tx| {
        let (login, found, hash) = (login.clone(), found.clone(), hash.clone());
        async move {
            let failures = failures::find(&*tx, &login).await?;
            if let Some(wait) = limit.wait(failures, tx.now()) {
                return Ok::<_, Error>(SignedIn::Throttled(wait));
            }
            let user = match found {
                Some(found) => still(users::lock(&tx, Scope::Owner(found.id), found.id).await, &found)?,
                None => None,
            };
            let Some(user) = user else {
                return Ok(match failures::count(&tx, &login, limit).await? {
                    Ok(()) => SignedIn::Refused,
                    Err(wait) => SignedIn::Throttled(wait),
                });
            };
            if failures.is_some() {
                failures::clear(&tx, &login).await?;
            }
            let session = sessions::begin(&tx, user.id, hash).await?;
            Ok(SignedIn::As(Box::new(user), session))
        }
    })
    .await
}

/// The user as she is now, if she may still sign in with the password that was verified.
fn still(locked: Result<user::Model, Error>, verified: &user::Model) -> Result<Option<user::Model>, Error> {
    match locked {
        Ok(user) => {
            Ok(Some(user).filter(|user| !user.disabled && user.password_hash == verified.password_hash))
        }
        Err(Error::UserNotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn refresh(
    shared: &Shared,
    call: &Call,
    used: &RefreshToken,
    next: &RefreshToken,
) -> Result<Refreshed, Error> {
    let (used, next) = (used.hash(), next.hash());
    let revocations = Revocations::default();
    let of_write = revocations.clone();
    let refreshed = kit::transact(&shared.db, call, move |tx| {
        let (used, next, revocations) = (used.clone(), next.clone(), of_write.clone());
        async move {
            revocations.begin();
            let Some(known) = sessions::of_token(&*tx, &used).await? else {
                return Ok::<_, Error>(Refreshed::Refused);
            };
            let user = match users::lock(&tx, Scope::Owner(known.user_id), known.user_id).await {
                Err(Error::UserNotFound) => return Ok(Refreshed::Refused),
                user => user?,
            };
            let Some(session) = sessions::lock(&tx, known.id).await?.filter(|_| !user.disabled) else {
                return Ok(Refreshed::Refused);
            };
            let state = session::state(session.expire_time, session.ended_time, tx.now());
            let used_before = !sessions::use_token(&tx, &used).await?;
            match session::refresh(state, used_before) {
                Verdict::Rotate => {
                    sessions::rotate(&tx, &session, next).await?;
                    Ok(Refreshed::As(Box::new(user), session.id))
                }
                Verdict::End => {
                    sessions::end(&tx, session.id).await?;
                    revocations.session(&tx, user.id, session.id).await?;
                    Ok(Refreshed::Refused)
                }
                Verdict::Refuse => Ok(Refreshed::Refused),
            }
        }
    })
    .await?;
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

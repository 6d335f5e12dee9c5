//! `AuthService`: signing in and out.

use contracts::user::{
    ConfirmEmailRequest, ConfirmTotpRequest, ConfirmTotpResponse, GetJwksRequest, Jwks, ListSessionsRequest,
    ListSessionsResponse, RefreshRequest, RemoveTotpRequest, RequestEmailConfirmationRequest,
    RequestPasswordResetRequest, ResetPasswordRequest, RevokeSessionRequest, RevokeSessionsRequest,
    SignInRequest, SignOutRequest, StartTotpRequest, StartTotpResponse, Tokens,
    auth_service_server::AuthService,
};
use kit::{Call, Caller, Fault, id::SessionId, identity::ACCESS_TOKEN_SECONDS};
use tonic::{Request, Response, Status};

use crate::{
    api::{Auth, Shared, recovery, refresh, render, second_factor, sessions as listed, sign_in},
    credentials::RefreshToken,
    store::{entities::user, sessions},
};

#[tonic::async_trait]
impl AuthService for Auth {
    async fn sign_in(&self, request: Request<SignInRequest>) -> Result<Response<Tokens>, Status> {
        let call = Call::of(&request)?;
        Ok(Response::new(sign_in::sign_in(&self.0, &call, request.into_inner()).await?))
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

    async fn request_email_confirmation(
        &self,
        request: Request<RequestEmailConfirmationRequest>,
    ) -> Result<Response<()>, Status> {
        let call = Call::of(&request)?;
        Ok(recovery::request_email_confirmation(&self.0, &call, request.into_inner()).await?.into())
    }

    async fn confirm_email(&self, request: Request<ConfirmEmailRequest>) -> Result<Response<()>, Status> {
        let call = Call::of(&request)?;
        Ok(recovery::confirm_email(&self.0, &call, request.into_inner()).await?.into())
    }

    async fn request_password_reset(
        &self,
        request: Request<RequestPasswordResetRequest>,
    ) -> Result<Response<()>, Status> {
        let call = Call::of(&request)?;
        recovery::request_password_reset(&self.0, &call, request.into_inner()).await?;
        Ok(Response::new(()))
    }

    async fn reset_password(&self, request: Request<ResetPasswordRequest>) -> Result<Response<()>, Status> {
        let call = Call::of(&request)?;
        Ok(recovery::reset_password(&self.0, &call, request.into_inner()).await?.into())
    }

    async fn start_totp(
        &self,
        request: Request<StartTotpRequest>,
    ) -> Result<Response<StartTotpResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(Response::new(second_factor::start_totp(&self.0, &call, request.into_inner()).await?))
    }

    async fn confirm_totp(
        &self,
        request: Request<ConfirmTotpRequest>,
    ) -> Result<Response<ConfirmTotpResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(Response::new(second_factor::confirm_totp(&self.0, &call, request.into_inner()).await?))
    }

    async fn remove_totp(&self, request: Request<RemoveTotpRequest>) -> Result<Response<()>, Status> {
        let call = Call::of(&request)?;
        Ok(second_factor::remove_totp(&self.0, &call, request.into_inner()).await?.into())
    }

    async fn get_jwks(&self, _: Request<GetJwksRequest>) -> Result<Response<Jwks>, Status> {
        Ok(Response::new(self.0.keys.published().await))
    }
}

/// What a session's holder is given.
pub fn tokens(
    shared: &Shared,
    user: user::Model,
    session: SessionId,
    refresh: RefreshToken,
) -> Result<Tokens, Fault> {
    // Staff who must have a second factor and have none are not staff until they do: they can set it up.
    let bare = shared.require_second_factor && !user.second_factor;
    Ok(Tokens {
        access_token: shared.keys.access_token(&user, session, !bare)?,
        refresh_token: refresh.into_text(),
        token_type: "Bearer".to_owned(),
        expires_in: ACCESS_TOKEN_SECONDS as i32,
        user: Some(render::user(user)),
    })
}

//! `AuthService`: signing in and out.

use contracts::user::{
    ApiKey, ApiKeyGrant, ConfirmEmailRequest, ConfirmTotpRequest, ConfirmTotpResponse, CreateApiKeyRequest,
    GetJwksRequest, Jwks, ListAccountRecordsRequest, ListAccountRecordsResponse, ListApiKeysRequest,
    ListApiKeysResponse, ListSessionsRequest, ListSessionsResponse, RefreshRequest, RemoveTotpRequest,
    RequestEmailConfirmationRequest, RequestPasswordResetRequest, ResetPasswordRequest, ResolveApiKeyRequest,
    RevokeApiKeyRequest, RevokeSessionRequest, RevokeSessionsRequest, RotateApiKeyRequest, SignInRequest,
    SignOutRequest, StartTotpRequest, StartTotpResponse, Tokens, auth_service_server::AuthService,
};
use kit::{
    Call, Caller, Fault,
    id::SessionId,
    identity::{ACCESS_TOKEN_SECONDS, basic::Basic},
    permissions::Permissions,
};
use tonic::{Request, Response, Status};

use crate::{
    api::{
        Auth, Shared, api_keys, records, recovery, refresh, render, second_factor, sessions as listed,
        sign_in,
    },
    credentials::RefreshToken,
    domain::Invalid,
    error::Error,
    store::{entities::user, roles, sessions},
};

#[tonic::async_trait]
impl AuthService for Auth {
    async fn sign_in(&self, request: Request<SignInRequest>) -> Result<Response<Tokens>, Status> {
        let call = Call::of(&request)?;
        Ok(Response::new(sign_in::sign_in(&self.0, &call, given(request)?).await?))
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

    async fn list_account_records(
        &self,
        request: Request<ListAccountRecordsRequest>,
    ) -> Result<Response<ListAccountRecordsResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(Response::new(records::list_account_records(&self.0, &call, request.into_inner()).await?))
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

    async fn create_api_key(
        &self,
        request: Request<CreateApiKeyRequest>,
    ) -> Result<Response<ApiKey>, Status> {
        let call = Call::of(&request)?;
        Ok(api_keys::create_api_key(&self.0, &call, request.into_inner()).await?.into())
    }

    async fn list_api_keys(
        &self,
        request: Request<ListApiKeysRequest>,
    ) -> Result<Response<ListApiKeysResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(Response::new(api_keys::list_api_keys(&self.0, &call, request.into_inner()).await?))
    }

    async fn rotate_api_key(
        &self,
        request: Request<RotateApiKeyRequest>,
    ) -> Result<Response<ApiKey>, Status> {
        let call = Call::of(&request)?;
        Ok(api_keys::rotate_api_key(&self.0, &call, request.into_inner()).await?.into())
    }

    async fn revoke_api_key(&self, request: Request<RevokeApiKeyRequest>) -> Result<Response<()>, Status> {
        let call = Call::of(&request)?;
        Ok(api_keys::revoke_api_key(&self.0, &call, request.into_inner()).await?.into())
    }

    async fn resolve_api_key(
        &self,
        request: Request<ResolveApiKeyRequest>,
    ) -> Result<Response<ApiKeyGrant>, Status> {
        let call = Call::of(&request)?;
        Ok(Response::new(api_keys::resolve_api_key(&self.0, &call, request.into_inner()).await?))
    }

    async fn get_jwks(&self, request: Request<GetJwksRequest>) -> Result<Response<Jwks>, Status> {
        let for_stranger = !Call::of(&request)?.caller().is_service();
        Ok(Response::new(self.0.keys.published(for_stranger).await))
    }
}

/// The login and the password, from the message or from HTTP's Basic authentication.
fn given(request: Request<SignInRequest>) -> Result<SignInRequest, Error> {
    let basic = request.metadata().get(kit::headers::AUTHORIZATION).cloned();
    let mut given = request.into_inner();
    if given.login.is_empty()
        && given.password.is_empty()
        && let Some(basic) = basic.and_then(|value| Basic::read(value.as_encoded_bytes()))
    {
        (given.login, given.password) = (basic.user, basic.password);
    }
    for (field, text, most) in [("login", &given.login, 254), ("password", &given.password, 128)] {
        if text.is_empty() {
            return Err(Invalid::new(field, "must be given").into());
        }
        if text.chars().count() > most {
            return Err(Invalid::new(field, "is too long").into());
        }
    }
    Ok(given)
}

/// What a session's holder is given; of a session that began with a passkey, or otherwise.
pub async fn tokens(
    shared: &Shared,
    user: user::Model,
    session: SessionId,
    refresh: RefreshToken,
    by_passkey: bool,
) -> Result<Tokens, Fault> {
    // They can sign in all the same, to set up or change what is missing.
    let bare = shared.is_bare(&user, by_passkey);
    // Should the role change meanwhile, this token is of its old version, and refused as soon as that is known.
    let (rights, made, role) = roles::rights(shared.db.read(), &user).await?;
    let permissions = if bare { Permissions::NONE } else { rights.permissions };
    Ok(Tokens {
        permissions: permissions.names(),
        access_token: shared.keys.access_token(&user, session, (made, role), !bare)?,
        refresh_token: refresh.into_text(),
        token_type: "Bearer".to_owned(),
        expires_in: ACCESS_TOKEN_SECONDS as i32,
        user: Some(render::user(user)),
    })
}

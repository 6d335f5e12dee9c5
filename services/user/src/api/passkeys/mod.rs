//! `PasskeyService`: signing in by a key that an authenticator keeps.

mod own;
mod sign_in;

use contracts::user::{
    ConfirmPasskeyRequest, DeletePasskeyRequest, ListPasskeysRequest, ListPasskeysResponse, Passkey,
    SignInWithPasskeyRequest, StartPasskeyRequest, StartPasskeyResponse, StartPasskeySignInRequest,
    StartPasskeySignInResponse, Tokens, passkey_service_server::PasskeyService,
};
use kit::Call;
use tonic::{Request, Response, Status};

use crate::{api::Passkeys, credentials::passkeys::Refused, domain::Invalid, error::Error};

pub use self::own::may_change_factors;

#[tonic::async_trait]
impl PasskeyService for Passkeys {
    async fn start_passkey(
        &self,
        request: Request<StartPasskeyRequest>,
    ) -> Result<Response<StartPasskeyResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(Response::new(own::start_passkey(&self.0, &call, request.into_inner()).await?))
    }

    async fn confirm_passkey(
        &self,
        request: Request<ConfirmPasskeyRequest>,
    ) -> Result<Response<Passkey>, Status> {
        let call = Call::of(&request)?;
        Ok(own::confirm_passkey(&self.0, &call, request.into_inner()).await?.into())
    }

    async fn list_passkeys(
        &self,
        request: Request<ListPasskeysRequest>,
    ) -> Result<Response<ListPasskeysResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(Response::new(own::list_passkeys(&self.0, &call, request.into_inner()).await?))
    }

    async fn delete_passkey(&self, request: Request<DeletePasskeyRequest>) -> Result<Response<()>, Status> {
        let call = Call::of(&request)?;
        Ok(own::delete_passkey(&self.0, &call, request.into_inner()).await?.into())
    }

    async fn start_passkey_sign_in(
        &self,
        request: Request<StartPasskeySignInRequest>,
    ) -> Result<Response<StartPasskeySignInResponse>, Status> {
        Call::of(&request)?;
        let asked = self.0.relying_party.start_sign_in(self.0.db.clock().now()).map_err(refusal)?;
        Ok(Response::new(StartPasskeySignInResponse { challenge_token: asked.token, options: asked.options }))
    }

    async fn sign_in_with_passkey(
        &self,
        request: Request<SignInWithPasskeyRequest>,
    ) -> Result<Response<Tokens>, Status> {
        let call = Call::of(&request)?;
        Ok(Response::new(sign_in::sign_in_with_passkey(&self.0, &call, request.into_inner()).await?))
    }
}

/// Why what an authenticator answered is not taken.
fn refusal(refused: Refused) -> Error {
    match refused {
        Refused::Off => Error::PasskeysOff,
        Refused::Challenge => Error::ChallengeExpired,
        Refused::Malformed => Invalid::new("credential", "is nothing that browsers send").into(),
        Refused::Copied | Refused::Wrong(_) => {
            Invalid::new("credential", "was not made of these options, here, with the user's consent").into()
        }
        Refused::Fault(fault) => fault.into(),
    }
}

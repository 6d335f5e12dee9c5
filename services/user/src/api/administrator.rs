//! `AdministratorService`: the operator, who is known by the mesh secret.

use contracts::user::{
    CreateAdministratorRequest, GetSigningKeysRequest, ListAdministratorsRequest, ListAdministratorsResponse,
    RewrapRequest, RewrapResponse, RotateSigningKeysRequest, SetPasswordRequest, SigningKeys, User,
    administrator_service_server::AdministratorService,
};
use kit::{Call, Fault, id::UserId};
use tonic::{Request, Response, Status};

use crate::{
    administrators::{operator, signing_keys},
    api::{Administrators, render},
};

#[tonic::async_trait]
impl AdministratorService for Administrators {
    async fn create_administrator(
        &self,
        request: Request<CreateAdministratorRequest>,
    ) -> Result<Response<User>, Status> {
        let call = Call::of(&request)?;
        let CreateAdministratorRequest { username, email, password, printed } = request.into_inner();
        operator::check(&username, &email)?;
        let hash = self.0.hasher.hash(&password).await?;
        let written = self.0.db.write(&call, (username, email, hash), move |tx, input| async move {
            let (username, email, hash) = &*input;
            operator::create(&tx, username, email, hash.clone(), printed).await
        });
        Ok(written.await?.into())
    }

    async fn list_administrators(
        &self,
        request: Request<ListAdministratorsRequest>,
    ) -> Result<Response<ListAdministratorsResponse>, Status> {
        let call = Call::of(&request)?;
        let page = self.0.db.page::<UserId>(&call, &request.into_inner())?;
        let rows = operator::list(self.0.db.read(), page.after, page.limit()).await?;
        let render = |row| Ok::<_, Status>(render::user(row));
        let (users, next_page_token) = page.make(rows, |row| row.id, render)?;
        Ok(Response::new(ListAdministratorsResponse { users, next_page_token }))
    }

    async fn set_password(&self, request: Request<SetPasswordRequest>) -> Result<Response<User>, Status> {
        let call = Call::of(&request)?;
        let SetPasswordRequest { login, new_password, printed } = request.into_inner();
        let id = operator::find(self.0.db.read(), &login).await?;
        let hash = self.0.hasher.hash(&new_password).await?;
        let written = self.0.write_revoking(&call, hash, move |tx, hash, revocations| async move {
            operator::set_password(&tx, &revocations, id, &hash, printed).await
        });
        Ok(written.await?.into())
    }

    async fn get_signing_keys(
        &self,
        request: Request<GetSigningKeysRequest>,
    ) -> Result<Response<SigningKeys>, Status> {
        Call::of(&request)?;
        Ok(Response::new(signing_keys::list(&self.0.db).await?))
    }

    async fn rotate_signing_keys(
        &self,
        request: Request<RotateSigningKeysRequest>,
    ) -> Result<Response<SigningKeys>, Status> {
        let call = Call::of(&request)?;
        let (new, rotation) = signing_keys::asked(self.0.keys.file(), &request.get_ref().withdraw)?;
        let schedule = self.0.keys.schedule();
        let written = self.0.db.write(&call, (new, rotation), move |tx, input| async move {
            signing_keys::rotate(&tx, schedule, &input).await
        });
        let written = written.await.map_err(signing_keys::at_the_same_time)?;
        // The others are told by the feed.
        self.0.keys.reload().await.map_err(Fault::internal)?;
        self.0.identity.learn(&self.0.keys.jwks());
        Ok(written.into())
    }

    async fn rewrap(&self, request: Request<RewrapRequest>) -> Result<Response<RewrapResponse>, Status> {
        let call = Call::of(&request)?;
        let (shared, after) = (&self.0, &request.get_ref().after);
        let file = shared.keys.file();
        let done = signing_keys::rewrap(&shared.db, &call, file, &shared.second_factors, after).await?;
        Ok(Response::new(done))
    }
}

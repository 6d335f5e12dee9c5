//! `AdministratorService`: the operator, who is known by the mesh secret.

use contracts::user::{
    CreateAdministratorRequest, ListAdministratorsRequest, ListAdministratorsResponse, SetPasswordRequest,
    User, administrator_service_server::AdministratorService,
};
use kit::{Call, Page, id::UserId};
use tonic::{Request, Response, Status};

use crate::{
    administrators::operator,
    api::{Administrators, render},
};

#[tonic::async_trait]
impl AdministratorService for Administrators {
    async fn create_administrator(
        &self,
        request: Request<CreateAdministratorRequest>,
    ) -> Result<Response<User>, Status> {
        let call = Call::of(&request)?;
        let CreateAdministratorRequest { username, email, password } = request.into_inner();
        operator::check(&username, &email)?;
        let hash = self.0.hasher.hash(&password).await?;
        let written = self.0.db.write(&call, (username, email, hash), |tx, input| async move {
            let (username, email, hash) = &*input;
            operator::create(&tx, username, email, hash.clone()).await
        });
        Ok(written.await?.into())
    }

    async fn list_administrators(
        &self,
        request: Request<ListAdministratorsRequest>,
    ) -> Result<Response<ListAdministratorsResponse>, Status> {
        let page = Page::<UserId>::of(&request.into_inner())?;
        let rows = operator::list(self.0.db.read(), page.after, page.limit()).await?;
        let render = |row| Ok::<_, Status>(render::user(row));
        let (users, next_page_token) = page.make(rows, |row| row.id, render)?;
        Ok(Response::new(ListAdministratorsResponse { users, next_page_token }))
    }

    async fn set_password(&self, request: Request<SetPasswordRequest>) -> Result<Response<User>, Status> {
        let call = Call::of(&request)?;
        let SetPasswordRequest { login, new_password } = request.into_inner();
        let id = operator::find(self.0.db.read(), &login).await?;
        let hash = self.0.hasher.hash(&new_password).await?;
        let written = self.0.write_revoking(&call, hash, move |tx, hash, revocations| async move {
            operator::set_password(&tx, &revocations, id, &hash).await
        });
        Ok(written.await?.into())
    }
}

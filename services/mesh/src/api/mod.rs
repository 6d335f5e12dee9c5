//! `MeshService`: what the contract promises.

mod deliver_test;
mod events;
mod export;
mod exports;
pub(crate) mod render;
mod webhooks;

use std::pin::Pin;

use contracts::mesh::{
    AnnounceRequest, ExportUserRequest, ExportUserResponse, Instance, ListInstancesRequest,
    ListInstancesResponse, ReplayEventsRequest, VerifyAuditRequest, VerifyAuditResponse,
    mesh_service_server::MeshService,
};
use futures::{Stream, StreamExt as _};
use kit::{Call, Db, Fault, Mesh, Tasks, Time, Writer, instance};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{audit::Auditor, directory::Directory, domain::place, error::Error, store::outlets};

pub use self::{events::EventApi, exports::Exports, webhooks::WebhookApi};

/// The service.
pub struct Api {
    pub db: Db,
    pub directory: Directory,
    pub auditor: Auditor,
    pub mesh: Mesh,
    pub tasks: Tasks,
    pub exports: Exports,
}

#[tonic::async_trait]
impl MeshService for Api {
    async fn list_instances(
        &self,
        request: Request<ListInstancesRequest>,
    ) -> Result<Response<ListInstancesResponse>, Status> {
        let call = Call::of(&request)?;
        let page = self.db.page(&call, request.get_ref())?;
        let mut instances = self.directory.list(&call).await;
        if let Some(after) = &page.after {
            instances.retain(|instance| place(instance) > *after);
        }
        let (instances, next_page_token) = page.make(instances, place, Ok::<_, Status>)?;
        Ok(Response::new(ListInstancesResponse { instances, next_page_token }))
    }

    async fn verify_audit(
        &self,
        request: Request<VerifyAuditRequest>,
    ) -> Result<Response<VerifyAuditResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(Response::new(self.auditor.verify(&call).await?))
    }

    type ExportUserStream = Pin<Box<dyn Stream<Item = Result<ExportUserResponse, Status>> + Send>>;

    async fn export_user(
        &self,
        request: Request<ExportUserRequest>,
    ) -> Result<Response<Self::ExportUserStream>, Status> {
        let call = Call::of(&request)?;
        let user = call.user_id(&request.get_ref().id, "id")?;
        let under_way = self.exports.begin(call.me()?)?;
        let copy = export::begin(&self.mesh, &self.tasks, &call, user).await?;
        // For as long as there is somebody who reads it.
        Ok(Response::new(Box::pin(copy.inspect(move |_| {
            let _ = &under_way;
        }))))
    }

    async fn replay_events(&self, request: Request<ReplayEventsRequest>) -> Result<Response<()>, Status> {
        let call = Call::of(&request)?;
        let db = Writer::<Error>::from(self.db.clone());
        let written = db.write(&call, request.into_inner(), |tx, request| async move {
            match outlets::replay(&tx, outlets::NATS, request.after_position).await? {
                true => Ok(()),
                false => Err(Error::NothingToReplay),
            }
        });
        Ok(written.await?.into())
    }

    async fn announce(&self, request: Request<AnnounceRequest>) -> Result<Response<()>, Status> {
        let request = request.into_inner();
        let reported = request.instance.unwrap_or_default();
        let id: Uuid = reported.id.parse().map_err(|_| Error::BadInstance)?;
        // Heartbeats of one instance come one after the other, and its farewell last: the row is the last of them. One
        // that arrives behind the farewell makes the instance unhealthy for a while, and then it is forgotten.
        let done = if request.leaving {
            instance::remove(&self.db, id).await
        } else {
            instance::save(&self.db, row(id, reported, self.db.clock().now())).await
        };
        done.map_err(Fault::from)?;
        Ok(Response::new(()))
    }
}

fn row(id: Uuid, reported: Instance, now: Time) -> instance::Instance {
    instance::Instance {
        id,
        role: reported.role,
        version: reported.version,
        address: reported.address,
        start_time: reported.start_time.map_or(now, Time::from),
        database_kind: reported.database_kind,
        database_location: reported.database_location,
        schema_version: reported.schema_version,
        beat_time: now,
        tasks: Some(instance::encode(reported.tasks)),
    }
}

//! ExportUser: all that is held about a person, from every service, a page in memory at a time.
//!
//! It reads by the services' own methods, so a record is what the contract says of the resource, and a field that is added
//! to one is in the export by itself.

mod account;
mod orders;
mod record;

use std::{future::Future, time::Duration};

use contracts::{
    mesh::ExportUserResponse,
    user::{GetUserRequest, User, user_service_client::UserServiceClient},
};
use futures::Stream;
use kit::{Call, Conn, Fault, Mesh, Role, Tasks, id::UserId, permissions::Permissions};
use prost::{Message, Name};
use tokio::sync::mpsc;
use tonic::{Request, Response, Status};

/// Records that wait for a reader who is slower than the services.
const AHEAD: usize = 16;
/// Items of a page.
const PAGE: i32 = 100;
/// How long one service may take for one page.
const PATIENCE: Duration = Duration::from_secs(10);

type Answer<T> = Result<Response<T>, Status>;

/// Reads one user's data.
pub struct Export {
    mesh: Mesh,
    call: Call,
    user_id: String,
    to: mpsc::Sender<Result<ExportUserResponse, Status>>,
}

/// The reader has left, or a service failed.
enum Ended {
    Unread,
    Failed(Status),
}

impl From<Status> for Ended {
    fn from(status: Status) -> Self {
        Self::Failed(status)
    }
}

/// Begins an export. Where there is no such user, nothing is begun.
pub async fn begin(
    mesh: &Mesh,
    tasks: &Tasks,
    call: &Call,
    user: UserId,
) -> Result<impl Stream<Item = Result<ExportUserResponse, Status>> + Send + use<>, Status> {
    let (to, mut records) = mpsc::channel(AHEAD);
    // The caller's deadline is for the first record: how long all of them take is the reader's own affair.
    let call = call.detached();
    let export = Export { mesh: mesh.clone(), call, user_id: user.to_string(), to };
    let user = export.user().await?;
    may_see(&export.call, &user)?;
    tasks.spawn_until_drain(export.run(user));
    Ok(futures::stream::poll_fn(move |context| records.poll_recv(context)))
}

/// What a colleague's account has is that colleague's, and whoever's business colleagues are.
fn may_see(call: &Call, user: &User) -> Result<(), Fault> {
    let caller = call.caller();
    let own = caller.user().is_some_and(|id| id.to_string() == user.id);
    let customer = user.roles.iter().all(|role| *role == i32::from(contracts::user::Role::Customer));
    let above = caller.is_admin() || caller.permissions().meets(Permissions::STAFF);
    if own || above || (customer && user.role_ids.is_empty()) {
        return Ok(());
    }
    Err(Fault::denied("a colleague's data are an administrator's to take"))
}

impl Export {
    async fn user(&self) -> Result<User, Status> {
        let request = self.ask(GetUserRequest { id: self.user_id.clone() });
        UserServiceClient::new(self.conn(Role::User)).get_user(request).await.map(Response::into_inner)
    }

    async fn run(self, user: User) {
        if let Err(Ended::Failed(status)) = self.all(&user).await {
            // There is nobody else to tell.
            let _ = self.to.send(Err(status)).await;
        }
    }

    async fn all(&self, user: &User) -> Result<(), Ended> {
        self.send("user", user).await?;
        self.account().await?;
        self.acts().await?;
        self.orders().await?;
        self.payments().await
    }

    /// Reads page by page: `read` sends what is on one and answers with the token of the next.
    async fn pages<F>(&self, read: impl Fn(String) -> F) -> Result<(), Ended>
    where
        F: Future<Output = Result<String, Ended>>,
    {
        let mut token = String::new();
        loop {
            token = read(token).await?;
            if token.is_empty() {
                return Ok(());
            }
        }
    }

    fn conn(&self, role: Role) -> Conn {
        self.mesh.conn(Role::Mesh, role)
    }

    fn ask<M>(&self, message: M) -> Request<M> {
        self.call.within(PATIENCE).request(message)
    }

    async fn send_all<M: Message + Name>(&self, kind: &str, messages: &[M]) -> Result<(), Ended> {
        for message in messages {
            self.send(kind, message).await?;
        }
        Ok(())
    }

    async fn send<M: Message + Name>(&self, kind: &str, message: &M) -> Result<(), Ended> {
        let record = record::record(kind, message).map_err(Status::from)?;
        self.to.send(Ok(record)).await.map_err(|_| Ended::Unread)
    }
}

fn of<T>(answer: Answer<T>) -> Result<T, Status> {
    answer.map(Response::into_inner)
}

//! The shop that is seeded, as its staff calls it: the public RPCs over gRPC, wherever it runs.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use contracts::user::{SignInRequest, auth_service_client::AuthServiceClient};
use kit::{
    Conn, Fault, Role, Secret,
    headers::{AUTHORIZATION, IDEMPOTENCY_KEY},
    mesh::certificates::Certificates,
};
use tokio::sync::Mutex;
use tonic::{Code, Request, Response, Status, metadata::MetadataValue};
use tower::ServiceExt;

use crate::{channel, error::Error};

/// How long one call may take.
const CALL: Duration = Duration::from_secs(30);
/// How long the first answer may take.
const FIRST: Duration = Duration::from_secs(5);
/// How long a call that could not be answered is repeated.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a shop that limits its callers is left alone at most.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Access tokens live for ten minutes; after this one gets another.
const RENEW: Duration = Duration::from_secs(240);

/// Ways to the services, and the identity of staff.
#[derive(Clone)]
pub struct Shop {
    conns: Arc<HashMap<Role, Conn>>,
    login: Arc<Login>,
}

struct Login {
    name: String,
    password: Secret,
    token: Mutex<Option<(String, Instant)>>,
}

/// A remote process as a transport.
pub fn remote(url: &str, certificates: Option<&Certificates>) -> Result<Conn, Error> {
    let endpoint = channel::endpoint(url, certificates.is_some())?.connect_timeout(Duration::from_secs(3));
    let channel = match certificates.filter(|_| url.starts_with("https:")) {
        Some(it) => endpoint.connect_with_connector_lazy(it.connector(None).map_err(Error::other)?),
        None => endpoint.connect_lazy(),
    };
    Ok(Conn::new(channel.map_err(|error| Status::unavailable(error.to_string()))))
}

impl Shop {
    /// A shop, and who works there.
    pub fn new(conns: HashMap<Role, Conn>, name: String, password: Secret) -> Self {
        let login = Login { name, password, token: Mutex::new(None) };
        Self { conns: Arc::new(conns), login: Arc::new(login) }
    }

    /// The way to a service.
    pub fn conn(&self, role: Role) -> Result<Conn, Status> {
        let conn = self.conns.get(&role).cloned();
        conn.ok_or_else(|| Status::unavailable(format!("nobody said where the role {role} runs")))
    }

    /// Signs staff in for the first time: whoever does not answer now is not there.
    pub async fn open(&self) -> Result<(), Status> {
        let first = tokio::time::timeout(FIRST, self.token()).await;
        let absent = |_| Status::unavailable("nobody answers there");
        first.map_err(absent)?.map(|_| ())
    }

    /// The token of staff, a new one every few minutes.
    pub async fn token(&self) -> Result<String, Status> {
        let mut token = self.login.token.lock().await;
        if let Some((text, since)) = &*token
            && since.elapsed() < RENEW
        {
            return Ok(text.clone());
        }
        let fresh = self.sign_in(&self.login.name, self.login.password.expose()).await?;
        *token = Some((fresh.clone(), Instant::now()));
        Ok(fresh)
    }

    /// Signs somebody in.
    pub async fn sign_in(&self, login: &str, password: &str) -> Result<String, Status> {
        let message =
            SignInRequest { login: login.to_owned(), password: password.to_owned(), ..Default::default() };
        let answer = self
            .repeat(|| async {
                let mut client = AuthServiceClient::new(self.conn(Role::User)?);
                let mut request = Request::new(message.clone());
                request.set_timeout(CALL);
                client.sign_in(request).await
            })
            .await?;
        Ok(answer.access_token)
    }

    /// Makes a call as staff. With a key it may be repeated until it is answered; so may whatever only reads.
    pub async fn call<M, T, F, Fut>(&self, key: &str, message: M, make: F) -> Result<T, Status>
    where
        M: Clone,
        F: Fn(Request<M>) -> Fut,
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        self.repeat(|| async {
            let token = self.token().await?;
            make(signed(message.clone(), &token, key)?).await
        })
        .await
    }

    /// The same as somebody else.
    pub async fn call_as<M, T, F, Fut>(
        &self,
        token: &str,
        key: &str,
        message: M,
        make: F,
    ) -> Result<T, Status>
    where
        M: Clone,
        F: Fn(Request<M>) -> Fut,
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        self.repeat(|| async { make(signed(message.clone(), token, key)?).await }).await
    }

    async fn repeat<T, F, Fut>(&self, make: F) -> Result<T, Status>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        let until = Instant::now() + PATIENCE;
        let mut pause = Duration::from_millis(50);
        loop {
            match make().await {
                Ok(answer) => return Ok(answer.into_inner()),
                // The shop is there, and says when it takes more.
                Err(status) if status.code() == Code::ResourceExhausted => {
                    let Some(wait) = Fault::of(&status).retry_after else { return Err(status) };
                    tokio::time::sleep(wait.min(LONGEST_WAIT)).await;
                }
                Err(status) if may_pass(&status) && Instant::now() < until => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(2));
                }
                Err(status) => return Err(status),
            }
        }
    }
}

fn may_pass(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded | Code::Aborted)
}

fn signed<M>(message: M, token: &str, key: &str) -> Result<Request<M>, Status> {
    let mut request = Request::new(message);
    request.set_timeout(CALL);
    let value = |text: &str| {
        text.parse::<MetadataValue<_>>().map_err(|_| Status::internal("a header that cannot be sent"))
    };
    if !token.is_empty() {
        request.metadata_mut().insert(AUTHORIZATION, value(&format!("Bearer {token}"))?);
    }
    if !key.is_empty() {
        request.metadata_mut().insert(IDEMPOTENCY_KEY, value(key)?);
    }
    Ok(request)
}

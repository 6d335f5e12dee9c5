//! A caller of the mesh over one of its edges. The RPCs are its methods (see [`super::rpcs`]).

use std::{collections::HashMap, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, Method};
use prost::{Message, Name};
use tokio::time::{Instant, sleep};
use tonic::{Request, Response, Status, metadata::MetadataMap, transport::Channel};

use super::{
    outcome::{Answer, Outcome, Refusal},
    rest::{Reply, Rest, TIMEOUT},
    transcode::{self, Body, Sent},
    wait::PATIENCE,
};

/// A way into the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Edge {
    Rest,
    #[default]
    Grpc,
}

/// Where the processes listen: one of these for each replica.
#[derive(Debug, Clone)]
pub struct Addresses {
    pub rest: Rest,
    /// By the service's package; the same for all where all run in one process.
    pub grpc: HashMap<&'static str, Channel>,
}

/// A caller, with or without an identity; cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    pub edge: Edge,
    replicas: Arc<Vec<Addresses>>,
    replica: usize,
    headers: HeaderMap,
    patient: bool,
    impatient: bool,
}

impl Client {
    pub fn new(edge: Edge, replicas: Vec<Addresses>) -> Self {
        Self {
            edge,
            replicas: Arc::new(replicas),
            replica: 0,
            headers: HeaderMap::new(),
            patient: false,
            impatient: false,
        }
    }

    /// The same over another edge.
    pub fn over(&self, edge: Edge) -> Self {
        Self { edge, ..self.clone() }
    }

    /// The same at another replica: the numbers go round.
    pub fn at(&self, number: usize) -> Self {
        Self { replica: number % self.replicas.len(), ..self.clone() }
    }

    /// The same with a header; one of that name before is replaced.
    pub fn with(&self, name: &'static str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.insert(name, HeaderValue::from_str(value).unwrap());
        client
    }

    /// The same as somebody signed in.
    pub fn signed_in(&self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    /// The same as nobody.
    pub fn anonymous(&self) -> Self {
        let mut client = self.clone();
        client.headers.clear();
        client
    }

    /// The same with an idempotency key.
    pub fn with_key(&self, key: &str) -> Self {
        self.with("idempotency-key", key)
    }

    /// The same, but a call that nobody answers in time is made again, as shops on a busy machine do. Without
    /// an idempotency key it may have been done already.
    pub fn patient(&self) -> Self {
        Self { patient: true, ..self.clone() }
    }

    /// The same, but a call that is turned away because there are too many is not made again.
    pub fn impatient(&self) -> Self {
        Self { impatient: true, ..self.clone() }
    }

    pub(super) async fn until_answered<T, F>(&self, call: impl Fn() -> F) -> Outcome<T>
    where
        F: Future<Output = Outcome<T>>,
    {
        let deadline = Instant::now() + PATIENCE * 3;
        loop {
            match call().await {
                Err(refusal) if self.patient && refusal.is_passing() && Instant::now() < deadline => {
                    sleep(Duration::from_millis(200)).await;
                }
                // It left nothing, and all are asked to come again.
                Err(refusal)
                    if !self.impatient && refusal.reason == "OVERLOADED" && Instant::now() < deadline =>
                {
                    sleep(Duration::from_millis(300)).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// The way to a service over gRPC.
    pub fn channel(&self, package: &str) -> Channel {
        self.replicas[self.replica].grpc[package].clone()
    }

    /// Plain HTTP to the REST edge, with the same headers.
    pub fn http(&self) -> Rest {
        let rest = self.replicas[self.replica].rest.clone();
        match self.headers.get("authorization") {
            Some(value) => rest.with("authorization", value.to_str().unwrap()),
            None => rest,
        }
    }

    /// A message as a gRPC request with the caller's headers.
    pub fn sign<T>(&self, message: T) -> Request<T> {
        let mut request =
            Request::from_parts(MetadataMap::from_headers(self.headers.clone()), Default::default(), message);
        request.set_timeout(TIMEOUT);
        request
    }

    /// What a gRPC call came to.
    pub fn answered<T>(result: Result<Response<T>, Status>) -> Outcome<T> {
        match result {
            Ok(response) => {
                let (metadata, body, _) = response.into_parts();
                Ok(Answer { body, headers: metadata.into_headers(), http: None })
            }
            Err(status) => Err(Refusal::of_status(&status)),
        }
    }

    pub(super) async fn rest<T: Message + Name + Default>(&self, method: Method, sent: Sent) -> Outcome<T> {
        let mut request =
            self.replicas[self.replica].rest.request(method, &sent.path).headers(self.headers.clone());
        request = match sent.body {
            None => request,
            Some(Body::Json(json)) => {
                request.header("content-type", "application/json").body(json.to_string())
            }
            Some(Body::Raw { content_type, data }) => request.header("content-type", content_type).body(data),
        };
        let reply = Reply::read(request).await;
        if reply.status.is_success() {
            let raw = transcode::raw_answer(reply.header("content-type"), &reply.bytes);
            let body = raw.unwrap_or_else(|| transcode::answer(&reply.text()));
            Ok(Answer { body, headers: reply.headers, http: Some(reply.status) })
        } else {
            Err(Refusal::of_json(reply.status, &reply.json))
        }
    }
}

//! The simulated provider's protocol: JSON over HTTP, an `Idempotency-Key` on everything that changes.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use aws_lc_rs::hmac;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Extension, Path, State, rejection::JsonRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use kit::{Db, StartError, Tasks, Writer, headers::IDEMPOTENCY_KEY};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    actions,
    charge::{Act, Model, NewCharge, Status},
    fault::{Fate, Faults, Operation, Plan},
    serve::Lost,
    store::{self, Done, RefundAmount},
    webhook::{self, Sender},
};
use crate::{error::Error, provider::http};

/// The server's state; cheap to clone.
#[derive(Clone)]
pub struct Simulator {
    pub(super) db: Writer<Error>,
    pub(super) faults: Arc<Faults>,
    pub(super) slow: Duration,
    webhooks: Option<Webhooks>,
}

/// Where webhooks are sent, and what signs them.
#[derive(Clone)]
pub struct Webhooks {
    pub url: reqwest::Url,
    pub key: hmac::Key,
}

/// How long a call that hangs is held: longer than anybody waits.
const HANGS: Duration = Duration::from_secs(3600);

impl Simulator {
    /// One that keeps what it knows in `db`. `slow` is how long `sim_slow` takes.
    pub fn new(db: Db, slow: Duration, webhooks: Option<Webhooks>) -> Self {
        Self { db: db.into(), faults: Arc::default(), slow, webhooks }
    }

    /// Whether it sends webhooks.
    pub(super) fn sends_webhooks(&self) -> bool {
        self.webhooks.is_some()
    }

    /// Begins to send webhooks, if it does at all.
    pub fn send_webhooks(&self, tasks: &Tasks) -> Result<(), StartError> {
        if let Some(Webhooks { url, key }) = self.webhooks.clone() {
            let client = http::client(&url, webhook::TIMEOUT)?;
            Sender { db: self.db.clone(), url, key, client }.start(tasks);
        }
        Ok(())
    }

    /// The routes that customers need.
    pub fn actions(self) -> Router {
        Router::new()
            .route("/actions/{token}", get(actions::page).post(actions::act))
            .layer(DefaultBodyLimit::max(actions::BODY_LIMIT))
            .with_state(self)
    }

    /// The same, for whoever has them among other pages, below a path.
    pub fn actions_below(self, path: &str) -> Router {
        Router::new().nest(path, self.actions())
    }

    /// Its routes.
    pub fn router(self) -> Router {
        Router::new()
            .route("/charges", post(create))
            .route("/charges/{name}", get(show))
            .route("/charges/{name}/capture", post(capture))
            .route("/charges/{name}/void", post(void))
            .route("/charges/{name}/acknowledge", post(acknowledge))
            .route("/charges/{name}/refunds", post(refund))
            .route("/faults", get(faults).put(set_faults))
            .with_state(self.clone())
            .merge(self.actions())
    }

    /// Does `work` unless a fault is due.
    async fn unless_faulty(&self, operation: Operation, work: impl Future<Output = Response>) -> Response {
        let (delay, fate) = self.faults.next(operation);
        tokio::time::sleep(delay).await;
        match fate {
            Fate::Answered => work.await,
            Fate::FailsBefore => refusal(StatusCode::INTERNAL_SERVER_ERROR, "fault", None),
            Fate::FailsAfter => {
                work.await;
                refusal(StatusCode::INTERNAL_SERVER_ERROR, "fault", None)
            }
            Fate::Hangs => {
                let response = work.await;
                tokio::time::sleep(HANGS).await;
                response
            }
            Fate::Refused => refusal(StatusCode::PAYMENT_REQUIRED, "refused", None),
            Fate::LosesAnswer => {
                let mut response = work.await;
                response.extensions_mut().insert(Lost);
                response
            }
        }
    }

    async fn act(&self, operation: Operation, headers: &HeaderMap, name: String, act: Act) -> Response {
        let work = async {
            let Some(key) = key(headers) else {
                return refusal(StatusCode::BAD_REQUEST, "key_missing", None);
            };
            answer(store::act(self, Some(key), name, act).await)
        };
        self.unless_faulty(operation, work).await
    }
}

fn key(headers: &HeaderMap) -> Option<String> {
    let key = headers.get(IDEMPOTENCY_KEY)?.to_str().ok()?;
    (1..=255).contains(&key.len()).then(|| key.to_owned())
}

async fn create(
    State(simulator): State<Simulator>,
    headers: HeaderMap,
    body: Result<Json<NewCharge>, JsonRejection>,
) -> Response {
    let work = async {
        let Some(key) = key(&headers) else { return refusal(StatusCode::BAD_REQUEST, "key_missing", None) };
        let Ok(Json(new)) = body else { return refusal(StatusCode::BAD_REQUEST, "invalid_body", None) };
        if let Some(problem) = new.problem() {
            return refusal(StatusCode::BAD_REQUEST, problem, None);
        }
        let (name, captures) = (new.id.clone(), new.capture);
        let work = async {
            match store::create(&simulator, key, new).await {
                Ok(Done::Charge(charge)) if charge.status == Status::Processing => {
                    tokio::time::sleep(charge.ready_time.since(simulator.db.clock().now())).await;
                    show_charge(&simulator, &name).await
                }
                done => answer(done),
            }
        };
        // A call that takes the money, too, goes wrong as a capture does.
        if captures { simulator.unless_faulty(Operation::Capture, work).await } else { work.await }
    };
    simulator.unless_faulty(Operation::Authorize, work).await
}

async fn show(State(simulator): State<Simulator>, Path(name): Path<String>) -> Response {
    simulator.unless_faulty(Operation::Ask, show_charge(&simulator, &name)).await
}

async fn show_charge(simulator: &Simulator, name: &str) -> Response {
    let found = store::get(simulator.db.read(), name, simulator.db.clock().now()).await;
    answer(found.map(|found| found.map_or(Done::NotFound, Done::Charge)))
}

async fn capture(
    State(simulator): State<Simulator>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    simulator.act(Operation::Capture, &headers, name, Act::Capture).await
}

async fn void(State(simulator): State<Simulator>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    simulator.act(Operation::Void, &headers, name, Act::Void).await
}

async fn acknowledge(
    State(simulator): State<Simulator>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    simulator.act(Operation::Acknowledge, &headers, name, Act::Acknowledge).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRefund {
    amount_minor: i64,
}

async fn refund(
    State(simulator): State<Simulator>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Result<Json<NewRefund>, JsonRejection>,
) -> Response {
    let Ok(Json(new)) = body else { return refusal(StatusCode::BAD_REQUEST, "invalid_body", None) };
    simulator.act(Operation::Refund, &headers, name, Act::Refund(new.amount_minor)).await
}

async fn faults(State(simulator): State<Simulator>) -> Json<Plan> {
    Json(simulator.faults.get())
}

/// Only for whoever is on this machine.
async fn set_faults(
    State(simulator): State<Simulator>,
    Extension(peer): Extension<SocketAddr>,
    plan: Result<Json<Plan>, JsonRejection>,
) -> Response {
    if !peer.ip().to_canonical().is_loopback() {
        return refusal(StatusCode::FORBIDDEN, "loopback_only", None);
    }
    match plan {
        Ok(Json(plan)) => simulator.faults.set(plan),
        Err(problem) => {
            let body = json!({ "error": { "code": "invalid_body", "message": problem.body_text() } });
            return (StatusCode::BAD_REQUEST, Json(body)).into_response();
        }
    }
    faults(State(simulator)).await.into_response()
}

/// What became of a request, as its sender reads it.
pub(super) fn answer(done: Result<Done, Error>) -> Response {
    match done {
        Ok(Done::Charge(charge)) => Json(json_of(&charge)).into_response(),
        Ok(Done::Refunded(charge, RefundAmount { minor, currency })) => {
            let mut body = json_of(&charge);
            body["refund"] = json!({ "amount_minor": minor, "currency": currency, "status": "succeeded" });
            Json(body).into_response()
        }
        Ok(Done::Illegal(charge)) => refusal(StatusCode::CONFLICT, "illegal_state", Some(&charge)),
        Ok(Done::NotFound) => refusal(StatusCode::NOT_FOUND, "not_found", None),
        Ok(Done::Taken) => refusal(StatusCode::UNPROCESSABLE_ENTITY, "key_reused", None),
        Err(error) => {
            tracing::warn!(%error, "the simulated provider failed");
            refusal(StatusCode::INTERNAL_SERVER_ERROR, "internal", None)
        }
    }
}

pub(super) fn refusal(status: StatusCode, code: &str, charge: Option<&Model>) -> Response {
    let body = match charge {
        Some(charge) => json!({ "error": { "code": code }, "charge": json_of(charge) }),
        None => json!({ "error": { "code": code } }),
    };
    (status, Json(body)).into_response()
}

pub(super) fn json_of(charge: &Model) -> Value {
    let path = match &charge.action_token {
        Some(token) if charge.status == Status::Waiting => format!("/actions/{token}"),
        _ => String::new(),
    };
    json!({
        "reference": charge.reference,
        "id": charge.merchant_id,
        "amount_minor": charge.amount_minor,
        "currency": charge.currency,
        "method": charge.method,
        "status": charge.status,
        "decline_reason": charge.decline_reason,
        "captured_minor": charge.captured_minor,
        "refunded_minor": charge.refunded_minor,
        "action_path": path,
    })
}

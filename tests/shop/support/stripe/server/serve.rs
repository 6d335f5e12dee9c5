//! The simulated Stripe's HTTP: keys, faults, routes.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::Value;
use tokio::net::TcpListener;

use super::{
    Fault, Operation, SECRET_KEY,
    account::{Account, Answer, Form, error},
    page,
};

pub type Shared = Arc<Mutex<Account>>;

pub async fn serve(listener: TcpListener, account: Shared) {
    account.lock().unwrap().public_url = format!("http://{}", listener.local_addr().unwrap());
    let pages = Router::new().route("/c/pay/{session}", get(page::show).post(page::pay));
    axum::serve(listener, pages.fallback(handle).with_state(account)).await.unwrap();
}

/// What an answer looks like on its way.
enum Sent {
    Answer(Answer, bool),
    Broken,
    Never,
    Garbage,
}

async fn handle(
    State(account): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let sent = decide(&account, &method, &uri, &headers, &body);
    match sent {
        Sent::Answer((status, body), replayed) => {
            let status = StatusCode::from_u16(status).unwrap();
            let mut response = (status, axum::Json(body)).into_response();
            if replayed {
                response.headers_mut().insert("idempotent-replayed", "true".parse().unwrap());
            }
            response
        }
        // An answer whose body breaks off.
        Sent::Broken => {
            let broken = futures::stream::once(async { Err::<Bytes, _>(std::io::Error::other("cut")) });
            Body::from_stream(broken).into_response()
        }
        Sent::Never => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            StatusCode::GATEWAY_TIMEOUT.into_response()
        }
        Sent::Garbage => "<html>all is well</html>".into_response(),
    }
}

fn decide(account: &Shared, method: &Method, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Sent {
    let mut account = account.lock().unwrap();
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let refuse = |answer| Sent::Answer(answer, false);
    let path: Vec<&str> = uri.path().split('/').skip(1).collect();
    let operation = match (method.as_str(), path.as_slice()) {
        ("POST", ["v1", "payment_intents"]) => Operation::Create,
        ("POST", ["v1", "payment_intents", _, "capture"]) => Operation::Capture,
        ("POST", ["v1", "payment_intents", _, "cancel"]) => Operation::Cancel,
        ("POST", ["v1", "checkout", "sessions"]) => Operation::Open,
        ("POST", ["v1", "checkout", "sessions", _, "expire"]) => Operation::Expire,
        ("POST", ["v1", "refunds"]) => Operation::Refund,
        ("GET", ["v1", "payment_intents", "search"]) => Operation::Search,
        ("GET", ["v1", "events"]) => Operation::Events,
        ("GET", ["v1", ..]) => Operation::Retrieve,
        _ => return refuse(error(404, "invalid_request_error", "url_invalid")),
    };
    account.requests.push(operation);
    let place = account.faults.iter().position(|(on, _)| *on == operation);
    let fault = place.map(|place| account.faults.remove(place).1);
    if header("authorization") != format!("Bearer {SECRET_KEY}") || fault == Some(Fault::Unauthorized) {
        return refuse(error(401, "invalid_request_error", "api_key_expired"));
    }
    match fault {
        Some(Fault::RateLimited) => return refuse(error(429, "invalid_request_error", "rate_limit")),
        Some(Fault::InUse) => return refuse(error(409, "invalid_request_error", "idempotency_key_in_use")),
        _ => {}
    }
    assert!(header("stripe-version").starts_with("20"), "the version is pinned");
    if method == Method::GET {
        let query = form(uri.query().unwrap_or_default().as_bytes());
        return through(fault, read(&account, &path, &query), false);
    }
    let key = header("idempotency-key");
    assert!(!key.is_empty(), "every POST has a key");
    assert_eq!(header("content-type"), "application/x-www-form-urlencoded");
    let request = format!("{} {}", uri.path(), String::from_utf8_lossy(body));
    if let Some((first, answer)) = account.keys.get(key) {
        if *first != request {
            return refuse(error(400, "idempotency_error", "idempotency_error"));
        }
        return through(fault, answer.clone(), true);
    }
    let failed = || error(500, "api_error", "api_error");
    let answer = match fault {
        Some(Fault::FailsBefore) => failed(),
        fault => {
            let answer = write(&mut account, operation, &path, &form(body));
            if fault == Some(Fault::FailsAfter) { failed() } else { answer }
        }
    };
    account.keys.insert(key.to_owned(), (request, answer.clone()));
    through(fault, answer, false)
}

fn read(account: &Account, path: &[&str], query: &Form) -> Answer {
    match path {
        [_, "payment_intents", "search"] => account.search(query),
        [_, "payment_intents"] => account.list(query),
        [_, "payment_intents", id] => account.retrieve(id),
        [_, "checkout", "sessions"] => account.list_sessions(query),
        [_, "checkout", "sessions", id] => account.retrieve_session(id, query),
        [_, "events"] => account.list_events(query),
        [_, "refunds"] => account.list_refunds(query),
        [_, "refunds", id] => account.retrieve_refund(id),
        _ => error(404, "invalid_request_error", "url_invalid"),
    }
}

fn write(account: &mut Account, operation: Operation, path: &[&str], form: &Form) -> Answer {
    match operation {
        Operation::Create => account.create(form),
        Operation::Refund => account.refund(form),
        Operation::Open => account.open_session(form),
        Operation::Expire => account.close_session(path[3]),
        operation => account.change(path[2], operation),
    }
}

/// What a fault makes of an answer.
fn through(fault: Option<Fault>, answer: Answer, replayed: bool) -> Sent {
    match fault {
        Some(Fault::LosesAnswer) => Sent::Broken,
        Some(Fault::Hangs) => Sent::Never,
        Some(Fault::Garbage) => Sent::Garbage,
        Some(Fault::FailsBefore) if !replayed && answer.0 < 500 => Sent::Answer((500, Value::Null), replayed),
        _ => Sent::Answer(answer, replayed),
    }
}

/// The fields; the values of one that is repeated (`types[]`) are joined by commas.
pub fn form(bytes: &[u8]) -> Form {
    let mut form = Form::new();
    for (name, value) in url::form_urlencoded::parse(bytes).into_owned() {
        match form.get_mut(&name) {
            Some(all) if name.ends_with("[]") => *all = format!("{all},{value}"),
            _ => drop(form.insert(name, value)),
        }
    }
    form
}

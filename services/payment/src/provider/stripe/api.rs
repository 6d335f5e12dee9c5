//! Stripe's HTTP interface: one request, and what is certain after it.
//!
//! Stripe keeps the answer that a key got, whatever it was, and gives it again to whoever repeats the
//! request. What turns a request away before that (the rate limiter, a key that is not accepted, a parameter
//! that is not valid) leaves no trace: <https://docs.stripe.com/error-low-level#idempotency>.

use std::time::Duration;

use kit::{Secret, StartError, headers::IDEMPOTENCY_KEY};
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url};
use serde::de::DeserializeOwned;

use super::object::{ApiError, ErrorBody, name};
use crate::{
    domain::{ChargeSnapshot, ChargeStatus, Failure, Outcome},
    provider::http,
};

/// The version of the interface that this client was written for: that of the schema it is tested against.
const VERSION: &str = "2026-08-26.dahlia";
/// The pauses before a request is repeated that met another one on the same object or key.
const AGAIN: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(600)];

/// The client.
pub struct Api {
    client: Client,
    url: Url,
    key: Secret,
}

/// An object that Stripe answered with.
#[derive(Debug)]
pub struct Reply<T> {
    pub object: T,
    /// The key had been used before: this is the answer of then, and may be out of date.
    pub replayed: bool,
}

/// Why there is none.
#[derive(Debug)]
pub enum Problem {
    /// The request was refused, or the card was.
    Refused { status: StatusCode, error: Box<ApiError> },
    /// Nothing happened.
    NotSent { problem: String },
    /// It may have happened. `replayed`: the key's first request ended this way, and repeating it only
    /// repeats this.
    Unknown { problem: String, replayed: bool },
}

/// Names and values of a form or of a query.
pub type Fields<'a> = &'a [(&'a str, String)];

impl Api {
    pub fn new(url: &str, key: Secret, timeout: Duration) -> Result<Self, StartError> {
        let url = http::url("Stripe", url)?;
        Ok(Self { client: http::client(&url, timeout)?, url, key })
    }

    /// `path` begins with a slash, and holds nothing that needs escaping. Where another request on the same object or key is
    /// under way (two replicas, one of which has lost its lease), the request is repeated after a pause: under the same key
    /// it is the same request.
    pub async fn post<T: DeserializeOwned>(
        &self,
        key: &str,
        path: &str,
        form: Fields<'_>,
    ) -> Result<Reply<T>, Problem> {
        let request = || self.request(Method::POST, path).header(IDEMPOTENCY_KEY, key).form(form);
        let mut pauses = AGAIN.into_iter();
        loop {
            let (status, replayed, body) = send(request()).await?;
            let error = error(&body);
            match pauses.next() {
                Some(pause) if collides(status, &error) => tokio::time::sleep(pause).await,
                _ => return read(status, replayed, &body, error),
            }
        }
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: Fields<'_>) -> Result<T, Problem> {
        let (status, replayed, body) = send(self.request(Method::GET, path).query(query)).await?;
        Ok(read(status, replayed, &body, error(&body))?.object)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.url.as_str().trim_end_matches('/'));
        self.client.request(method, url).bearer_auth(self.key.expose()).header("stripe-version", VERSION)
    }
}

async fn send(request: RequestBuilder) -> Result<(StatusCode, bool, Vec<u8>), Problem> {
    let response = request.send().await.map_err(http::failure)?;
    let status = response.status();
    let replayed = response.headers().get("idempotent-replayed").is_some_and(|value| value == "true");
    Ok((status, replayed, http::body(response).await?))
}

fn error(body: &[u8]) -> ApiError {
    serde_json::from_slice::<ErrorBody>(body).unwrap_or_default().error
}

/// Whether another request on the same object or key was under way.
fn collides(status: StatusCode, error: &ApiError) -> bool {
    status == StatusCode::CONFLICT || error.code.as_deref() == Some("lock_timeout")
}

fn read<T: DeserializeOwned>(
    status: StatusCode,
    replayed: bool,
    body: &[u8],
    error: ApiError,
) -> Result<Reply<T>, Problem> {
    if status.is_success() {
        return match serde_json::from_slice(body) {
            Ok(object) => Ok(Reply { object, replayed }),
            Err(error) => {
                Err(Problem::Unknown { problem: format!("unreadable answer: {error}"), replayed: false })
            }
        };
    }
    let problem = match error.code.as_deref() {
        Some(code) => format!("answered {status}, {}", name(code)),
        None => format!("answered {status}"),
    };
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            tracing::error!(%status, "Stripe does not accept the secret key: see FEIRA_STRIPE_SECRET_KEY");
            Err(Problem::NotSent { problem: format!("does not accept the secret key: {problem}") })
        }
        StatusCode::TOO_MANY_REQUESTS => Err(Problem::NotSent { problem }),
        // The request that the key belongs to is another one, or not over yet: what comes of that is not
        // said here.
        StatusCode::CONFLICT => Err(Problem::Unknown { problem, replayed: false }),
        StatusCode::REQUEST_TIMEOUT => Err(Problem::Unknown { problem, replayed }),
        _ if error.kind.as_deref() == Some("idempotency_error") => Err(Problem::Unknown {
            problem: format!("answered {status}, idempotency_error"),
            replayed: false,
        }),
        status if status.is_client_error() => Err(Problem::Refused { status, error: Box::new(error) }),
        _ => Err(Problem::Unknown { problem, replayed }),
    }
}

impl Problem {
    /// A card's decline, as the charge that it leaves behind.
    pub fn declined(self) -> Outcome {
        match self {
            Problem::Refused { status: StatusCode::PAYMENT_REQUIRED, error } => {
                let intent = error.payment_intent.as_ref().and_then(|intent| intent.snapshot());
                let reference = intent.map(|snapshot| snapshot.reference).unwrap_or_default();
                Ok(ChargeSnapshot::new(reference, ChargeStatus::Declined { reason: error.reason() }))
            }
            problem => Err(problem.into()),
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotSent { problem } => Problem::NotSent { problem },
            Failure::Unknown { problem } => Problem::Unknown { problem, replayed: false },
            Failure::Refused { reason, .. } => Problem::Unknown { problem: reason, replayed: false },
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::NotSent { problem } => Failure::NotSent { problem },
            Problem::Unknown { problem, .. } => Failure::Unknown { problem },
            Problem::Refused { status, error } => Failure::Refused {
                reason: match &error.code {
                    Some(_) => error.reason(),
                    None => format!("HTTP_{}", status.as_u16()),
                },
                snapshot: error.payment_intent.as_ref().and_then(|intent| intent.snapshot()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::provider::stripe::object::Intent;

    fn answered(status: u16, body: &Value) -> Result<Reply<Intent>, Problem> {
        let body = body.to_string().into_bytes();
        read(StatusCode::from_u16(status).unwrap(), false, &body, error(&body))
    }

    fn failure(status: u16, error: Value) -> Failure {
        answered(status, &json!({"error": error})).unwrap_err().into()
    }

    #[test]
    fn errors_are_told_apart_by_what_is_certain() {
        for (status, error, expected) in [
            (400, json!({"type": "invalid_request_error", "code": "amount_too_small"}), "refused"),
            (404, json!({"type": "invalid_request_error", "code": "resource_missing"}), "refused"),
            (402, json!({"type": "card_error", "code": "card_declined"}), "refused"),
            (400, json!({"type": "idempotency_error"}), "unknown"),
            (409, json!({"type": "invalid_request_error", "code": "idempotency_key_in_use"}), "unknown"),
            (401, json!({"type": "invalid_request_error"}), "not sent"),
            (403, json!({"type": "invalid_request_error"}), "not sent"),
            (429, json!({"type": "rate_limit_error", "code": "rate_limit"}), "not sent"),
            (429, json!({"type": "invalid_request_error", "code": "lock_timeout"}), "not sent"),
            (408, json!({}), "unknown"),
            (500, json!({"type": "api_error"}), "unknown"),
            (503, json!(null), "unknown"),
            (302, json!(null), "unknown"),
        ] {
            let kind = match failure(status, error.clone()) {
                Failure::Refused { .. } => "refused",
                Failure::NotSent { .. } => "not sent",
                Failure::Unknown { .. } => "unknown",
            };
            assert_eq!(kind, expected, "{status} {error}");
        }
    }

    #[test]
    fn a_refusal_says_how_the_charge_stands_where_stripe_does() {
        let error = json!({
            "type": "invalid_request_error", "code": "payment_intent_unexpected_state",
            "payment_intent": {"id": "pi_1", "status": "canceled"},
        });
        let snapshot = Some(ChargeSnapshot::new("pi_1", ChargeStatus::Voided));
        let reason = "PAYMENT_INTENT_UNEXPECTED_STATE".to_owned();
        assert_eq!(failure(400, error), Failure::Refused { reason, snapshot });
        let refused = Failure::Refused { reason: "HTTP_400".to_owned(), snapshot: None };
        assert_eq!(failure(400, json!({"type": "invalid_request_error"})), refused);
    }

    #[test]
    fn a_declined_card_is_a_declined_charge() {
        let error = json!({
            "type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds",
            "payment_intent": {"id": "pi_1", "status": "requires_payment_method"},
        });
        let status = ChargeStatus::Declined { reason: "INSUFFICIENT_FUNDS".to_owned() };
        let snapshot = ChargeSnapshot::new("pi_1", status);
        assert_eq!(answered(402, &json!({"error": error})).unwrap_err().declined(), Ok(snapshot));
    }

    #[test]
    fn an_answer_that_makes_no_sense_is_none() {
        for body in [json!({}), json!([]), json!("ok"), json!({"id": 1, "status": "succeeded"})] {
            assert!(matches!(answered(200, &body), Err(Problem::Unknown { .. })), "{body}");
        }
    }
}

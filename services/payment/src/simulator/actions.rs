//! What a customer does with a payment that waits for an action: `POST {"outcome":"approve"}` or `"decline"` at the
//! action's URL, or the buttons of the page there, which is a form without a script. Whoever has the URL may.

use std::sync::LazyLock;

use aws_lc_rs::digest;
use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

use crate::error::Error;

use super::{
    api::{Simulator, answer, refusal},
    charge::{Act, Model, Status},
    store::{self, Done},
};

const PAGE: &str = include_str!("action.html");
const STYLE: &str = include_str!("action.css");
/// It posts to where it is, below whatever path a proxy has it.
const BUTTONS: &str = "<form method=\"post\">\
    <button name=\"outcome\" value=\"approve\">Approve</button>\
    <button name=\"outcome\" value=\"decline\">Decline</button></form>";
/// The most bytes that an action's request has: it says one word.
pub const BODY_LIMIT: usize = 1_024;
/// What the page's buttons send.
const FORM: &str = "application/x-www-form-urlencoded";

/// What the page may do: have its own style, and post to where it comes from.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    )
});

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Action {
    outcome: Outcome,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Approve,
    Decline,
}

/// Reads what the customer chose, as JSON or as the page's form.
fn read(form: bool, body: &[u8]) -> Option<Act> {
    let outcome = match (form, body) {
        (true, b"outcome=approve") => Outcome::Approve,
        (true, b"outcome=decline") => Outcome::Decline,
        (true, _) => return None,
        (false, body) => serde_json::from_slice::<Action>(body).ok()?.outcome,
    };
    Some(match outcome {
        Outcome::Approve => Act::Approve,
        Outcome::Decline => Act::Decline,
    })
}

fn is_of(headers: &HeaderMap, media_type: &str) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(media_type)
}

pub async fn act(
    State(simulator): State<Simulator>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = is_of(&headers, FORM);
    let chosen = if form || is_of(&headers, "application/json") { read(form, &body) } else { None };
    let Some(act) = chosen else { return refusal(StatusCode::BAD_REQUEST, "invalid_body", None) };
    // Anybody may call this: what is no action's token must not cost a transaction, which on SQLite is the only writer.
    match find(&simulator, &token).await {
        Ok(Some(_)) => {}
        Ok(None) => return refusal(StatusCode::NOT_FOUND, "not_found", None),
        Err(error) => return answer(Err(error)),
    }
    match store::act(&simulator, None, token, act).await {
        Ok(Done::Charge(charge)) if form => {
            html(StatusCode::OK, &charge, &said(&format!("The payment is {}.", charge.status.name())))
        }
        Ok(Done::Illegal(charge)) if form => html(
            StatusCode::CONFLICT,
            &charge,
            &said(&format!("Refused: the payment is {}.", charge.status.name())),
        ),
        done => answer(done),
    }
}

pub async fn page(State(simulator): State<Simulator>, Path(token): Path<String>) -> Response {
    match find(&simulator, &token).await {
        Ok(Some(charge)) if charge.status == Status::Waiting => html(StatusCode::OK, &charge, BUTTONS),
        Ok(Some(charge)) => {
            html(StatusCode::OK, &charge, &said(&format!("The payment is {}.", charge.status.name())))
        }
        Ok(None) => refusal(StatusCode::NOT_FOUND, "not_found", None),
        Err(error) => answer(Err(error)),
    }
}

/// The charge of an action's token, as `store::create` makes them; anything else is none, whatever a database thinks of
/// its characters.
async fn find(simulator: &Simulator, token: &str) -> Result<Option<Model>, Error> {
    let is_token = token.len() == 32 && token.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if is_token { store::of_token(simulator.db.read(), token).await } else { Ok(None) }
}

fn said(text: &str) -> String {
    format!("<p role=\"status\">{text}</p>")
}

/// The page, with what is made of words and numbers of ours alone.
fn html(status: StatusCode, charge: &Model, inside: &str) -> Response {
    let page =
        PAGE.replace("{style}", STYLE).replace("{amount}", &amount(charge)).replace("{inside}", inside);
    let headers: [(HeaderName, &str); 3] = [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, &POLICY),
        // The URL is all that it takes to pay.
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (status, headers, Html(page)).into_response()
}

fn amount(charge: &Model) -> String {
    crate::store::money(&charge.reference, charge.amount_minor, &charge.currency)
        .map(|amount| amount.to_string())
        .unwrap_or_default()
}

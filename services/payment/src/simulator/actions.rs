//! What a customer does with a payment that waits for her: `POST {"outcome":"approve"}` or `"decline"` at the
//! action's URL, or the buttons of the page there. Whoever has the URL may.

use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use kit::{Currency, Money};
use serde::Deserialize;

use super::{
    api::{Simulator, answer, refusal},
    charge::{Act, Model},
    store,
};

const PAGE: &str = include_str!("action.html");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    outcome: Outcome,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Approve,
    Decline,
}

pub async fn act(
    State(simulator): State<Simulator>,
    Path(token): Path<String>,
    body: Result<Json<Action>, JsonRejection>,
) -> Response {
    let act = match body {
        Ok(Json(Action { outcome: Outcome::Approve })) => Act::Approve,
        Ok(Json(Action { outcome: Outcome::Decline })) => Act::Decline,
        Err(_) => return refusal(StatusCode::BAD_REQUEST, "invalid_body", None),
    };
    answer(store::act(&simulator, None, token, act).await)
}

pub async fn page(State(simulator): State<Simulator>, Path(token): Path<String>) -> Response {
    match store::of_token(simulator.db.read(), &token).await {
        Ok(Some(charge)) => {
            let page = Html(PAGE.replace("{amount}", &amount(&charge)));
            ([(header::CACHE_CONTROL, "no-store")], page).into_response()
        }
        Ok(None) => refusal(StatusCode::NOT_FOUND, "not_found", None),
        Err(error) => answer(Err(error)),
    }
}

fn amount(charge: &Model) -> String {
    let currency: Result<Currency, ()> = charge.currency.parse();
    currency.map(|currency| Money::new(charge.amount_minor, currency).to_string()).unwrap_or_default()
}

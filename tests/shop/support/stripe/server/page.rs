//! The page on which customers of the simulated Stripe pay.

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
};

use super::serve::{Shared, form};

/// `GET /c/pay/{session}`
pub async fn show(State(account): State<Shared>, Path(id): Path<String>) -> Response {
    page(&account, &id, "")
}

/// `POST /c/pay/{session}`: `card` = a test card of Stripe's.
pub async fn pay(State(account): State<Shared>, Path(id): Path<String>, body: Bytes) -> Response {
    let card = form(&body).get("card").cloned().unwrap_or_default();
    let paid = {
        let mut account = account.lock().unwrap();
        if !account.sessions.iter().any(|session| session["id"] == id.as_str()) {
            return StatusCode::NOT_FOUND.into_response();
        }
        account.pay(&id, &card).then(|| session_url(&account.sessions, &id, "success_url"))
    };
    match paid {
        Some(url) => Redirect::to(&url).into_response(),
        None => page(&account, &id, "Your card has insufficient funds. Try a different card."),
    }
}

fn session_url(sessions: &[serde_json::Value], id: &str, which: &str) -> String {
    let session = sessions.iter().find(|session| session["id"] == id).unwrap();
    session[which].as_str().unwrap().to_owned()
}

fn page(account: &Shared, id: &str, problem: &str) -> Response {
    let account = account.lock().unwrap();
    let Some(session) = account.sessions.iter().find(|session| session["id"] == id) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let cancel = session["cancel_url"].as_str().unwrap().replace('&', "&amp;");
    let inside = match session["status"].as_str().unwrap() {
        "open" => format!(
            "<p>{} {}</p><p role=alert>{problem}</p><form method=post>\
             <button name=card value=pm_card_visa>Pay</button>\
             <button name=card value=pm_card_visa_chargeDeclinedInsufficientFunds>Pay with an empty card</button>\
             </form><p><a href=\"{cancel}\">Back to the shop</a></p>",
            session["amount_total"], session["currency"],
        ),
        "complete" => "<p>You have paid already.</p>".to_owned(),
        _ => "<p>This page has expired.</p>".to_owned(),
    };
    let title = "Simulated Stripe Checkout";
    Html(format!(
        "<!doctype html><html lang=en><meta charset=utf-8><link rel=icon href=data:,><title>{title}</title><h1>{title}</h1>{inside}"
    ))
    .into_response()
}

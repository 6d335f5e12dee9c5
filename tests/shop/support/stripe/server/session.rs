//! Checkout Sessions: what requests and the customer on the page do to them.

use serde_json::{Value, json};

use super::{
    account::{Account, Answer, Form, error, metadata, missing},
    now,
};

impl Account {
    fn session(&self, id: &str) -> Option<usize> {
        self.sessions.iter().position(|session| session["id"] == id)
    }

    pub fn is_of_open_session(&self, intent: &str) -> bool {
        self.sessions.iter().any(|it| it["payment_intent"] == intent && it["status"] == "open")
    }

    /// `POST /v1/checkout/sessions`
    pub fn open_session(&mut self, form: &Form) -> Answer {
        let field = |name: &str| form.get(name).cloned().unwrap_or_default();
        let price = |name: &str| field(&format!("line_items[0][price_data][{name}]"));
        let (amount, currency) = (price("unit_amount").parse::<i64>().unwrap_or(0), price("currency"));
        let expires = field("expires_at").parse::<i64>().unwrap_or(0) - now();
        let whole = field("mode") == "payment"
            && field("line_items[0][quantity]") == "1"
            && !field("line_items[0][price_data][product_data][name]").is_empty()
            && field("payment_intent_data[capture_method]") == "manual"
            && currency.len() == 3
            && (1800..=86_400).contains(&expires);
        let leads_back = ["success_url", "cancel_url"].iter().all(|name| field(name).starts_with("http"));
        if !whole || !leads_back {
            return error(400, "invalid_request_error", "parameter_missing");
        }
        if amount < 50 {
            return error(400, "invalid_request_error", "amount_too_small");
        }
        let id = self.id("cs_test");
        let session = json!({
            "id": id, "object": "checkout.session", "status": "open", "payment_status": "unpaid",
            "amount_total": amount, "currency": currency, "payment_intent": null, "created": now(),
            "client_reference_id": field("client_reference_id"), "metadata": metadata(form, "metadata"),
            "intent_metadata": metadata(form, "payment_intent_data[metadata]"),
            "url": format!("{}/c/pay/{id}", self.public_url),
            "success_url": field("success_url"), "cancel_url": field("cancel_url"),
        });
        self.sessions.push(session.clone());
        (200, session)
    }

    /// `GET /v1/checkout/sessions/{id}`; its PaymentIntent whole, where it is asked for.
    pub fn retrieve_session(&self, id: &str, query: &Form) -> Answer {
        let Some(place) = self.session(id) else { return missing() };
        let mut session = self.sessions[place].clone();
        if query.get("expand[]").is_some_and(|what| what == "payment_intent")
            && let Some(intent) = session["payment_intent"].as_str().and_then(|id| self.position(id))
        {
            session["payment_intent"] = self.intents[intent].clone();
        }
        (200, session)
    }

    /// `GET /v1/checkout/sessions`, the newest first
    pub fn list_sessions(&self, query: &Form) -> Answer {
        let number = |name: &str| query.get(name).and_then(|text| text.parse::<i64>().ok());
        let (from, to) = (number("created[gte]").unwrap_or(0), number("created[lte]").unwrap_or(i64::MAX));
        let within = |it: &&Value| it["created"].as_i64().is_some_and(|at| (from..=to).contains(&at));
        let found: Vec<&Value> = self.sessions.iter().rev().filter(within).collect();
        (200, json!({"object": "list", "data": found, "has_more": false}))
    }

    /// `POST /v1/checkout/sessions/{id}/expire`
    pub fn close_session(&mut self, id: &str) -> Answer {
        let Some(place) = self.session(id) else { return missing() };
        if self.sessions[place]["status"] != "open" {
            return error(400, "invalid_request_error", "resource_missing");
        }
        (200, self.expire_session(id))
    }

    /// The session ends, and what it has of a PaymentIntent with it.
    pub fn expire_session(&mut self, id: &str) -> Value {
        let place = self.session(id).expect("there is such a session");
        assert_eq!(self.sessions[place]["status"], "open");
        self.sessions[place]["status"] = "expired".into();
        self.sessions[place]["url"] = Value::Null;
        if let Some(intent) = self.sessions[place]["payment_intent"].as_str().and_then(|id| self.position(id))
        {
            self.move_to(intent, "canceled");
        }
        let session = self.sessions[place].clone();
        self.event("checkout.session.expired", &session);
        session
    }

    /// What the customer does on the page with a card; whether it is paid then. A session that is over stays as it
    /// is.
    pub fn pay(&mut self, id: &str, card: &str) -> bool {
        let place = self.session(id).expect("there is such a session");
        let session = self.sessions[place].clone();
        if session["status"] != "open" {
            return session["status"] == "complete";
        }
        let intent = match session["payment_intent"].as_str().and_then(|id| self.position(id)) {
            Some(intent) => intent,
            None => {
                let (amount, currency) =
                    (session["amount_total"].as_i64().unwrap(), session["currency"].clone());
                self.new_intent(amount, currency.as_str().unwrap(), &session["intent_metadata"])
            }
        };
        self.sessions[place]["payment_intent"] = self.intents[intent]["id"].clone();
        if card != "pm_card_visa" {
            self.decline(intent, "insufficient_funds");
            return false;
        }
        self.sessions[place]["status"] = "complete".into();
        self.sessions[place]["url"] = Value::Null;
        self.move_to(intent, "requires_capture");
        let session = self.sessions[place].clone();
        self.event("checkout.session.completed", &session);
        true
    }
}

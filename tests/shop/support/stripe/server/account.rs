//! What the simulated Stripe remembers of an account, and what requests do to it.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::{Fault, Operation, now};

/// The fields of a form or a query.
pub type Form = BTreeMap<String, String>;
/// A status code and a JSON body.
pub type Answer = (u16, Value);

/// An account.
#[derive(Default)]
pub struct Account {
    /// In the order in which they were made.
    pub intents: Vec<Value>,
    pub sessions: Vec<Value>,
    pub refunds: Vec<Value>,
    pub disputes: Vec<Value>,
    pub events: Vec<Value>,
    /// By idempotency key: the request, and its answer.
    pub keys: HashMap<String, (String, Answer)>,
    pub faults: Vec<(Operation, Fault)>,
    pub requests: Vec<Operation>,
    pub search_lags: bool,
    pub refunds_pend: bool,
    /// What the next capture takes instead of what is held: an amount and a currency.
    pub takes: Option<(i64, String)>,
    /// What the next refund gives back instead of what it is asked for.
    pub gives: Option<i64>,
    /// Where its customers reach it.
    pub public_url: String,
    last_id: u64,
}

pub fn error(status: u16, kind: &str, code: &str) -> Answer {
    (status, json!({"error": {"type": kind, "code": code, "message": "said by the simulator"}}))
}

/// The metadata of a form, under a name.
pub fn metadata(form: &Form, under: &str) -> Value {
    ["payment_id", "order_id"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), form.get(&format!("{under}[{name}]"))?.as_str().into())))
        .collect::<serde_json::Map<String, Value>>()
        .into()
}

pub fn missing() -> Answer {
    error(404, "invalid_request_error", "resource_missing")
}

impl Account {
    pub fn id(&mut self, prefix: &str) -> String {
        self.last_id += 1;
        format!("{prefix}_{:012}", self.last_id)
    }

    pub fn event(&mut self, kind: &str, object: &Value) {
        let id = self.id("evt");
        let object = object.clone();
        self.events.push(json!({
            "id": id, "object": "event", "type": kind, "created": now(), "data": {"object": object},
        }));
    }

    pub fn position(&self, id: &str) -> Option<usize> {
        self.intents.iter().position(|intent| intent["id"] == id)
    }

    /// Brings a PaymentIntent into a status, and tells of it.
    pub fn move_to(&mut self, place: usize, status: &str) -> Value {
        let takes = if status == "succeeded" { self.takes.take() } else { None };
        let intent = &mut self.intents[place];
        intent["status"] = status.into();
        intent["next_action"] = Value::Null;
        let amount = intent["amount"].clone();
        intent["amount_received"] = if status == "succeeded" { amount } else { 0.into() };
        if let Some((amount, currency)) = takes {
            (intent["amount_received"], intent["currency"]) = (amount.into(), currency.into());
        }
        let intent = intent.clone();
        let kind = match status {
            "requires_capture" => "payment_intent.amount_capturable_updated",
            "succeeded" => "payment_intent.succeeded",
            "canceled" => "payment_intent.canceled",
            "requires_action" => "payment_intent.requires_action",
            _ => "payment_intent.payment_failed",
        };
        self.event(kind, &intent);
        intent
    }

    /// `POST /v1/payment_intents`
    pub fn create(&mut self, form: &Form) -> Answer {
        let field = |name: &str| form.get(name).cloned().unwrap_or_default();
        let amount: i64 = field("amount").parse().unwrap_or(0);
        let currency = field("currency");
        let method = field("capture_method");
        let known = method == "manual" || method == "automatic";
        if currency.len() != 3 || currency.to_lowercase() != currency || !known {
            return error(400, "invalid_request_error", "parameter_invalid_string");
        }
        if amount < 50 {
            return error(400, "invalid_request_error", "amount_too_small");
        }
        let place = self.new_intent(amount, &currency, &metadata(form, "metadata"));
        let id = self.intents[place]["id"].as_str().unwrap().to_owned();
        self.intents[place]["capture_method"] = method.into();
        match field("payment_method").as_str() {
            "pm_card_visa" => (200, self.authorize(place)),
            "pm_card_visa_chargeDeclined" => self.decline(place, "generic_decline"),
            "pm_card_visa_chargeDeclinedInsufficientFunds" => self.decline(place, "insufficient_funds"),
            "pm_card_visa_chargeDeclinedLostCard" => self.decline(place, "lost_card"),
            "pm_card_authenticationRequired" => {
                self.move_to(place, "requires_action");
                let url = format!("https://hooks.stripe.example/3d_secure/{id}");
                self.intents[place]["next_action"] =
                    json!({"type": "redirect_to_url", "redirect_to_url": {"url": url}});
                (200, self.intents[place].clone())
            }
            _ => {
                self.intents.pop();
                error(400, "invalid_request_error", "resource_missing")
            }
        }
    }

    /// The money is held, or taken at once where the PaymentIntent says so.
    pub fn authorize(&mut self, place: usize) -> Value {
        let automatic = self.intents[place]["capture_method"] == "automatic";
        self.move_to(place, if automatic { "succeeded" } else { "requires_capture" })
    }

    /// A PaymentIntent that is not confirmed yet.
    pub fn new_intent(&mut self, amount: i64, currency: &str, metadata: &Value) -> usize {
        let id = self.id("pi");
        self.intents.push(json!({
            "id": id, "object": "payment_intent", "amount": amount, "currency": currency, "metadata": metadata,
            "client_secret": format!("{id}_secret_hunter22"), "created": now(), "status": "requires_confirmation",
        }));
        self.intents.len() - 1
    }

    pub fn decline(&mut self, place: usize, decline_code: &str) -> Answer {
        self.intents[place]["last_payment_error"] =
            json!({"type": "card_error", "code": "card_declined", "decline_code": decline_code});
        let intent = self.move_to(place, "requires_payment_method");
        let mut error = intent["last_payment_error"].clone();
        error["payment_intent"] = intent;
        (402, json!({ "error": error }))
    }

    /// `POST /v1/payment_intents/{id}/capture` and `/cancel`
    pub fn change(&mut self, id: &str, operation: Operation) -> Answer {
        let Some(place) = self.position(id) else { return missing() };
        let status = self.intents[place]["status"].as_str().unwrap_or_default();
        match (operation, status) {
            (Operation::Capture, "requires_capture") => (200, self.move_to(place, "succeeded")),
            // An open session's PaymentIntent is its session's alone.
            (Operation::Cancel, _) if self.is_of_open_session(id) => {
                error(400, "invalid_request_error", "payment_intent_unexpected_state")
            }
            (Operation::Cancel, "requires_capture" | "requires_action" | "requires_payment_method") => {
                (200, self.move_to(place, "canceled"))
            }
            _ => {
                let (status, mut body) =
                    error(400, "invalid_request_error", "payment_intent_unexpected_state");
                body["error"]["payment_intent"] = self.intents[place].clone();
                (status, body)
            }
        }
    }

    /// `GET /v1/payment_intents/{id}`
    pub fn retrieve(&self, id: &str) -> Answer {
        self.position(id).map_or_else(missing, |place| (200, self.intents[place].clone()))
    }

    /// `GET /v1/payment_intents/search`
    pub fn search(&self, query: &Form) -> Answer {
        let wanted = query.get("query").and_then(|query| query.strip_prefix("metadata['payment_id']:'"));
        let Some(wanted) = wanted.and_then(|wanted| wanted.strip_suffix('\'')) else {
            return error(400, "invalid_request_error", "parameter_invalid_string");
        };
        let found = self.intents.iter().filter(|intent| intent["metadata"]["payment_id"] == wanted);
        let found: Vec<&Value> = found.filter(|_| !self.search_lags).collect();
        (200, json!({"object": "search_result", "data": found, "has_more": false}))
    }

    /// `GET /v1/payment_intents`, the newest first
    pub fn list(&self, query: &Form) -> Answer {
        let number = |name: &str| query.get(name).and_then(|text| text.parse::<i64>().ok());
        let (from, to) = (number("created[gte]").unwrap_or(0), number("created[lte]").unwrap_or(i64::MAX));
        let limit = usize::try_from(number("limit").unwrap_or(10)).unwrap();
        let within = |intent: &&Value| intent["created"].as_i64().is_some_and(|at| (from..=to).contains(&at));
        let mut found: Vec<&Value> = self.intents.iter().rev().filter(within).collect();
        if let Some(after) = query.get("starting_after") {
            let place = found.iter().position(|intent| intent["id"] == after.as_str());
            found.drain(..=place.unwrap());
        }
        let has_more = found.len() > limit;
        found.truncate(limit);
        (200, json!({"object": "list", "data": found, "has_more": has_more}))
    }

    /// `GET /v1/events`, the newest first
    pub fn list_events(&self, query: &Form) -> Answer {
        let field = |name: &str| query.get(name).cloned().unwrap_or_default();
        let (kinds, from) = (field("types[]"), field("created[gte]").parse().unwrap_or(0));
        let wanted = |event: &&Value| {
            kinds.split(',').any(|kind| event["type"] == kind)
                && event["created"].as_i64().is_some_and(|at| at >= from)
        };
        let limit: usize = field("limit").parse().unwrap();
        let mut found: Vec<&Value> = self.events.iter().rev().filter(wanted).collect();
        let place = |id: String| found.iter().position(|event| event["id"] == id.as_str());
        let (after, before) = (place(field("starting_after")), place(field("ending_before")));
        if query.contains_key("ending_before") && before.is_none() {
            return missing();
        }
        if let Some(after) = after {
            found.drain(..=after);
        }
        let has_more = match before {
            // What is newer, and nearest to it.
            Some(before) => {
                found.truncate(before);
                let more = found.len().saturating_sub(limit);
                found.drain(..more);
                more > 0
            }
            None => found.len() > limit,
        };
        found.truncate(limit);
        (200, json!({"object": "list", "data": found, "has_more": has_more}))
    }

    pub fn act(&mut self, action_url: &str, approve: bool) {
        let id = action_url.rsplit('/').next().unwrap();
        let place = self.position(id).expect("the page is a PaymentIntent's");
        assert_eq!(self.intents[place]["status"], "requires_action");
        if approve {
            self.authorize(place);
        } else {
            self.intents[place]["last_payment_error"] =
                json!({"type": "invalid_request_error", "code": "payment_intent_authentication_failure"});
            self.move_to(place, "requires_payment_method");
        }
    }

    pub fn expire(&mut self, payment_id: &str) {
        let of = |intent: &Value| intent["metadata"]["payment_id"] == payment_id;
        let place = self.intents.iter().position(of).expect("the payment has a PaymentIntent");
        self.move_to(place, "canceled");
    }
}

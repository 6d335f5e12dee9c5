//! Refunds of the simulated Stripe.

use serde_json::{Value, json};

use super::account::*;

impl Account {
    /// `POST /v1/refunds`
    pub fn refund(&mut self, form: &Form) -> Answer {
        let field = |name: &str| form.get(name).cloned().unwrap_or_default();
        let intent_id = field("payment_intent");
        let Some(place) = self.position(&intent_id) else { return missing() };
        let intent = self.intents[place].clone();
        let amount: i64 = field("amount").parse().unwrap_or(0);
        let given: i64 =
            self.refunds_of(&intent_id).iter().filter_map(|refund| refund["amount"].as_i64()).sum();
        if intent["status"] != "succeeded" || given + amount > intent["amount"].as_i64().unwrap() {
            return error(400, "invalid_request_error", "charge_already_refunded");
        }
        let amount = self.gives.take().unwrap_or(amount);
        let id = self.id("re");
        let status = if self.refunds_pend { "pending" } else { "succeeded" };
        let refund = json!({
            "id": id, "object": "refund", "amount": amount, "currency": intent["currency"],
            "payment_intent": intent_id, "status": status,
            "metadata": {"refund_id": field("metadata[refund_id]"), "payment_id": field("metadata[payment_id]")},
        });
        self.refunds.push(refund.clone());
        let charge = json!({
            "id": "ch_1", "object": "charge", "payment_intent": intent_id, "metadata": intent["metadata"],
            "currency": intent["currency"], "amount_refunded": given + amount,
        });
        self.event("charge.refunded", &charge);
        (200, refund)
    }

    pub fn refund_in_dashboard(&mut self, payment_id: &str, amount: i64) {
        let of = |intent: &&Value| intent["metadata"]["payment_id"] == payment_id;
        let intent = self.intents.iter().find(of).expect("the payment has a PaymentIntent");
        let fields =
            [("payment_intent", intent["id"].as_str().unwrap().to_owned()), ("amount", amount.to_string())];
        let form = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        assert_eq!(self.refund(&form).0, 200);
    }

    fn refunds_of(&self, intent: &str) -> Vec<&Value> {
        self.refunds.iter().filter(|refund| refund["payment_intent"] == intent).collect()
    }

    /// `GET /v1/refunds`
    pub fn list_refunds(&self, query: &Form) -> Answer {
        let intent = query.get("payment_intent").cloned().unwrap_or_default();
        (200, json!({"object": "list", "data": self.refunds_of(&intent), "has_more": false}))
    }

    /// `GET /v1/refunds/{id}`
    pub fn retrieve_refund(&self, id: &str) -> Answer {
        let found = self.refunds.iter().find(|refund| refund["id"] == id);
        found.map_or_else(missing, |refund| (200, refund.clone()))
    }

    pub fn settle_refund(&mut self, payment_id: &str, before: &str, after: &str) {
        let of =
            |refund: &Value| refund["metadata"]["payment_id"] == payment_id && refund["status"] == before;
        let place = self.refunds.iter().position(of).expect("there is such a refund");
        self.refunds[place]["status"] = after.into();
        let refund = self.refunds[place].clone();
        self.event("refund.updated", &refund);
    }
}

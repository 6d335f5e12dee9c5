//! Disputes: what banks take back, and what Stripe takes for it.

use serde_json::{Value, json};

use super::{account::Account, now};

/// What a dispute's event books on the account's balance, in the account's currency.
#[derive(Debug, Clone, Copy)]
pub struct Booking {
    pub amount: i64,
    /// Negative, where Stripe gives some back.
    pub fee: i64,
    pub currency: &'static str,
}

impl Account {
    /// Something happens to the dispute of a payment's whole amount, which is made where there is none.
    pub fn dispute(&mut self, payment_id: &str, what: &str, status: &str, booking: Option<Booking>) {
        let of = |intent: &&Value| intent["metadata"]["payment_id"] == payment_id;
        let intent = self.intents.iter().find(of).expect("the payment has a PaymentIntent").clone();
        let found = self.disputes.iter().position(|dispute| dispute["payment_intent"] == intent["id"]);
        let place = found.unwrap_or_else(|| {
            let id = self.id("dp");
            self.disputes.push(json!({
                "id": id, "object": "dispute", "amount": intent["amount"], "currency": intent["currency"],
                "balance_transactions": [], "charge": "ch_1", "created": now(), "is_charge_refundable": false,
                "livemode": false, "metadata": {}, "payment_intent": intent["id"], "reason": "fraudulent",
            }));
            self.disputes.len() - 1
        });
        self.disputes[place]["status"] = status.into();
        if let Some(Booking { amount, fee, currency }) = booking {
            let id = self.id("txn");
            let details = json!([{"amount": fee, "application": null, "currency": currency,
                "description": "Dispute fee", "type": "stripe_fee"}]);
            let category = if amount > 0 { "dispute_reversal" } else { "dispute" };
            let booked = json!({
                "id": id, "object": "balance_transaction", "amount": amount, "available_on": now(),
                "balance_type": "payments", "created": now(), "currency": currency, "exchange_rate": 1.2, "fee": fee,
                "fee_details": details, "net": amount - fee, "reporting_category": category,
                "source": self.disputes[place]["id"], "status": "available", "type": "adjustment",
            });
            self.disputes[place]["balance_transactions"].as_array_mut().unwrap().push(booked);
        }
        let dispute = self.disputes[place].clone();
        self.event(&format!("charge.dispute.{what}"), &dispute);
    }
}

//! A shop that is paid through the simulated Stripe.

use contracts::{
    order::OrderState,
    payment::{Payment, PaymentState, Refund, RefundPaymentRequest},
};

use super::Stripe;
use crate::support::{Mesh, Setup, Shopper, eur};

/// The card that pays.
pub const VISA: &str = "pm_card_visa";
/// The card whose bank asks its customer.
pub const ACTION: &str = "pm_card_authenticationRequired";

/// A shop that is paid through Stripe, its staff and a customer, and an article at ten euros.
pub struct Shop {
    pub stripe: Stripe,
    pub mesh: Mesh,
    pub staff: Shopper,
    pub ada: Shopper,
    pub article: String,
}

impl Shop {
    pub async fn open(setup: Setup) -> Self {
        let stripe = Stripe::start().await;
        let mesh = stripe.setup(setup).start().await;
        let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
        let article = staff.stocked(eur(1000), 100).await.id;
        Self { stripe, mesh, staff, ada, article }
    }

    /// A paid order's payment.
    pub async fn paid(&self) -> Payment {
        let order = self.ada.order(&self.article, 1, VISA).await.unwrap();
        let order = self.ada.until(&order.id, OrderState::Paid).await;
        self.ada.until_payment(&order.payment_id, PaymentState::Captured).await
    }

    /// An order that its customer has paid on Stripe's page, where the money is only held at first.
    pub async fn paid_on_page(&self) -> contracts::order::Order {
        let order = self.ada.order(&self.article, 1, "").await.unwrap().body;
        self.stripe.pay_on_page(&order.payment_action_url, VISA);
        order
    }

    pub async fn refund(&self, id: &str, cents: i64) -> Refund {
        let request =
            RefundPaymentRequest { id: id.into(), amount: Some(eur(cents)), reason: "scratched".into() };
        self.staff.refund_payment(request).await.unwrap().body
    }

    /// At Stripe there is one charge for a payment; its status, and how much was received.
    pub fn charge(&self, payment_id: &str) -> (String, i64) {
        let intents = self.stripe.intents(payment_id);
        assert_eq!(intents.len(), 1, "{intents:?}");
        let status = intents[0]["status"].as_str().unwrap().to_owned();
        (status, intents[0]["amount_received"].as_i64().unwrap())
    }

    /// How much Stripe gave back of a payment.
    pub fn given_back(&self, payment_id: &str) -> i64 {
        self.stripe.refunds(payment_id).iter().map(|refund| refund["amount"].as_i64().unwrap()).sum()
    }
}

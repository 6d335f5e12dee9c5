//! What the order and the payment service hold about a person.

use contracts::{
    order::{
        ListOrderEventsRequest, ListOrdersRequest, ListPurchasesRequest,
        order_service_client::OrderServiceClient,
    },
    payment::{
        ListDisputesRequest, ListPaymentEventsRequest, ListPaymentsRequest, ListRefundsRequest,
        payment_service_client::PaymentServiceClient,
    },
};
use kit::{Conn, Role};

use super::{Ended, Export, PAGE, of};

impl Export {
    /// Orders, each with its history, and what was bought.
    pub(super) async fn orders(&self) -> Result<(), Ended> {
        let orders = OrderServiceClient::new(self.conn(Role::Order));
        let orders = &orders;
        let user_id = || self.user_id.clone();
        self.pages(|page_token| async move {
            let request =
                ListOrdersRequest { user_id: user_id(), page_size: PAGE, page_token, ..Default::default() };
            let page = of(orders.clone().list_orders(self.ask(request)).await)?;
            for order in &page.orders {
                self.send("order", order).await?;
                self.history(orders, &order.id).await?;
            }
            Ok(page.next_page_token)
        })
        .await?;
        self.pages(|page_token| async move {
            let request = ListPurchasesRequest { user_id: user_id(), page_size: PAGE, page_token };
            let page = of(orders.clone().list_purchases(self.ask(request)).await)?;
            self.send_all("purchase", &page.purchases).await?;
            Ok(page.next_page_token)
        })
        .await
    }

    async fn history(&self, orders: &OrderServiceClient<Conn>, order_id: &str) -> Result<(), Ended> {
        self.pages(|page_token| async move {
            let request =
                ListOrderEventsRequest { order_id: order_id.to_owned(), page_size: PAGE, page_token };
            let page = of(orders.clone().list_order_events(self.ask(request)).await)?;
            self.send_all("order_event", &page.events).await?;
            Ok(page.next_page_token)
        })
        .await
    }

    /// Payments, each with its refunds, disputes and steps.
    pub(super) async fn payments(&self) -> Result<(), Ended> {
        let payments = PaymentServiceClient::new(self.conn(Role::Payment));
        let payments = &payments;
        self.pages(|page_token| async move {
            let request = ListPaymentsRequest {
                user_id: self.user_id.clone(),
                page_size: PAGE,
                page_token,
                ..Default::default()
            };
            let page = of(payments.clone().list_payments(self.ask(request)).await)?;
            for payment in &page.payments {
                self.send("payment", payment).await?;
                self.refunds(payments, &payment.id).await?;
                self.disputes(payments, &payment.id).await?;
                self.steps(payments, &payment.id).await?;
            }
            Ok(page.next_page_token)
        })
        .await
    }

    async fn refunds(&self, payments: &PaymentServiceClient<Conn>, payment_id: &str) -> Result<(), Ended> {
        self.pages(|page_token| async move {
            let request =
                ListRefundsRequest { payment_id: payment_id.to_owned(), page_size: PAGE, page_token };
            let page = of(payments.clone().list_refunds(self.ask(request)).await)?;
            self.send_all("refund", &page.refunds).await?;
            Ok(page.next_page_token)
        })
        .await
    }

    async fn disputes(&self, payments: &PaymentServiceClient<Conn>, payment_id: &str) -> Result<(), Ended> {
        self.pages(|page_token| async move {
            let request =
                ListDisputesRequest { payment_id: payment_id.to_owned(), page_size: PAGE, page_token };
            let page = of(payments.clone().list_disputes(self.ask(request)).await)?;
            self.send_all("dispute", &page.disputes).await?;
            Ok(page.next_page_token)
        })
        .await
    }

    async fn steps(&self, payments: &PaymentServiceClient<Conn>, payment_id: &str) -> Result<(), Ended> {
        self.pages(|page_token| async move {
            let request =
                ListPaymentEventsRequest { payment_id: payment_id.to_owned(), page_size: PAGE, page_token };
            let page = of(payments.clone().list_payment_events(self.ask(request)).await)?;
            self.send_all("payment_event", &page.events).await?;
            Ok(page.next_page_token)
        })
        .await
    }
}

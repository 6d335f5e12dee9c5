//! Payments, and their provider, who takes what it is asked to take at once.

use std::collections::BTreeMap;

use contracts::payment::{self, PaymentState, RefundState};
use kit::{
    Fault, Time,
    headers::IDEMPOTENCY_KEY,
    id::{Id, RefundId},
};
use tonic::Request;

use super::{Books, Paid};

impl Books {
    pub(super) fn can_pay(&mut self, _: &Request<payment::CheckPaymentMethodRequest>) -> Result<(), Fault> {
        Ok(())
    }

    pub(super) fn pay(
        &mut self,
        request: &Request<payment::CreatePaymentRequest>,
    ) -> Result<payment::Payment, Fault> {
        let request = request.get_ref();
        if let Some(paid) = self.payments.get(&request.id) {
            return Ok(paid.shown.clone());
        }
        let amount = request.amount.clone();
        let mut shown = payment::Payment {
            id: request.id.clone(),
            order_id: request.order_id.clone(),
            user_id: request.user_id.clone(),
            amount: amount.clone(),
            ..Default::default()
        };
        let mut captures = 0;
        let state = match request.payment_method.as_str() {
            "sim_decline" => {
                shown.failure_reason = "DECLINED".to_owned();
                PaymentState::Declined
            }
            "sim_action" => {
                shown.action_url = "https://bank.example/".to_owned();
                PaymentState::Processing
            }
            "sim_approve" if request.capture => {
                (shown.authorized, shown.captured) = (amount.clone(), amount);
                captures = 1;
                PaymentState::Captured
            }
            _ => {
                shown.authorized = amount;
                PaymentState::Authorized
            }
        };
        self.payments.insert(request.id.clone(), Paid { shown, captures, refunds: BTreeMap::new() });
        self.change(&request.id, state)
    }

    pub(super) fn capture(
        &mut self,
        request: &Request<payment::CapturePaymentRequest>,
    ) -> Result<payment::Payment, Fault> {
        let id = &request.get_ref().id;
        let paid = self.paid(id)?;
        match paid.shown.state() {
            PaymentState::Authorized => {
                paid.captures += 1;
                paid.shown.captured = paid.shown.amount.clone();
                self.change(id, PaymentState::Captured)
            }
            PaymentState::Captured | PaymentState::PartiallyRefunded | PaymentState::Refunded => {
                Ok(paid.shown.clone())
            }
            other => Err(refused(other)),
        }
    }

    pub(super) fn void(
        &mut self,
        request: &Request<payment::VoidPaymentRequest>,
    ) -> Result<payment::Payment, Fault> {
        let id = &request.get_ref().id;
        let paid = self.paid(id)?;
        match paid.shown.state() {
            PaymentState::Pending | PaymentState::Processing | PaymentState::Authorized => {
                self.change(id, PaymentState::Voided)
            }
            PaymentState::Voided | PaymentState::Declined => Ok(paid.shown.clone()),
            other => Err(refused(other)),
        }
    }

    pub(super) fn payment(
        &mut self,
        request: &Request<payment::GetPaymentRequest>,
    ) -> Result<payment::Payment, Fault> {
        Ok(self.paid(&request.get_ref().id)?.shown.clone())
    }

    pub(super) fn refund(
        &mut self,
        request: &Request<payment::RefundPaymentRequest>,
    ) -> Result<payment::Refund, Fault> {
        let key = request.metadata().get(IDEMPOTENCY_KEY).unwrap().to_str().unwrap().to_owned();
        let id = &request.get_ref().id;
        let paid = self.paid(id)?;
        if let Some(refund) = paid.refunds.get(&key) {
            return Ok(refund.clone());
        }
        if paid.shown.state() != PaymentState::Captured {
            return Err(refused(paid.shown.state()));
        }
        let refund = payment::Refund {
            id: RefundId::new().to_string(),
            payment_id: id.clone(),
            amount: paid.shown.captured.clone(),
            state: RefundState::Succeeded.into(),
            ..Default::default()
        };
        paid.shown.refunded = paid.shown.captured.clone();
        paid.refunds.insert(key, refund.clone());
        self.change(id, PaymentState::Refunded)?;
        Ok(refund)
    }

    pub(super) fn refunds(
        &mut self,
        request: &Request<payment::ListRefundsRequest>,
    ) -> Result<payment::ListRefundsResponse, Fault> {
        let refunds = self.paid(&request.get_ref().payment_id)?.refunds.values().cloned().collect();
        Ok(payment::ListRefundsResponse { refunds, ..Default::default() })
    }

    fn paid(&mut self, id: &str) -> Result<&mut Paid, Fault> {
        self.payments.get_mut(id).ok_or_else(|| Fault::not_found("payment"))
    }

    fn change(&mut self, id: &str, state: PaymentState) -> Result<payment::Payment, Fault> {
        self.changes += 1;
        let time = Time(self.changes).into();
        let paid = self.paid(id)?;
        paid.shown.set_state(state);
        paid.shown.update_time = Some(time);
        Ok(paid.shown.clone())
    }
}

fn refused(state: PaymentState) -> Fault {
    Fault::illegal_state("the payment's state forbids it", state.as_str_name())
}

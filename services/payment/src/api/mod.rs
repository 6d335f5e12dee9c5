//! The service as the contract has it: reads requests, has the engine or the store work, renders answers.

mod filter;
mod payment;
pub mod render;
pub mod states;
mod webhook;

use std::sync::Arc;

use contracts::payment::{CreatePaymentRequest, Payment};
use kit::{
    Fault, Money, Time,
    headers::WAITED,
    id::{Id, PaymentId},
    payment_types::PaymentTypes,
};
use tonic::Response;

use crate::{domain::State, engine::Engine, error::Error, store};

/// The service; cheap to clone.
#[derive(Clone)]
pub struct Payments {
    pub(crate) engine: Engine,
    types: Arc<PaymentTypes>,
}

impl Payments {
    pub fn new(engine: Engine, types: PaymentTypes) -> Self {
        Self { engine, types: Arc::new(types) }
    }

    /// The name of the provider of a payment type, if it takes the method.
    fn provider(&self, payment_type: i32, method: &str) -> Result<String, Error> {
        let kind = self.types.get(payment_type).ok_or(Error::PaymentType)?;
        let provider = self.engine.providers().get(&kind.provider).ok_or(Error::PaymentType)?;
        let name = kind.provider.clone();
        if provider.accepts(method) { Ok(name) } else { Err(Error::PaymentMethod { provider: name }) }
    }

    /// An answer about a payment with how long its provider took: the caller's own time is the rest.
    fn with_waited(&self, id: PaymentId, mut answer: Response<Payment>) -> Response<Payment> {
        if let Some(waited) = self.engine.waited(id) {
            answer.metadata_mut().insert(WAITED, (waited.as_micros() as u64).into());
        }
        answer
    }

    /// The row that a request asks for.
    fn new_payment(&self, request: &CreatePaymentRequest) -> Result<store::Payment, Error> {
        let amount = Money::read(&request.amount.clone().unwrap_or_default(), "amount")?;
        let fee = match &request.fee {
            Some(fee) => Money::read(fee, "fee")?,
            None => Money::zero(amount.currency),
        };
        if amount.minor < 0 {
            return Err(Fault::invalid("amount", "must not be negative").into());
        }
        if fee.currency != amount.currency {
            return Err(Error::Currency);
        }
        if !(0..=amount.minor).contains(&fee.minor) {
            return Err(Fault::invalid("fee", "must be from zero to the amount").into());
        }
        let provider = self.provider(request.payment_type, &request.payment_method)?;
        Ok(store::Payment {
            id: id(&request.id, "id")?,
            order_id: id(&request.order_id, "order_id")?,
            user_id: id(&request.user_id, "user_id")?,
            state: State::Pending,
            payment_type: request.payment_type,
            provider,
            method: request.payment_method.clone(),
            capture: request.capture,
            currency: amount.currency.to_string(),
            amount_minor: amount.minor,
            fee_minor: fee.minor,
            authorized_minor: 0,
            captured_minor: 0,
            voided_minor: 0,
            refunded_minor: 0,
            refund_pending_minor: 0,
            failure_reason: String::new(),
            action: String::new(),
            provider_reference: String::new(),
            flags: String::new(),
            asked_minor: None,
            asked_currency: None,
            disputed_minor: 0,
            operation: None,
            operation_reason: String::new(),
            operation_claim: None,
            attempts: 0,
            next_poll_time: None,
            last_sequence: 1,
            version: 1,
            create_time: Time(0),
            update_time: Time(0),
        })
    }
}

/// Reads a typed id; `field` is its proto path.
pub(crate) fn id<I: Id>(text: &str, field: &str) -> Result<I, Fault> {
    text.parse().map_err(|problem: kit::id::Malformed| Fault::invalid(field, problem.to_string()))
}

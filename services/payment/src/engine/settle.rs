//! What staff decides about an UNKNOWN payment whose provider cannot be queried.

use contracts::payment as wire;
use kit::{Call, Written, audit_log::Act, id::PaymentId};

use super::Engine;
use crate::{
    domain::{Conclusion, Event, SETTLED_AS_FAILED, Settlement, State, settle},
    error::Error,
    store::payments,
};

impl Engine {
    /// Ends an UNKNOWN payment as staff decides.
    pub async fn settle(
        &self,
        call: &Call,
        id: PaymentId,
        settlement: Settlement,
    ) -> Result<Written<wire::Payment>, Error> {
        let input = (self.clone(), call.scope()?);
        let settle = self.0.db.write(call, input, move |tx, input| async move {
            let (engine, scope) = &*input;
            // Two members of staff who decide differently: the row's lock decides, and the second finds a payment that
            // is not UNKNOWN any more.
            let before = payments::lock(&tx, *scope, id).await?;
            // A provider that is gone from the configuration cannot be queried either.
            let can_query = engine.provider(&before).is_ok_and(|provider| provider.capabilities().can_query);
            let Some(event) = settle(before.state, can_query, settlement) else {
                return Err(match before.state {
                    State::Unknown => Error::Reconciling { provider: before.provider.clone() },
                    state => Error::Illegal(state),
                });
            };
            let failure_reason = match event {
                Event::Declined => SETTLED_AS_FAILED.to_owned(),
                _ => String::new(),
            };
            let conclusion = Conclusion::Event { event, snapshot: None, failure_reason };
            let after = engine.concluded(&tx, &before, None, conclusion)?;
            let after = engine.change(&tx, &before, after, "settled by staff").await?;
            let outcome = match settlement {
                Settlement::Captured => "captured",
                Settlement::Failed => "failed",
            };
            let act = Act::new("payment.settled").of(before.user_id).on(id);
            tx.audit(&act.saying(format!("outcome={outcome}")));
            engine.render(&after)
        });
        let written = settle.await;
        self.notify();
        written
    }
}

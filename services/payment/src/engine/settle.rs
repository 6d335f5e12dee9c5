//! What staff found out about a payment whose provider cannot be asked.

use contracts::payment as wire;
use kit::{Call, Written, id::PaymentId};

use super::Engine;
use crate::{
    domain::{Conclusion, Event, SETTLED_AS_FAILED, Settlement, State, settle},
    error::Error,
    store::payments,
};

impl Engine {
    /// Ends an UNKNOWN payment as staff says.
    pub async fn settle(
        &self,
        call: &Call,
        id: PaymentId,
        settlement: Settlement,
    ) -> Result<Written<wire::Payment>, Error> {
        let (engine, scope) = (self.clone(), call.scope()?);
        let written = kit::write(&self.0.db, call, move |tx| {
            let engine = engine.clone();
            async move {
                let before = payments::lock(&tx, scope, id).await?;
                // A provider that is gone from the configuration cannot be asked either.
                let asked = engine.provider(&before).is_ok_and(|provider| provider.capabilities().can_ask);
                let Some(event) = settle(before.state, asked, settlement) else {
                    return Err(match before.state {
                        State::Unknown => Error::Asked { provider: before.provider.clone() },
                        state => Error::Illegal(state),
                    });
                };
                let failure_reason = match event {
                    Event::Declined => SETTLED_AS_FAILED.to_owned(),
                    _ => String::new(),
                };
                let conclusion = Conclusion::Event { event, told: None, failure_reason };
                let after = engine.concluded(&tx, &before, None, conclusion)?;
                let after = engine.change(&tx, &before, after, "settled by staff").await?;
                engine.render(&after)
            }
        })
        .await;
        self.0.changed.notify_waiters();
        written
    }
}

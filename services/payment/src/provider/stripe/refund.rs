//! Refunds. Stripe forgets keys after a day, so one that is older is looked for before it is sent.

use std::time::Duration;

use kit::{
    Money, Time,
    id::{Id, RefundId},
};

use super::{
    Stripe, amount,
    api::Problem,
    find::uncertain,
    not_exact,
    object::{self, Refund, is_id, name},
    unknown,
};
use crate::domain::{Charge, ChargeSnapshot, ChargeStatus, Failure, Outcome};

/// After this long Stripe may have forgotten a key.
const KEYS_LAST: Duration = Duration::from_secs(23 * 3600);

impl Stripe {
    pub(super) async fn refund_charge(&self, key: &str, charge: &Charge, amount: Money) -> Outcome {
        let Some(units) = amount::minor_units(amount) else { return Err(not_exact()) };
        let reference = self.reference(charge).await?;
        // Sent again under a key that Stripe has forgotten, it would be a second refund: it is looked for first.
        if self.clock.now().since(made(key)?) >= KEYS_LAST
            && let Some(refund) = self.find_refund(key, &reference).await?
        {
            return self.refunded(refund, reference, true).await;
        }
        let form = [
            ("payment_intent", reference.clone()),
            ("amount", units.to_string()),
            ("metadata[refund_id]", key.to_owned()),
            ("metadata[payment_id]", charge.payment_id.to_string()),
        ];
        match self.api.post::<Refund>(key, "/v1/refunds", &form).await {
            Ok(reply) => self.refunded(reply.object, reference, !reply.replayed).await,
            Err(Problem::Unknown { problem, replayed: true }) => {
                match self.find_refund(key, &reference).await? {
                    Some(refund) => self.refunded(refund, reference, true).await,
                    None => Err(unknown(problem)),
                }
            }
            Err(problem) => Err(problem.into()),
        }
    }

    /// What became of a refund that Stripe has.
    async fn refunded(&self, refund: Refund, reference: String, fresh: bool) -> Outcome {
        let status = refund.status.as_deref().unwrap_or_default();
        match status {
            "succeeded" => match object::amount_if_any(refund.amount, refund.currency.as_deref()) {
                Some(amount) => {
                    Ok(ChargeSnapshot { amount, ..ChargeSnapshot::new(reference, ChargeStatus::Captured) })
                }
                None => Err(unknown("the refund's amount makes no sense".to_owned())),
            },
            "failed" | "canceled" => {
                let reason = refund.failure_reason.as_deref().unwrap_or(status);
                Err(Failure::Refused { reason: name(reason), snapshot: None })
            }
            // The answer may be that of an earlier request under this key.
            _ if !fresh && is_id(&refund.id) => {
                let path = format!("/v1/refunds/{}", refund.id);
                let refund = self.api.get(&path, &[]).await.map_err(uncertain)?;
                Box::pin(self.refunded(refund, reference, true)).await
            }
            _ => Err(unknown(format!("the refund is {}", name(status)))),
        }
    }
}

/// When a refund was made, from its id, which is its key.
pub(super) fn made(key: &str) -> Result<Time, Failure> {
    let id: RefundId =
        key.parse().map_err(|_| Failure::NotSent { problem: "the key is no refund's id".to_owned() })?;
    // An id that does not say counts as old.
    let (seconds, _) = id.uuid().get_timestamp().map(|time| time.to_unix()).unwrap_or_default();
    Ok(Time(i64::try_from(seconds).unwrap_or_default().saturating_mul(1_000_000)))
}

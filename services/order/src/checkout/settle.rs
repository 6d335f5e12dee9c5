//! How a checkout ends, for its order and for the call that began it.

use kit::{Fault, Tx};

use crate::{
    api::render,
    error::Error,
    store::{Record, View},
};

/// How a checkout ended.
#[derive(Debug)]
pub enum Settled {
    /// The order is paid, or waits.
    Order(Box<View>),
    /// The order was put back, or given up, for this reason.
    Refused(Fault),
}

/// What becomes of the claim on an idempotency key when its order is settled.
pub enum ClaimEnd {
    /// The order as it is now is the answer.
    Answer,
    /// The refusal is kept, because it left a trace.
    Refuse(Fault),
    /// The refusal changed nothing: the key can be tried again.
    Release,
}

/// Writes an order back whose checkout has no step left, and settles the claim of the call that began it. Both are
/// one commit: whoever repeats the call finds either a checkout under way or the answer that belongs to its end.
pub async fn settle(tx: &Tx, mut record: Record, end: ClaimEnd) -> Result<View, Error> {
    record.settle();
    // Taken out of the row: a later checkout of the same order has a claim of its own.
    let claim = record.order.claim.take();
    let view = record.save().await?;
    if let Some(claim) = claim {
        match end {
            ClaimEnd::Answer => tx.answer(&claim, &render::order(&view)?),
            ClaimEnd::Refuse(fault) => tx.refuse(&claim, &fault).await?,
            ClaimEnd::Release => tx.unclaim(&claim).await?,
        }
    }
    Ok(view)
}

//! Disputes: what events report of them, and the movements of their money.

use kit::{
    Tx,
    id::{DisputeFeeId, DisputeId, Id},
};

use super::{Engine, change::cut};
use crate::{
    domain::{DisputeRecord, DisputeState, Flag, unbooked},
    error::Error,
    provider::DisputeSnapshot,
    store::{Dispute, DisputeFee, Payment, disputes, journal},
};

impl Engine {
    /// Applies what an event reports of a dispute, in whatever order events come. The transaction has locked the payment:
    /// two events of one dispute, delivered to two replicas at once, are applied one after the other.
    pub(super) async fn apply_dispute(
        &self,
        tx: &Tx,
        before: Payment,
        reported: DisputeSnapshot,
    ) -> Result<(), Error> {
        let found = disputes::find(tx, before.id, &reported.reference).await?;
        let is_new = found.is_none();
        let known = found.as_ref().map(|row| (row.state, row.withdrawn));
        let mut row = found.unwrap_or_else(|| Dispute {
            id: DisputeId::new(),
            payment_id: before.id,
            provider_reference: reported.reference.clone(),
            amount_minor: reported.amount.minor,
            currency: reported.amount.currency.to_string(),
            state: DisputeState::Open,
            reason: cut(reported.reason.clone()),
            was_withdrawn: false,
            was_reinstated: false,
            withdrawn: false,
            create_time: tx.now(),
            update_time: tx.now(),
        });
        let record: DisputeRecord = row.record().after(reported.state, reported.moved);
        (row.state, row.was_withdrawn, row.was_reinstated) =
            (record.state, record.was_withdrawn, record.was_reinstated);
        let mut after = before.clone();
        // Captures, refunds and disputes of a payment are in one currency.
        let is_booked = row.currency == before.currency;
        if is_booked && record.is_withdrawn() != row.withdrawn {
            row.withdrawn = record.is_withdrawn();
            let minor = if row.withdrawn { row.amount_minor } else { -row.amount_minor };
            after.disputed_minor += minor;
            journal::book_dispute(tx, &before, row.id.uuid(), minor).await?;
        }
        row.update_time = tx.now();
        let open = row.state == DisputeState::Open || disputes::others_open(tx, before.id, row.id).await?;
        after.flag(Flag::Disputed, open);
        if row.state == DisputeState::Lost {
            after.flag(Flag::DisputeLost, true);
        }
        if !is_booked {
            after.flag(Flag::AmountMismatch, true);
        }
        let id = row.id;
        if known != Some((row.state, row.withdrawn)) {
            disputes::publish(tx, &row, known.map(|(state, _)| state));
        }
        disputes::save(tx, row, is_new).await?;
        for shown in unbooked(reported.fees, &disputes::booked_fees(tx, id).await?) {
            let fee = DisputeFee {
                id: DisputeFeeId::new(),
                dispute_id: id,
                payment_id: before.id,
                provider_reference: shown.reference,
                amount_minor: shown.amount.minor,
                currency: shown.amount.currency.to_string(),
                create_time: tx.now(),
            };
            journal::book_fee(tx, &before, &fee).await?;
            disputes::insert_fee(tx, fee).await?;
        }
        self.change(tx, &before, after, "told by the provider").await.map(|_| ())
    }
}

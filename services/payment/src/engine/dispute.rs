//! Disputes: what a provider tells of them, and the movements of their money.

use kit::{
    Tx,
    id::{DisputeFeeId, DisputeId, Id},
};

use super::{Engine, change::cut};
use crate::{
    domain::{DisputeState, Flag, Known, unbooked},
    error::Error,
    provider::DisputeNews,
    store::{Dispute, Payment, disputes, disputes::Fee, entry},
};

impl Engine {
    /// Books what is heard of a dispute, in whatever order it comes. The transaction has locked its payment.
    pub(super) async fn hear_dispute(
        &self,
        tx: &Tx,
        before: Payment,
        news: DisputeNews,
    ) -> Result<(), Error> {
        let found = disputes::find(tx, before.id, &news.reference).await?;
        let is_new = found.is_none();
        let mut row = found.unwrap_or_else(|| Dispute {
            id: DisputeId::new(),
            payment_id: before.id,
            provider_reference: news.reference.clone(),
            amount_minor: news.amount.minor,
            currency: news.amount.currency.to_string(),
            state: DisputeState::Open,
            reason: cut(news.reason.clone()),
            was_withdrawn: false,
            was_reinstated: false,
            withdrawn: false,
            create_time: tx.now(),
            update_time: tx.now(),
        });
        let known: Known = row.known().after(news.state, news.moved);
        (row.state, row.was_withdrawn, row.was_reinstated) =
            (known.state, known.was_withdrawn, known.was_reinstated);
        let mut after = before.clone();
        // The ledger of a payment has one currency.
        let is_booked = row.currency == before.currency;
        if is_booked && known.is_withdrawn() != row.withdrawn {
            row.withdrawn = known.is_withdrawn();
            let minor = if row.withdrawn { row.amount_minor } else { -row.amount_minor };
            after.disputed_minor += minor;
            entry::book_dispute(tx, &before, row.id.uuid(), minor).await?;
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
        disputes::save(tx, row, is_new).await?;
        for shown in unbooked(news.fees, &disputes::booked_fees(tx, id).await?) {
            let fee = Fee {
                id: DisputeFeeId::new(),
                dispute_id: id,
                payment_id: before.id,
                provider_reference: shown.reference,
                amount_minor: shown.amount.minor,
                currency: shown.amount.currency.to_string(),
                create_time: tx.now(),
            };
            entry::book_fee(tx, &before, &fee).await?;
            disputes::insert_fee(tx, fee).await?;
        }
        self.change(tx, &before, after, "told by the provider").await.map(|_| ())
    }
}

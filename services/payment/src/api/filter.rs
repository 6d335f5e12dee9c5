//! What a list request asks for.

use contracts::payment::{ListLedgerEntriesRequest, ListPaymentsRequest};
use kit::{Call, Fault, Money, Time};

use super::states;
use crate::store::{journal::EntryFilter, lists::Filter};

/// Reads the filters of a list request.
pub fn payments(call: &Call, request: &ListPaymentsRequest) -> Result<Filter, Fault> {
    let bound = |money: &Option<contracts::Money>, field| {
        money.as_ref().map(|money| Money::read(money, field)).transpose()
    };
    let min_amount = bound(&request.min_amount, "min_amount")?;
    let max_amount = bound(&request.max_amount, "max_amount")?;
    if let (Some(least), Some(most)) = (min_amount, max_amount) {
        if least.currency != most.currency {
            return Err(Fault::invalid("min_amount", "must be in the currency of max_amount"));
        }
        if least.minor > most.minor {
            return Err(Fault::invalid("min_amount", "must not be more than max_amount"));
        }
    }
    let states = request.state().map(|state| {
        states::read(state).ok_or_else(|| Fault::invalid("state", "must be a state of a payment"))
    });
    Ok(Filter {
        states: states.collect::<Result<_, _>>()?,
        pending: request.pending,
        user: match request.user_id.as_str() {
            "" => None,
            user => Some(call.user_id(user, "user_id")?),
        },
        order: match request.order_id.as_str() {
            "" => None,
            order => Some(super::id(order, "order_id")?),
        },
        payment_type: request.payment_type,
        flagged: request.flagged,
        min_amount,
        max_amount,
    })
}

/// Reads the filters of a request for the ledger.
pub fn ledger(request: &ListLedgerEntriesRequest) -> Result<EntryFilter, Fault> {
    let (after, before) = (request.created_after.map(Time::from), request.created_before.map(Time::from));
    if after.zip(before).is_some_and(|(after, before)| after > before) {
        return Err(Fault::invalid("created_after", "must not be later than created_before"));
    }
    Ok(EntryFilter {
        payment: match request.payment_id.as_str() {
            "" => None,
            payment => Some(super::id(payment, "payment_id")?),
        },
        account: Some(request.account.clone()).filter(|account| !account.is_empty()),
        after,
        before,
    })
}

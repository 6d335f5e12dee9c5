//! Changing a payment: its row, its history, its ledger and its event, together.

use std::time::Duration;

use contracts::payment as wire;
use kit::{Fault, Tx, id::Id};

use super::{Engine, figures};
use crate::{
    api::render,
    domain::{ChargeStatus, Conclusion, Event, Flag, Operation, State, book},
    error::Error,
    store::{Payment, journal, journal::With, payments},
};

impl Engine {
    /// The payment as the contract shows it.
    pub fn render(&self, payment: &Payment) -> Result<wire::Payment, Error> {
        let action_url = match self.0.providers.get(&payment.provider) {
            Some(provider) if payment.state == State::Processing && !payment.action.is_empty() => {
                provider.action_url(&payment.action)
            }
            _ => String::new(),
        };
        Ok(render::payment(payment, action_url)?)
    }

    /// Writes what became of `before`, whose row the transaction has locked. The UPDATE asks for the version before it, too:
    /// a path that forgot the lock would get an error, and lose nobody's change.
    pub async fn change(
        &self,
        tx: &Tx,
        before: &Payment,
        mut after: Payment,
        note: &str,
    ) -> Result<Payment, Error> {
        let visible = self.render(&after)? != self.render(before)?;
        let flagged = after.flags != before.flags;
        let moved = after.state != before.state || flagged;
        after.version = before.version + 1;
        if moved {
            after.last_sequence = before.last_sequence + 1;
        }
        if visible {
            // Followers order a payment's changes by this time: two changes in one transaction have two times, and a clock
            // that was set back makes no change older than the one before it.
            after.update_time = tx.now().max(before.update_time + Duration::from_micros(1));
        }
        payments::update(tx, &after).await?;
        if moved {
            let flags = if flagged { describe_flags(before, &after)? } else { String::new() };
            let note: Vec<&str> = [note, &flags].into_iter().filter(|part| !part.is_empty()).collect();
            journal::note(tx, &after, &note.join("; ")).await?;
        }
        if flagged {
            tracing::warn!(payment = %after.id, flags = after.flags, "payment.flagged");
        }
        figures::changed(tx, Some(before), &after);
        let captured = after.captured_minor - before.captured_minor;
        if captured > 0 {
            figures::moved(tx, &after, "captured", after.money(captured)?);
            // Under the payment's id. Behind the state machine stands a unique index over transaction, account and amount:
            // the same capture cannot be booked twice.
            journal::book(tx, &after, after.id.uuid(), captured, With::Provider).await?;
        }
        if visible {
            self.publish(tx, &after, Some(before.state))?;
        }
        Ok(after)
    }

    /// Publishes the payment as it is now. Written while the transaction holds the payment's row, so that followers get
    /// its changes in the order in which they were made. `previous` is its state before, unless it is new.
    pub fn publish(&self, tx: &Tx, payment: &Payment, previous: Option<State>) -> Result<(), Error> {
        let previous = previous.map_or(wire::PaymentState::Unspecified, wire::PaymentState::from);
        let event =
            wire::PaymentChanged { payment: Some(self.render(payment)?), previous_state: previous.into() };
        tx.publish(payment.id, &event);
        Ok(())
    }

    /// What a conclusion makes of a payment. `operation` is the one it ends; none, where the provider was only queried or
    /// sent an event.
    pub fn concluded(
        &self,
        tx: &Tx,
        before: &Payment,
        operation: Option<Operation>,
        conclusion: Conclusion,
    ) -> Result<Payment, Error> {
        let (now, pace) = (tx.now(), self.0.pace);
        let mut after = before.clone();
        after.operation = None;
        after.operation_claim = None;
        after.next_poll_time = None;
        after.attempts = 0;
        let Conclusion::Event { event, snapshot, failure_reason } = conclusion else {
            if after.state == State::Processing {
                after.next_poll_time = Some(now + pace.waiting(before.update_time, now));
            }
            return Ok(after);
        };
        after.state = before.state.next(event).map_err(Fault::internal)?;
        after.set_balance(before.balance().after(event));
        if event == Event::Captured && matches!(before.state, State::Declined | State::Voided) {
            after.flag(Flag::CapturedAfterVoid, true);
            after.failure_reason.clear();
        }
        if let Some(reported) = snapshot.as_ref().and_then(|snapshot| snapshot.amount)
            && let Some(booked) =
                book(before.asked()?, before.money(before.amount_minor)?, after.balance(), event, reported)
        {
            let asked = before.asked()?;
            (after.asked_minor, after.asked_currency) = (Some(asked.minor), Some(asked.currency.to_string()));
            after.set_balance(booked.balance);
            after.currency = booked.money.currency.to_string();
            if booked.money.currency != asked.currency {
                after.fee_minor = 0;
            }
            after.fee_minor = after.fee_minor.min(after.amount_minor);
            after.flag(booked.flag, true);
        }
        if let Some(snapshot) = &snapshot
            && !snapshot.reference.is_empty()
        {
            after.provider_reference.clone_from(&snapshot.reference);
        }
        after.action = match snapshot.map(|snapshot| snapshot.status) {
            Some(ChargeStatus::Waiting { action }) => action,
            Some(_) => String::new(),
            None => before.action.clone(),
        };
        match event {
            Event::Waiting => after.next_poll_time = Some(now + pace.waiting(now, now)),
            Event::AnswerLost => {
                after.operation = operation.or(before.operation);
                if before.state == State::Unknown {
                    after.attempts = before.attempts.saturating_add(1);
                }
                let can_query = self.provider(before).is_ok_and(|provider| provider.capabilities().can_query);
                after.next_poll_time = can_query.then(|| now + pace.backoff(after.attempts));
            }
            Event::Declined => after.failure_reason = cut(failure_reason),
            Event::Voided if before.operation == Some(Operation::Void) => {
                after.failure_reason.clone_from(&before.operation_reason);
            }
            _ => {}
        }
        Ok(after)
    }
}

/// What the history says of flags that were raised or taken down.
fn describe_flags(before: &Payment, after: &Payment) -> Result<String, Error> {
    let (old, new) = (before.flags(), after.flags());
    let raised: Vec<_> = new.names().filter(|name| !old.names().any(|other| other == *name)).collect();
    let mut text = match raised.as_slice() {
        [] => "a flag was taken down".to_owned(),
        raised => format!("flagged {}", raised.join(", ")),
    };
    let mismatches = [Flag::AmountMismatch, Flag::CurrencyMismatch];
    if mismatches.iter().any(|flag| new.has(*flag) && !old.has(*flag)) {
        let (held, taken) = (after.money(after.authorized_minor)?, after.money(after.captured_minor)?);
        let booked = if after.state.is_captured() { taken } else { held };
        text.push_str(&format!(": asked for {}, booked {booked}", after.asked()?));
    }
    Ok(text)
}

/// A provider's reason, as long as the column takes.
pub(super) fn cut(reason: String) -> String {
    reason.chars().take(64).collect()
}

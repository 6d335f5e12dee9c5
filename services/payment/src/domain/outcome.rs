//! What a provider's answer means for a payment, and for whoever asked for the operation.

use super::{Event, Operation, State, next};
use crate::provider::{Failure, Outcome, Standing, Told};

/// The failure reason of a payment whose provider could not be reached.
pub const PROVIDER_UNAVAILABLE: &str = "PROVIDER_UNAVAILABLE";
/// The failure reason of a provider that names none.
const DECLINED: &str = "DECLINED";

/// What follows for the payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conclusion {
    /// Something certain.
    Event { event: Event, told: Option<Told>, failure_reason: String },
    /// The operation certainly did nothing.
    Nothing,
}

/// What an operation's outcome means. `resumed`: it may have been sent before, by an owner that died; then
/// that it was not sent this time proves nothing.
pub fn conclude(state: State, operation: Operation, resumed: bool, outcome: &Outcome) -> Conclusion {
    match outcome {
        Ok(told) | Err(Failure::Refused { told: Some(told), .. }) => legal(state, learn(told.clone())),
        Err(Failure::Refused { reason, told: None }) if operation == Operation::Authorize => {
            certain(Event::Declined, reason)
        }
        Err(Failure::Refused { .. }) => settled(state),
        Err(Failure::NotSent { .. }) if resumed || state == State::Unknown => certain(Event::Lost, ""),
        Err(Failure::NotSent { .. }) if operation == Operation::Authorize => {
            certain(Event::Declined, PROVIDER_UNAVAILABLE)
        }
        Err(Failure::NotSent { .. }) => Conclusion::Nothing,
        Err(Failure::Unknown { .. }) => certain(Event::Lost, ""),
    }
}

/// What it means that a provider says how a charge stands.
pub fn learn(told: Told) -> Conclusion {
    let failure_reason = match &told.standing {
        Standing::Declined { reason } if reason.is_empty() => DECLINED.to_owned(),
        Standing::Declined { reason } => reason.clone(),
        _ => String::new(),
    };
    Conclusion::Event { event: event_of(&told.standing), told: Some(told), failure_reason }
}

/// The event that it is for a payment to stand so at its provider.
pub fn event_of(standing: &Standing) -> Event {
    match standing {
        Standing::Working | Standing::Waiting { .. } => Event::Waits,
        Standing::Authorized => Event::Authorized,
        Standing::Captured => Event::Captured,
        Standing::Declined { .. } => Event::Declined,
        Standing::Voided => Event::Voided,
    }
}

/// An answer that makes no sense in a state is as good as none: the provider is asked again.
fn legal(state: State, conclusion: Conclusion) -> Conclusion {
    match &conclusion {
        Conclusion::Event { event, .. } if next(state, *event).is_err() => certain(Event::Lost, ""),
        _ => conclusion,
    }
}

/// A refusal that does not say how the charge stands: it changed nothing. A payment whose state is unknown
/// stays so.
fn settled(state: State) -> Conclusion {
    if state == State::Unknown { certain(Event::Lost, "") } else { Conclusion::Nothing }
}

fn certain(event: Event, failure_reason: &str) -> Conclusion {
    Conclusion::Event { event, told: None, failure_reason: failure_reason.to_owned() }
}

/// What whoever asked for an operation is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The payment as it is now is the answer.
    Done,
    /// It did not happen; the payment is in a state that forbids it.
    Illegal,
    /// The provider refused.
    Refused { reason: String },
    /// The provider could not be reached.
    Unavailable,
}

/// What is told after an operation that left the payment in `state`.
pub fn verdict(operation: Operation, state: State, failure: Option<&Failure>) -> Verdict {
    let done = match operation {
        Operation::Authorize => true,
        // An answer that was lost is no refusal: the payment that is shown says UNKNOWN.
        Operation::Capture => state.is_captured() || state == State::Unknown,
        Operation::Acknowledge => !matches!(state, State::Processing | State::Voided),
        // Whoever gives up must not take an unknown outcome for the end.
        Operation::Void => matches!(state, State::Voided | State::Declined),
    };
    match failure {
        _ if done => Verdict::Done,
        Some(Failure::NotSent { .. }) if state != State::Unknown => Verdict::Unavailable,
        Some(Failure::Refused { reason, .. }) if !state.is_captured() && state != State::Voided => {
            Verdict::Refused { reason: reason.clone() }
        }
        _ => Verdict::Illegal,
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::Iterable;

    use super::*;

    fn told(standing: Standing) -> Told {
        Told::new("x", standing)
    }

    fn outcomes() -> Vec<Outcome> {
        let standings = [
            Standing::Working,
            Standing::Waiting { action: String::new() },
            Standing::Authorized,
            Standing::Captured,
            Standing::Declined { reason: String::new() },
            Standing::Voided,
        ];
        let refused = |told| Err(Failure::Refused { reason: "NO".to_owned(), told });
        let mut outcomes: Vec<Outcome> = standings.clone().map(|standing| Ok(told(standing))).into();
        outcomes.extend(standings.map(|standing| refused(Some(told(standing)))));
        outcomes.push(refused(None));
        outcomes.push(Err(Failure::NotSent { problem: String::new() }));
        outcomes.push(Err(Failure::Unknown { problem: String::new() }));
        outcomes
    }

    #[test]
    fn whatever_a_provider_answers_the_payment_can_take_it() {
        for state in [State::Processing, State::Authorized, State::Unknown] {
            for operation in Operation::iter() {
                for resumed in [false, true] {
                    for outcome in outcomes() {
                        // A payment that is authorised is not authorised again.
                        if (state, operation) == (State::Authorized, Operation::Authorize) {
                            continue;
                        }
                        if let Conclusion::Event { event, .. } = conclude(state, operation, resumed, &outcome)
                        {
                            assert!(next(state, event).is_ok(), "{state:?} {operation:?} {outcome:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn what_may_have_been_sent_is_never_called_declined_for_want_of_an_answer() {
        let lost = certain(Event::Lost, "");
        for outcome in [
            Err(Failure::NotSent { problem: String::new() }),
            Err(Failure::Unknown { problem: String::new() }),
        ] {
            assert_eq!(conclude(State::Processing, Operation::Authorize, true, &outcome), lost);
            assert_eq!(conclude(State::Unknown, Operation::Authorize, false, &outcome), lost);
        }
        let unknown = Err(Failure::Unknown { problem: String::new() });
        assert_eq!(conclude(State::Processing, Operation::Authorize, false, &unknown), lost);
    }

    #[test]
    fn a_void_that_finds_the_money_captured_says_so() {
        let late =
            Err(Failure::Refused { reason: "CAPTURED".to_owned(), told: Some(told(Standing::Captured)) });
        let Conclusion::Event { event, .. } = conclude(State::Authorized, Operation::Void, false, &late)
        else {
            panic!("nothing happened");
        };
        assert_eq!(event, Event::Captured);
        assert_eq!(verdict(Operation::Void, State::Captured, late.as_ref().err()), Verdict::Illegal);
    }

    #[test]
    fn a_refusal_of_an_acknowledgement_changes_nothing() {
        let refused = Err(Failure::Refused { reason: "NO".to_owned(), told: None });
        assert_eq!(conclude(State::Processing, Operation::Acknowledge, false, &refused), Conclusion::Nothing);
        let told = verdict(Operation::Acknowledge, State::Processing, refused.as_ref().err());
        assert_eq!(told, Verdict::Refused { reason: "NO".to_owned() });
    }

    #[test]
    fn an_unknown_outcome_is_never_told_as_voided() {
        let lost = Failure::Unknown { problem: String::new() };
        assert_eq!(verdict(Operation::Void, State::Unknown, Some(&lost)), Verdict::Illegal);
        assert_eq!(verdict(Operation::Capture, State::Unknown, Some(&lost)), Verdict::Done);
    }
}

//! What a provider's answer means for a payment, and for the caller of the operation.

use super::{ChargeSnapshot, ChargeStatus, Event, Failure, Operation, Outcome, State};

/// The failure reason of a payment whose provider could not be reached.
pub const PROVIDER_UNAVAILABLE: &str = "PROVIDER_UNAVAILABLE";
/// The failure reason of a provider that names none.
const DECLINED: &str = "DECLINED";

/// What follows for the payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conclusion {
    /// Something certain.
    Event { event: Event, snapshot: Option<ChargeSnapshot>, failure_reason: String },
    /// The operation certainly did nothing.
    Nothing,
}

/// What an operation's outcome means. `resumed`: it may have been sent before, by an owner that died; then
/// that it was not sent this time proves nothing.
pub fn conclude(state: State, operation: Operation, resumed: bool, outcome: &Outcome) -> Conclusion {
    match outcome {
        Ok(snapshot) | Err(Failure::Refused { snapshot: Some(snapshot), .. }) => {
            legal(state, interpret(snapshot.clone()))
        }
        Err(Failure::Refused { reason, snapshot: None }) if operation == Operation::Authorize => {
            certain(Event::Declined, reason)
        }
        Err(Failure::Refused { .. }) => unchanged(state),
        Err(Failure::NotSent { .. }) if resumed || state == State::Unknown => certain(Event::AnswerLost, ""),
        Err(Failure::NotSent { .. }) if operation == Operation::Authorize => {
            certain(Event::Declined, PROVIDER_UNAVAILABLE)
        }
        Err(Failure::NotSent { .. }) => Conclusion::Nothing,
        Err(Failure::Unknown { .. }) => certain(Event::AnswerLost, ""),
    }
}

/// What it means that a provider reports a charge so.
pub fn interpret(snapshot: ChargeSnapshot) -> Conclusion {
    let failure_reason = match &snapshot.status {
        ChargeStatus::Declined { reason } if reason.is_empty() => DECLINED.to_owned(),
        ChargeStatus::Declined { reason } => reason.clone(),
        _ => String::new(),
    };
    Conclusion::Event { event: event_of(&snapshot.status), snapshot: Some(snapshot), failure_reason }
}

/// The event that a charge's status is for its payment.
pub fn event_of(status: &ChargeStatus) -> Event {
    match status {
        ChargeStatus::Processing | ChargeStatus::Waiting { .. } => Event::Waiting,
        ChargeStatus::Authorized => Event::Authorized,
        ChargeStatus::Captured => Event::Captured,
        ChargeStatus::Declined { .. } => Event::Declined,
        ChargeStatus::Voided => Event::Voided,
    }
}

/// An answer that makes no sense in a state counts as lost: the provider is queried.
fn legal(state: State, conclusion: Conclusion) -> Conclusion {
    match &conclusion {
        Conclusion::Event { event, .. } if state.next(*event).is_err() => certain(Event::AnswerLost, ""),
        _ => conclusion,
    }
}

/// A refusal that does not say how the charge stands: it changed nothing. A payment whose state is unknown
/// stays so.
fn unchanged(state: State) -> Conclusion {
    if state == State::Unknown { certain(Event::AnswerLost, "") } else { Conclusion::Nothing }
}

fn certain(event: Event, failure_reason: &str) -> Conclusion {
    Conclusion::Event { event, snapshot: None, failure_reason: failure_reason.to_owned() }
}

/// The answer to whoever asked for an operation.
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

/// The answer after an operation that left the payment in `state`.
pub fn verdict(operation: Operation, state: State, failure: Option<&Failure>) -> Verdict {
    let done = match operation {
        Operation::Authorize => true,
        // An answer that was lost is no refusal: the payment that is shown says UNKNOWN.
        Operation::Capture => state.is_captured() || state == State::Unknown,
        Operation::Acknowledge => !matches!(state, State::Processing | State::Voided),
        // A caller that voids must not take an unknown outcome for the end.
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

    fn snapshot(status: ChargeStatus) -> ChargeSnapshot {
        ChargeSnapshot::new("x", status)
    }

    fn outcomes() -> Vec<Outcome> {
        let statuses = [
            ChargeStatus::Processing,
            ChargeStatus::Waiting { action: String::new() },
            ChargeStatus::Authorized,
            ChargeStatus::Captured,
            ChargeStatus::Declined { reason: String::new() },
            ChargeStatus::Voided,
        ];
        let refused = |snapshot| Err(Failure::Refused { reason: "NO".to_owned(), snapshot });
        let mut outcomes: Vec<Outcome> = statuses.clone().map(|status| Ok(snapshot(status))).into();
        outcomes.extend(statuses.map(|status| refused(Some(snapshot(status)))));
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
                            assert!(state.next(event).is_ok(), "{state:?} {operation:?} {outcome:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn what_may_have_been_sent_is_never_declined_for_want_of_an_answer() {
        let lost = certain(Event::AnswerLost, "");
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
        let late = Err(Failure::Refused {
            reason: "CAPTURED".to_owned(),
            snapshot: Some(snapshot(ChargeStatus::Captured)),
        });
        let Conclusion::Event { event, .. } = conclude(State::Authorized, Operation::Void, false, &late)
        else {
            panic!("nothing happened");
        };
        assert_eq!(event, Event::Captured);
        assert_eq!(verdict(Operation::Void, State::Captured, late.as_ref().err()), Verdict::Illegal);
    }

    #[test]
    fn a_refusal_of_an_acknowledgement_changes_nothing() {
        let refused = Err(Failure::Refused { reason: "NO".to_owned(), snapshot: None });
        assert_eq!(conclude(State::Processing, Operation::Acknowledge, false, &refused), Conclusion::Nothing);
        let verdict = verdict(Operation::Acknowledge, State::Processing, refused.as_ref().err());
        assert_eq!(verdict, Verdict::Refused { reason: "NO".to_owned() });
    }

    #[test]
    fn an_unknown_outcome_is_never_answered_as_voided() {
        let lost = Failure::Unknown { problem: String::new() };
        assert_eq!(verdict(Operation::Void, State::Unknown, Some(&lost)), Verdict::Illegal);
        assert_eq!(verdict(Operation::Capture, State::Unknown, Some(&lost)), Verdict::Done);
    }
}

//! Faults on demand, to test what becomes of payments when their provider misbehaves. They live as long as
//! the process.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use kit::Currency;
use serde::{Deserialize, Serialize};

/// The operations that can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Authorize,
    Capture,
    Void,
    Acknowledge,
    Refund,
    Ask,
}

/// How an operation goes wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// So many calls are answered 500 and have no effect.
    pub fail_before: u32,
    /// So many calls take effect and are answered 500.
    pub fail_after: u32,
    /// So many calls take effect, and the connection is dropped without an answer.
    pub lose_answer: u32,
    /// So many calls take effect and are never answered: the connection stays open.
    pub hang: u32,
    /// So many calls are refused with 402 and have no effect.
    pub refuse: u32,
    /// Every call is taken up only after so long.
    pub delay_ms: u64,
    /// The next call that takes effect authorises, captures or refunds so much instead of what it asks for, as far as
    /// there is so much, and says so.
    pub amount_minor: Option<i64>,
    /// The same of the currency.
    pub currency: Option<Code>,
}

/// A currency's code, as JSON has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Code(Currency);

impl TryFrom<String> for Code {
    type Error = &'static str;

    fn try_from(code: String) -> Result<Self, Self::Error> {
        code.parse().map(Self).map_err(|()| "no currency")
    }
}

impl From<Code> for String {
    fn from(code: Code) -> Self {
        code.0.code().to_owned()
    }
}

/// Another figure than was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figure {
    pub amount_minor: Option<i64>,
    pub currency: Option<Currency>,
}

/// How webhooks go wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookFault {
    /// So many are never sent.
    pub lose: u32,
    /// So many are sent twice.
    pub duplicate: u32,
    /// So many are held back until a later one of the same charge was sent.
    pub reorder: u32,
    /// Every one is sent only after so long.
    pub delay_ms: u64,
}

/// All of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    pub authorize: Fault,
    pub capture: Fault,
    pub void: Fault,
    pub acknowledge: Fault,
    pub refund: Fault,
    pub ask: Fault,
    pub webhook: WebhookFault,
}

impl Plan {
    fn of(&mut self, operation: Operation) -> &mut Fault {
        match operation {
            Operation::Authorize => &mut self.authorize,
            Operation::Capture => &mut self.capture,
            Operation::Void => &mut self.void,
            Operation::Acknowledge => &mut self.acknowledge,
            Operation::Refund => &mut self.refund,
            Operation::Ask => &mut self.ask,
        }
    }
}

/// What becomes of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Answered,
    FailsBefore,
    FailsAfter,
    LosesAnswer,
    Hangs,
    Refused,
}

/// What becomes of one webhook.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WebhookFate {
    pub lost: bool,
    pub duplicate: bool,
    pub reorder: bool,
    pub delay: Duration,
}

/// The faults of a server.
#[derive(Default)]
pub struct Faults(Mutex<Plan>);

impl Faults {
    /// Replaces them.
    pub fn set(&self, plan: Plan) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = plan;
    }

    /// What is left of them.
    pub fn get(&self) -> Plan {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What becomes of the next call.
    pub fn next(&self, operation: Operation) -> (Duration, Fate) {
        let mut plan = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = plan.of(operation);
        let delay = Duration::from_millis(fault.delay_ms);
        let fates = [
            (&mut fault.fail_before, Fate::FailsBefore),
            (&mut fault.fail_after, Fate::FailsAfter),
            (&mut fault.lose_answer, Fate::LosesAnswer),
            (&mut fault.hang, Fate::Hangs),
            (&mut fault.refuse, Fate::Refused),
        ];
        let fate = fates.into_iter().find_map(|(left, fate)| take(left).then_some(fate));
        (delay, fate.unwrap_or(Fate::Answered))
    }

    /// The figure of the next call that takes effect.
    pub fn figure(&self, operation: Operation) -> Figure {
        let mut plan = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = plan.of(operation);
        Figure { amount_minor: fault.amount_minor.take(), currency: fault.currency.take().map(|code| code.0) }
    }

    /// A call had no effect: its figure is the next one's.
    pub fn keep(&self, operation: Operation, figure: Figure) {
        let mut plan = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = plan.of(operation);
        fault.amount_minor = fault.amount_minor.or(figure.amount_minor);
        fault.currency = fault.currency.or(figure.currency.map(Code));
    }

    /// What becomes of the next webhook.
    pub fn next_webhook(&self) -> WebhookFate {
        let fault = &mut self.0.lock().unwrap_or_else(PoisonError::into_inner).webhook;
        let lost = take(&mut fault.lose);
        WebhookFate {
            lost,
            duplicate: !lost && take(&mut fault.duplicate),
            reorder: !lost && take(&mut fault.reorder),
            delay: Duration::from_millis(fault.delay_ms),
        }
    }
}

/// Uses one up, if there is one.
fn take(left: &mut u32) -> bool {
    let some = *left > 0;
    *left -= u32::from(some);
    some
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> Faults {
        let faults = Faults::default();
        faults.set(serde_json::from_str(text).unwrap());
        faults
    }

    #[test]
    fn faults_wear_off() {
        let faults = plan(r#"{"authorize":{"lose_answer":1,"fail_before":1,"hang":1}}"#);
        let fates: Vec<Fate> = (0..4).map(|_| faults.next(Operation::Authorize).1).collect();
        assert_eq!(fates, [Fate::FailsBefore, Fate::LosesAnswer, Fate::Hangs, Fate::Answered]);
        assert_eq!(faults.next(Operation::Capture), (Duration::ZERO, Fate::Answered));
        assert_eq!(faults.get(), Plan::default());
    }

    #[test]
    fn a_lost_webhook_is_neither_sent_twice_nor_held_back() {
        let faults = plan(r#"{"webhook":{"lose":1,"duplicate":1,"delay_ms":5}}"#);
        let delay = Duration::from_millis(5);
        let expected = |lost, duplicate| WebhookFate { lost, duplicate, reorder: false, delay };
        assert_eq!(faults.next_webhook(), expected(true, false));
        assert_eq!(faults.next_webhook(), expected(false, true));
        assert_eq!(faults.next_webhook(), expected(false, false));
    }

    #[test]
    fn a_figure_is_that_of_the_next_call_that_takes_effect() {
        let faults = plan(r#"{"refund":{"amount_minor":100,"currency":"USD"}}"#);
        let figure = Figure { amount_minor: Some(100), currency: "USD".parse().ok() };
        assert_eq!(faults.figure(Operation::Capture), Figure::default());
        assert_eq!(faults.figure(Operation::Refund), figure);
        faults.keep(Operation::Refund, figure);
        assert_eq!(faults.figure(Operation::Refund), figure);
        assert_eq!(faults.get(), Plan::default());
    }

    #[test]
    fn a_fault_that_there_is_not_is_refused() {
        for text in [
            r#"{"authorise":{}}"#,
            r#"{"capture":{"explode":1}}"#,
            r#"{"webhook":{"hang":1}}"#,
            r#"{"refund":{"currency":"XYZ"}}"#,
        ] {
            assert!(serde_json::from_str::<Plan>(text).is_err(), "{text}");
        }
    }
}

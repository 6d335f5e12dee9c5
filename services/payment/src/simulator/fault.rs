//! Faults on demand, to test what becomes of payments when their provider misbehaves. They live as long as
//! the process.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// The operations that can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// So many calls take effect, and the connection is dropped without an answer.
    pub lose_answer: u32,
    /// So many calls are refused with 402 and have no effect.
    pub refuse: u32,
    /// Every call is taken up only after so long.
    pub delay_ms: u64,
}

/// All of them.
pub type Plan = BTreeMap<Operation, Fault>;

/// What becomes of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Answered,
    FailsBefore,
    LosesAnswer,
    Refused,
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What becomes of the next call.
    pub fn next(&self, operation: Operation) -> (Duration, Fate) {
        let mut plan = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(fault) = plan.get_mut(&operation) else { return (Duration::ZERO, Fate::Answered) };
        let fate = [
            (&mut fault.fail_before, Fate::FailsBefore),
            (&mut fault.lose_answer, Fate::LosesAnswer),
            (&mut fault.refuse, Fate::Refused),
        ]
        .into_iter()
        .find(|(left, _)| **left > 0)
        .map_or(Fate::Answered, |(left, fate)| {
            *left -= 1;
            fate
        });
        (Duration::from_millis(fault.delay_ms), fate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_wear_off() {
        let faults = Faults::default();
        faults.set(serde_json::from_str(r#"{"authorize":{"lose_answer":1,"fail_before":1}}"#).unwrap());
        let fates: Vec<Fate> = (0..3).map(|_| faults.next(Operation::Authorize).1).collect();
        assert_eq!(fates, [Fate::FailsBefore, Fate::LosesAnswer, Fate::Answered]);
        assert_eq!(faults.next(Operation::Capture), (Duration::ZERO, Fate::Answered));
        assert!(serde_json::from_str::<Plan>(r#"{"authorise":{}}"#).is_err());
    }
}

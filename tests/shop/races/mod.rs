//! Races: what must hold when many calls arrive at the same moment. Each would fail if a handler read first
//! and wrote then. On PostgreSQL and MySQL the callers are spread over two replicas of every service.

mod adjustments;
mod articles;
mod baskets;
mod checkouts;
mod passkeys;
mod payments;
mod reopening;
mod states;
mod users;

use crate::support::{Answer, Outcome};

/// The calls that succeeded; all others must have been refused for one of these reasons.
#[track_caller]
fn winners<T: std::fmt::Debug>(outcomes: Vec<Outcome<T>>, reasons: &[&str]) -> Vec<Answer<T>> {
    let mut winners = Vec::new();
    for outcome in outcomes {
        match outcome {
            Ok(answer) => winners.push(answer),
            Err(refusal) => assert!(reasons.contains(&refusal.reason.as_str()), "{refusal:?}"),
        }
    }
    winners
}

/// The only call that succeeded.
#[track_caller]
fn winner<T: std::fmt::Debug>(outcomes: Vec<Outcome<T>>, reasons: &[&str]) -> T {
    let mut winners = winners(outcomes, reasons);
    assert_eq!(winners.len(), 1, "one wins: {winners:#?}");
    winners.remove(0).body
}

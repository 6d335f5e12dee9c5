//! Fail points: named places at which tests let work fail, stop or wait, or the process die.
//!
//! They are nothing at all unless the crate `fail` is built with its feature `failpoints`, as builds of tests are. A
//! process of such a build takes what happens at them from the environment, for example
//! `FAILPOINTS=order.pay.answered=1*return(die)`. A crate names its own in a table (order's `checkout/failpoints.rs`,
//! payment's `engine/failpoints.rs`, article's `store/failpoints.rs`).

use std::fmt::Display;

use crate::testing::fail_points as probe;

/// What goes wrong at a fail point for whoever is at work there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// The work ends here, and nobody notices.
    Stop,
    /// The request does not get there, or the answer does not come back.
    Lose,
}

enum Action {
    /// The process ends, as by SIGKILL.
    Die,
    /// The work waits until a test lets it go on.
    Wait,
    Suffer(Mishap),
}

/// Whether this build has fail points.
pub const fn compiled_in() -> bool {
    fail::has_failpoints()
}

/// Here is a fail point. Where a test wants it so, the process ends here, or waits; or it is said what goes wrong. `of`
/// says whose work it is: tests of one program that run at once take the points of their own work alone.
pub async fn reach(name: &'static str, of: &(impl Display + Sync)) -> Option<Mishap> {
    if !compiled_in() || !probe::concerns(of) {
        return None;
    }
    probe::count(name);
    match action(name)? {
        Action::Die => std::process::abort(),
        Action::Wait => {
            probe::wait().await;
            None
        }
        Action::Suffer(mishap) => Some(mishap),
    }
}

fn action(_name: &str) -> Option<Action> {
    fail::fail_point!(_name, |what| match what.as_deref() {
        Some("die") => Some(Action::Die),
        Some("wait") => Some(Action::Wait),
        Some("lose") => Some(Action::Suffer(Mishap::Lose)),
        _ => Some(Action::Suffer(Mishap::Stop)),
    });
    None
}

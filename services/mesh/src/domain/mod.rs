//! The rules, without a database and without a clock.

pub mod cloud_event;
mod delivery;
mod events;
mod judge;
mod meaning;
mod queue;
mod reach;
mod retry;
mod signature;
#[cfg(test)]
mod tests;
mod types;

pub use delivery::DeliveryState;
pub use events::{Fact, Heard, Of, id};
pub use judge::judge;
pub use meaning::read;
pub use queue::Queue;
pub use reach::is_public;
pub use retry::{GIVE_UP, Verdict, again, pause, retry_after};
pub use signature::{SigningSecret, header as signature};
pub use types::Types;

use contracts::mesh::Instance;
use kit::{Role, Time};

/// Where an instance stands in lists: by role, then the oldest first.
pub fn place(instance: &Instance) -> (usize, i64, String) {
    let role = Role::ALL.iter().position(|role| role.name() == instance.role).unwrap_or(Role::ALL.len());
    (role, instance.start_time.map_or(0, |time| Time::from(time).0), instance.id.clone())
}

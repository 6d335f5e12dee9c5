//! The rules, without a database and without a clock.

pub mod cloud_event;
mod events;
mod judge;
mod meaning;
#[cfg(test)]
mod tests;
mod types;

pub use events::{Fact, Heard, Of, id};
pub use judge::judge;
pub use meaning::read;
pub use types::Types;

use contracts::mesh::Instance;
use kit::{Role, Time};

/// Where an instance stands in lists: by role, then the oldest first.
pub fn place(instance: &Instance) -> (usize, i64, String) {
    let role = Role::ALL.iter().position(|role| role.name() == instance.role).unwrap_or(Role::ALL.len());
    (role, instance.start_time.map_or(0, |time| Time::from(time).0), instance.id.clone())
}

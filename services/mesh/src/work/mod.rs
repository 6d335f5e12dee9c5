//! What runs in the background.

mod feeds;
pub mod nats;
mod sweep;

use kit::{Context, StartError};

use crate::{log::Log, options::Options};

/// Starts all of it.
///
/// | name | what |
/// |---|---|
/// | `mesh.feed.user`, `.article`, `.payment`, `.order` | reads the services' feeds |
/// | `mesh.events` | numbers what they read |
/// | `mesh.news` | finds what other replicas numbered, for who waits here |
/// | `mesh.nats` | hands events on to NATS, where there is one |
/// | `mesh.sweep` | forgets what is old |
pub fn start(log: &Log, options: &Options, context: &Context) -> Result<(), StartError> {
    feeds::start(log, context);
    sweep::start(log, options);
    nats::start(log, &options.nats)
}

//! What runs in the background.

mod feeds;
mod sweep;

use kit::Context;

use crate::{log::Log, options::Options};

/// Starts all of it.
///
/// | name | what |
/// |---|---|
/// | `mesh.feed.user`, `.article`, `.payment`, `.order` | reads the services' feeds |
/// | `mesh.events` | numbers what they read |
/// | `mesh.news` | finds what other replicas numbered, for who waits here |
/// | `mesh.sweep` | forgets what is old |
pub fn start(log: &Log, options: &Options, context: &Context) {
    feeds::start(log, context);
    sweep::start(log, options);
}

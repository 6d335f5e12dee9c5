//! What runs in the background.

mod feeds;
pub mod nats;
mod sweep;
mod webhooks;

use kit::{Context, Fault, StartError};

use crate::{options::Options, remote, webhooks::Webhooks};

/// Starts all of it.
///
/// | name | what |
/// |---|---|
/// | `mesh.feed.user`, `.article`, `.payment`, `.order` | reads the services' feeds |
/// | `mesh.events` | numbers what they read |
/// | `mesh.news` | finds what other replicas numbered, for who waits here |
/// | `mesh.nats` | hands events on to NATS, where there is one |
/// | `mesh.webhooks` | sees to it that for each webhook one process sends |
/// | `mesh.sweep` | forgets what is old |
pub async fn start(shared: &Webhooks, options: &Options, context: &Context) -> Result<(), StartError> {
    remote::begin_figures();
    feeds::start(&shared.log, context);
    webhooks::start(shared).await.map_err(Fault::from)?;
    sweep::start(&shared.log, options);
    nats::start(&shared.log, &options.nats)
}

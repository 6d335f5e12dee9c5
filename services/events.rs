//! `feira events`: what the operator does about events.

use contracts::mesh::ReplayEventsRequest;

use crate::{banner, error::Error, operator::Operator};

/// What is done about events.
#[derive(clap::Args, Debug)]
pub struct Events {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Have events handed on to NATS again, from the first one after a position on; consumers know by their ids what they had
    Replay(Box<Replay>),
}

#[derive(clap::Args, Debug)]
struct Replay {
    /// The position of the last event that is not wanted again; 0 for all that are kept
    #[arg(value_parser = clap::value_parser!(i64).range(0..))]
    position: i64,

    #[command(flatten)]
    operator: Operator,
}

/// Does it.
pub async fn events(events: Events) -> Result<(), Error> {
    let Command::Replay(replay) = events.command;
    let mut way = replay.operator.connect().await?;
    let request = way.request(ReplayEventsRequest { after_position: replay.position })?;
    way.client.replay_events(request).await.map_err(|status| way.failed(&status))?;
    banner::print(&format!("events after {} are handed on to NATS again\n", replay.position))
}

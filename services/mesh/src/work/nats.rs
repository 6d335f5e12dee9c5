//! `mesh.nats`: events are handed on to NATS JetStream, in their order, by one replica at a time.
//!
//! How far they were handed on is written only once JetStream has acknowledged them. What was sent and not written (the
//! process died, the connection broke) is sent again: JetStream knows it by its id, and where the outage lasted longer than
//! it remembers ids, its last event says how far it was.

use std::{sync::Arc, time::Duration};

use kit::{Call, Fault, Role, StartError, Tx};
use sea_orm::DbErr;
use tokio::{
    sync::Mutex,
    time::{Instant, sleep_until},
};

use crate::{
    domain::{Types, cloud_event::Envelope},
    error::Error,
    log::Log,
    options::NatsOptions,
    remote::{
        json,
        nats::{Address, Bounds, Connection, Last, Problem},
    },
    store::{
        event, lists,
        outlets::{self, LEASE, NATS, Turn},
    },
};

/// How many events are on their way without an acknowledgement, at the most.
const IN_FLIGHT: u64 = 128;
/// Between two runs; and how long one is that goes well.
const PAUSE: Duration = Duration::from_millis(5);
const RUN: Duration = Duration::from_secs(5);
/// How often a replica looks whether the outlet is free.
const STAND_BY: Duration = Duration::from_secs(2);
/// The first and the longest pause after a failure.
const RETRY: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Nats(#[from] Problem),
    #[error("what events are about cannot be read: {}", .0.message)]
    Contents(#[from] Fault),
    #[error(transparent)]
    Store(#[from] Error),
    #[error(transparent)]
    Database(#[from] DbErr),
}

struct Outlet {
    log: Log,
    address: Address,
    bounds: Bounds,
    /// The shop, as events name it.
    source: String,
    /// This replica.
    owner: String,
    held: Mutex<Held>,
}

/// What is kept from run to run.
struct Held {
    connection: Option<Connection>,
    /// How long to wait after the next failure, and until when after the last.
    pause: Duration,
    wait_until: Instant,
}

/// Starts it, where there is a NATS to hand events on to.
pub fn start(log: &Log, options: &NatsOptions) -> Result<(), StartError> {
    let Some(address) = options.address()? else { return Ok(()) };
    let held = Held { connection: None, pause: RETRY, wait_until: Instant::now() };
    let outlet = Arc::new(Outlet {
        log: log.clone(),
        address,
        bounds: options.bounds(),
        source: options.events_source.clone(),
        owner: uuid::Uuid::now_v7().to_string(),
        held: Mutex::new(held),
    });
    // With a second for its statements.
    log.tasks.lasts("mesh.nats", RUN + Duration::from_secs(1));
    log.tasks.every("mesh.nats", PAUSE, move || {
        let outlet = outlet.clone();
        async move { outlet.run().await }
    });
    Ok(())
}

impl Outlet {
    async fn run(&self) -> Result<(), Failure> {
        let mut held = self.held.lock().await;
        if self.drains_before(held.wait_until).await {
            return Ok(());
        }
        // Known to be well as soon as it is.
        let well = held.pause == RETRY;
        let until = if well { Instant::now() + RUN } else { Instant::now() };
        let done = self.hand_on(&mut held.connection, until, well).await;
        if done.is_ok() {
            held.pause = RETRY;
        } else {
            held.connection = None;
            held.wait_until = Instant::now() + held.pause;
            held.pause = (held.pause * 2).min(LONGEST_PAUSE);
        }
        done
    }

    /// Hands events on until then, if it is this replica's turn.
    async fn hand_on(
        &self,
        connection: &mut Option<Connection>,
        until: Instant,
        well: bool,
    ) -> Result<(), Failure> {
        let Some(mut turn) = self.take().await? else {
            *connection = None;
            self.drains_before(Instant::now() + STAND_BY).await;
            return Ok(());
        };
        if connection.is_none() {
            let new = self.address.connect(&self.bounds).await?;
            self.begin(&mut turn, &new).await?;
            tracing::info!(position = turn.position, "nats.connected");
            *connection = Some(new);
        }
        let Some(connection) = connection else { return Ok(()) };
        let mut news = self.log.news();
        loop {
            // Marked before looking: what is numbered in between ends the wait at once.
            news.mark_unchanged();
            let events =
                lists::after(&self.log.db, &Types::default(), turn.position, IN_FLIGHT).await?.events;
            if !events.is_empty() {
                self.send(connection, &turn, &events, well).await?;
                turn.position = events.last().map_or(turn.position, |last| last.position);
            }
            let caught_up = (events.len() as u64) < IN_FLIGHT;
            turn.replays &= !caught_up;
            if !self.advance(&turn).await? || Instant::now() >= until {
                return Ok(());
            }
            if !caught_up {
                continue;
            }
            tokio::select! {
                () = self.log.tasks.draining() => {
                    self.give_back(&turn).await?;
                    return Ok(());
                }
                () = connection.ended() => return Err(Problem::Ended.into()),
                _ = news.changed() => {}
                () = sleep_until(until.min(Instant::now() + LEASE / 3)) => {}
            }
        }
    }

    /// Where to go on, by what the stream has.
    async fn begin(&self, turn: &mut Turn, connection: &Connection) -> Result<(), Failure> {
        let is_known = turn.target == connection.stream;
        let last = match &connection.last {
            Some(last) if self.is_of_this_log(last).await? => Some(last.position),
            _ => None,
        };
        match last {
            // Its events come in their order, each with the one before it or not at all: it has all up to its last.
            Some(last) if !turn.replays && (!is_known || last > turn.position) => turn.position = last,
            // A new stream begins with all that is kept.
            None if !is_known => turn.position = 0,
            _ => {}
        }
        turn.target.clone_from(&connection.stream);
        Ok(())
    }

    async fn is_of_this_log(&self, last: &Last) -> Result<bool, DbErr> {
        let found = lists::after(&self.log.db, &Types::default(), last.position - 1, 1).await?.events;
        Ok(found
            .first()
            .is_some_and(|event| event.position == last.position && event.id.to_string() == last.id))
    }

    /// Sends events that follow each other, and waits until all are acknowledged. After a failure one by one: what somebody else
    /// has put into the stream between two of them would keep the second from being taken behind the first.
    async fn send(
        &self,
        to: &Connection,
        turn: &Turn,
        events: &[event::Model],
        well: bool,
    ) -> Result<(), Failure> {
        if let Some(first) =
            events.first().filter(|first| turn.position > 0 && first.position > turn.position + 1)
        {
            tracing::warn!(after = turn.position, next = first.position, "nats.gap");
        }
        let call = Call::of_service(Role::Mesh, "nats");
        let contents = self.log.resources.of(&call, events).await?;
        let mut sent = Vec::with_capacity(events.len());
        let (mut before, mut repeats) = (None, 0);
        for event in events {
            let id = event.id.to_string();
            let message = self.message(event, &id, contents.of(event), to.most_bytes());
            // Without the one before it JetStream takes none, so that what it has is without gaps.
            let after = before.filter(|_| well && !turn.replays);
            let one = to.send(&event.kind, (&id, event.position), after.as_deref(), message).await?;
            match well {
                true => sent.push(one),
                false => repeats += usize::from(to.acknowledged(one).await?),
            }
            before = Some(id);
        }
        for acknowledgement in sent {
            repeats += usize::from(to.acknowledged(acknowledgement).await?);
        }
        if repeats > 0 {
            tracing::info!(repeats, "nats.repeated");
        }
        Ok(())
    }

    fn message(
        &self,
        event: &event::Model,
        id: &str,
        about: Option<&prost_types::Any>,
        most: usize,
    ) -> Vec<u8> {
        let time = prost_types::Timestamp::from(event.create_time).to_string();
        let with = |data| {
            let (source, kind, subject) = (&*self.source, &*event.kind, &*event.subject);
            Envelope { id, source, kind, subject, time: &time, position: event.position, data }.json()
        };
        // What has no JSON, which is logged there, would have none the next time: what is behind it does not wait.
        let data = about.and_then(|about| Some((about.type_url.clone(), json(about).ok()?)));
        let message = with(data);
        // With room for the headers.
        if message.len() + 512 <= most {
            return message;
        }
        tracing::warn!(event = id, bytes = message.len(), most, "nats.too_large");
        with(None)
    }

    async fn take(&self) -> Result<Option<Turn>, Error> {
        let work = |tx: Tx, owner: Arc<String>| async move { Ok(outlets::take(&tx, NATS, &owner).await?) };
        self.log.db.transact(&self.call(), self.owner.clone(), work).await
    }

    async fn advance(&self, turn: &Turn) -> Result<bool, Error> {
        let work = |tx: Tx, turn: Arc<Turn>| async move { Ok(outlets::advance(&tx, NATS, &turn).await?) };
        self.log.db.transact(&self.call(), turn.clone(), work).await
    }

    async fn give_back(&self, turn: &Turn) -> Result<(), Error> {
        let work = |tx: Tx, turn: Arc<Turn>| async move { Ok(outlets::give_back(&tx, NATS, &turn).await?) };
        self.log.db.transact(&self.call(), turn.clone(), work).await
    }

    fn call(&self) -> Call {
        Call::of_service(Role::Mesh, "nats")
    }

    /// Waits until then; true where the process drains before.
    async fn drains_before(&self, until: Instant) -> bool {
        tokio::select! {
            () = self.log.tasks.draining() => true,
            () = sleep_until(until) => false,
        }
    }
}

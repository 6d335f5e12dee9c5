//! `mesh.feed.*` and `mesh.events`: the feeds of the services are read, and what they tell is numbered, many at a time.
//!
//! Every replica reads every feed. What one of them has numbered is nothing new to the others, which find out by the cursor
//! in the same transaction (`store::events::append`) and look again after a while only: so one of them does nearly all of
//! the work, and when it goes away, another goes on where it was.

use std::{collections::HashSet, sync::Mutex, sync::PoisonError, time::Duration};

use contracts::mesh::FeedEvent;
use kit::{Call, Context, Db, Fault, Role, Time, follow};
use sea_orm::DatabaseBackend;
use tokio::{sync::mpsc, time::Instant};

use crate::{
    domain::{self, Heard},
    error::Error,
    log::Log,
    store::events::{self, Batch},
};

/// Whose feeds are read.
const SOURCES: [Role; 4] = [Role::User, Role::Article, Role::Payment, Role::Order];
/// What waits to be numbered, at the most.
const WAITING: usize = 1_000;
/// How many events one transaction numbers at the most.
const MOST: usize = 500;
/// How long what comes is gathered, to be numbered together: the few events of one order, say.
const GATHER: Duration = Duration::from_millis(50);
/// How long a replica that had nothing new waits before it tries again.
const STAND_BY: Duration = Duration::from_secs(1);
/// How long a position may stay unwritten while there is nothing to tell.
const KEEP_POSITION: Duration = Duration::from_secs(2);
/// The first and the longest pause after a failure.
const RETRY: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often what others numbered is looked for, while somebody waits.
const POLL: Duration = Duration::from_millis(250);

/// An event of a feed on its way.
struct Next {
    source: Role,
    position: i64,
    new: Option<events::NewEvent>,
}

/// Starts reading and numbering.
pub fn start(log: &Log, context: &Context) {
    let (to, from) = mpsc::channel(WAITING);
    for source in SOURCES {
        let (db, tasks, to) = (Db::clone(&log.db), context.tasks.clone(), to.clone());
        let conn = context.mesh.conn(Role::Mesh, source);
        context.tasks.keep(format!("mesh.feed.{source}"), async move {
            let unknown = Unknown::default();
            let start =
                |_| async { follow::position(&db, &events::cursor_of(source)).await.map_err(Fault::from) };
            let handle = |event: FeedEvent| {
                let next = read(source, &event, &unknown);
                async { to.send(next).await.map_err(|_| Fault::unavailable("mesh")) }
            };
            follow::follow(tasks, conn, source, start, handle).await;
        });
    }
    context.tasks.keep("mesh.events", number(log.clone(), from));
    // An embedded database is open in one process.
    if log.db.backend() == DatabaseBackend::Sqlite {
        return;
    }
    let log_of_task = log.clone();
    log.tasks.every("mesh.news", POLL, move || {
        let log = log_of_task.clone();
        async move {
            if log.is_awaited() {
                log.tell(log.head().await.map_err(Error::from)?);
            }
            Ok::<_, Error>(())
        }
    });
}

/// Messages that this version does not know: each is logged once.
#[derive(Default)]
struct Unknown(Mutex<HashSet<String>>);

impl Unknown {
    fn note(&self, source: Role, event: &FeedEvent) {
        let name =
            event.data.as_ref().map_or("", |data| data.type_url.rsplit('/').next().unwrap_or_default());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Another version has a few at the most; whatever comes, this does not grow without a bound.
        if known.len() < 64 && known.insert(name.to_owned()) {
            tracing::warn!(%source, kind = name, "events.unknown");
        }
    }
}

fn read(source: Role, event: &FeedEvent, unknown: &Unknown) -> Next {
    let position = event.position;
    let new = match domain::read(event) {
        Heard::Fact(fact) => {
            let create_time = event.create_time.map_or(Time(0), Time::from);
            let id = domain::id(source, position, create_time);
            Some(events::NewEvent { source, position, id, fact, create_time })
        }
        Heard::Nothing => None,
        Heard::Unknown => {
            unknown.note(source, event);
            None
        }
    };
    Next { source, position, new }
}

/// Numbers what comes, until the process drains.
async fn number(log: Log, mut from: mpsc::Receiver<Next>) {
    let (mut batch, mut written) = (Batch::default(), Instant::now());
    loop {
        let next = tokio::select! {
            () = log.tasks.draining() => return,
            next = from.recv() => next,
        };
        let Some(next) = next else { return };
        take(&mut batch, next);
        tokio::select! {
            () = log.tasks.draining() => return,
            () = tokio::time::sleep(GATHER) => {}
        }
        while batch.events.len() < MOST
            && let Ok(next) = from.try_recv()
        {
            take(&mut batch, next);
        }
        // What tells nothing would tell nothing after a restart, too.
        if batch.events.is_empty() && written.elapsed() < KEEP_POSITION {
            continue;
        }
        let Some(news) = write(&log, std::mem::take(&mut batch)).await else { return };
        written = Instant::now();
        if news {
            continue;
        }
        tokio::select! {
            () = log.tasks.draining() => return,
            () = tokio::time::sleep(STAND_BY) => {}
        }
    }
}

fn take(batch: &mut Batch, next: Next) {
    let reached = batch.reached.entry(next.source).or_default();
    *reached = next.position.max(*reached);
    batch.events.extend(next.new);
}

/// Writes a batch, however often that takes; none where the process drains meanwhile.
async fn write(log: &Log, batch: Batch) -> Option<bool> {
    let (batch, mut pause) = (std::sync::Arc::new(batch), RETRY);
    let call = Call::of_service(Role::Mesh, "events");
    loop {
        let written = log.db.transact(&call, batch.clone(), |tx, batch| async move {
            Ok(events::append(&tx, &batch).await?)
        });
        match written.await {
            Ok(appended) => {
                log.tell(appended.head);
                return Some(appended.news);
            }
            Err(error) => tracing::warn!(%error, "events.not_written"),
        }
        tokio::select! {
            () = log.tasks.draining() => return None,
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
        }
    }
}

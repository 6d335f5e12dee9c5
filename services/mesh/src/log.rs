//! The log of events, as the rest of the service uses it.

use std::sync::Arc;

use kit::{Context, Db, Tasks, Writer};
use sea_orm::DbErr;
use tokio::sync::watch;

use crate::{error::Error, remote::Resources, store::events};

/// The log; cheap to clone.
#[derive(Clone)]
pub struct Log {
    pub db: Writer<Error>,
    pub resources: Resources,
    pub tasks: Tasks,
    /// The position of the last event known here.
    last: Arc<watch::Sender<i64>>,
}

impl Log {
    /// The log in a database.
    pub fn new(db: Db, context: &Context) -> Self {
        Self {
            db: db.into(),
            resources: Resources::new(&context.mesh),
            tasks: context.tasks.clone(),
            last: Arc::new(watch::Sender::new(0)),
        }
    }

    /// The position of the last event there is.
    pub async fn head(&self) -> Result<i64, DbErr> {
        events::head(&self.db).await
    }

    /// Changes when there are more events.
    pub fn news(&self) -> watch::Receiver<i64> {
        self.last.subscribe()
    }

    /// Whether anybody waits for more.
    pub fn is_awaited(&self) -> bool {
        self.last.receiver_count() > 0
    }

    /// Wakes who waits, if there are events up to `head`. It never goes back, whichever of two commits is told first.
    pub fn tell(&self, head: i64) {
        self.last.send_if_modified(|last| {
            let more = head > *last;
            *last = head.max(*last);
            more
        });
    }
}

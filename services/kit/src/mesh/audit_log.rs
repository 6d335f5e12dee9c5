//! The audit log: who did what, recorded in the transaction that does it.
//!
//! The log is the user service's. Another service records into its own outbox, and [`deliver`] hands that down to the
//! user service, which keeps each id once: what is committed is recorded, exactly once, and nothing that is not.

use std::{
    sync::Mutex,
    sync::PoisonError,
    time::{Duration, Instant},
};

use contracts::{
    mesh::FeedEvent,
    user::{AuditRecord, RecordAuditEventsRequest, audit_service_client::AuditServiceClient},
};

use crate::{
    Call, Context, Db, Fault, Role, Time, Tx, Writer, follow,
    id::{AuditId, UserId},
};

/// What a service's own feed is followed for.
const SOURCE: &str = "audit_log";
/// How long a position may stay unwritten while there is nothing to record.
const KEEP_POSITION: Duration = Duration::from_secs(10);
/// How long the user service may take.
const WITHIN: Duration = Duration::from_secs(5);
/// The longest detail and target that are kept, in characters.
const LONGEST_DETAIL: usize = 500;
const LONGEST_TARGET: usize = 128;

/// One act. No secrets in it; of people nothing but ids.
#[derive(Debug, Clone)]
pub struct Act {
    kind: &'static str,
    user: Option<UserId>,
    target: String,
    detail: String,
}

impl Act {
    /// An act of a kind, such as `price.changed`; the contract lists them (`AuditService.ListAuditEvents`).
    pub fn new(kind: &'static str) -> Self {
        Self { kind, user: None, target: String::new(), detail: String::new() }
    }

    /// Whom it concerns.
    #[must_use]
    pub fn of(self, user: UserId) -> Self {
        Self { user: Some(user), ..self }
    }

    /// The id of what it was done to.
    #[must_use]
    pub fn on(self, target: impl ToString) -> Self {
        Self { target: target.to_string().chars().take(LONGEST_TARGET).collect(), ..self }
    }

    /// What else there is to say, as `name=value`.
    #[must_use]
    pub fn saying(self, detail: impl Into<String>) -> Self {
        Self { detail: detail.into().chars().take(LONGEST_DETAIL).collect(), ..self }
    }

    /// The act as it is recorded: by a call, at a time.
    pub fn record(&self, call: &Call, now: Time) -> AuditRecord {
        AuditRecord {
            id: AuditId::at(now).to_string(),
            kind: self.kind.to_owned(),
            actor: call.caller().actor(),
            user_id: self.user.map(|user| user.to_string()).unwrap_or_default(),
            ip_address: call.client_address().map(|address| address.to_string()).unwrap_or_default(),
            user_agent: call.client_agent().unwrap_or_default().to_owned(),
            request_id: call.request_id().to_string(),
            target: self.target.clone(),
            detail: super::refusals::with_key(call.caller(), &self.detail),
            create_time: Some(now.into()),
        }
    }
}

impl Tx {
    /// Records an act with this write, in any service but user's, which has the log itself.
    pub fn audit(&self, act: &Act) {
        let record = act.record(self.call(), self.now());
        self.publish(record.id.clone(), &record);
    }
}

/// Hands down to the user service what a service records.
pub fn deliver(context: &Context, db: &Db) {
    let role = db.role();
    if !matches!(role, Role::Article | Role::Order | Role::Payment | Role::Mesh) {
        return;
    }
    let (tasks, db) = (context.tasks.clone(), Writer::<Fault>::from(db.clone()));
    let feed = context.mesh.conn(role, role);
    let user = AuditServiceClient::new(context.mesh.conn(role, Role::User));
    context.tasks.keep(format!("{role}.audit_log"), async move {
        let written = Mutex::new(Instant::now());
        let (db, user, written) = (&db, &user, &written);
        let start = |_| async { follow::position(db, SOURCE).await.map_err(Fault::from) };
        let handle = |event: FeedEvent| async move {
            let position = event.position;
            let record = follow::event::<AuditRecord>(&event);
            if record.is_none() && !is_due(written) {
                return Ok(());
            }
            let call = Call::of_service(role, "audit log");
            if let Some(record) = record {
                let request = RecordAuditEventsRequest { records: vec![record] };
                let sent = user.clone().record_audit_events(call.within(WITHIN).request(request)).await;
                sent.map_err(|status| Fault::of(&status))?;
            }
            // After it was taken: a process that dies in between sends it again.
            let work = |tx: Tx, position: std::sync::Arc<i64>| async move {
                follow::advance(&tx, SOURCE, *position).await?;
                Ok(())
            };
            db.transact(&call, position, work).await
        };
        follow::follow(tasks, feed, role, start, handle).await;
    });
}

/// Whether a position that asks for nothing is to be written by now.
fn is_due(written: &Mutex<Instant>) -> bool {
    let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
    let due = written.elapsed() >= KEEP_POSITION;
    if due {
        *written = Instant::now();
    }
    due
}

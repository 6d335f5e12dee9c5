//! `AuditService`: what was done, for administrators to read; and how the others' acts come in.

use std::{sync::PoisonError, time::Duration};

use contracts::user::{
    AuditEvent, ListAuditEventsRequest, ListAuditEventsResponse, RecordAuditEventsRequest,
    audit_service_server::AuditService,
};
use kit::{
    Call, Fault, Role, Time,
    audit_log::Act,
    id::{AuditId, UserId},
};
use tonic::{Request, Response, Status};

use crate::{
    api::{AuditLog, Shared, render},
    domain::{mail::MailKind, source},
    error::Error,
    store::{
        audit::{self, Filter},
        users,
    },
};

/// Events that one transaction sweeps.
const SWEEP: u64 = 5_000;
/// For how long acts may come in that were under way while their actor was erased; later ones find nobody of that id.
const LATE: Duration = Duration::from_secs(900);

/// Of what happens in other services, what administrators are told of.
const WEBHOOK_DISABLED: &str = "webhook.disabled";
/// Administrators who are told, at the most.
const MOST_TOLD: u64 = 50;

#[tonic::async_trait]
impl AuditService for AuditLog {
    async fn list_audit_events(
        &self,
        request: Request<ListAuditEventsRequest>,
    ) -> Result<Response<ListAuditEventsResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let page = self.0.db.page::<AuditId>(&call, &request)?;
        let (after, before) = (request.after.map(Time::from), request.before.map(Time::from));
        if after.zip(before).is_some_and(|(after, before)| after > before) {
            return Err(Fault::invalid("after", "must not be after before").into());
        }
        let named = |id: &str| call.user_id(id, "user_id");
        let user = Some(request.user_id).filter(|id| !id.is_empty()).map(|id| named(&id)).transpose()?;
        let filter = Filter { actor: request.actor, user, kinds: request.kind, after, before };
        let db = self.0.db.read();
        let rows = audit::list(db, &filter, page.after, page.limit()).await.map_err(Fault::from)?;
        let render = |row| Ok::<AuditEvent, Status>(render::audit_event(row));
        let (audit_events, next_page_token) = page.make(rows, |row| row.id, render)?;
        Ok(Response::new(ListAuditEventsResponse { audit_events, next_page_token }))
    }

    async fn record_audit_events(
        &self,
        request: Request<RecordAuditEventsRequest>,
    ) -> Result<Response<()>, Status> {
        let call = Call::of(&request)?;
        let per_day = self.0.mails_per_day;
        let taken = self.0.db.transact(&call, request.into_inner().records, move |tx, records| async move {
            let taken = audit::take(&tx, &records).await?;
            // Once for each act, because each is taken once.
            let disabled = taken.iter().any(|record| record.kind == WEBHOOK_DISABLED);
            if disabled {
                for user in users::administrators(&tx, MOST_TOLD).await? {
                    per_day.tell(&tx, &user, MailKind::WebhookDisabled).await?;
                }
            }
            Ok(disabled)
        });
        if taken.await? {
            self.0.mail_due.notify_one();
        }
        Ok(Response::new(()))
    }
}

impl Shared {
    /// Whether something that anybody can make happen is recorded itself, or only counted.
    pub fn records(&self, call: &Call) -> bool {
        let source = source(call);
        let mut minute = self.flood.lock().unwrap_or_else(PoisonError::into_inner);
        minute.admit(&source, self.db.clock().now())
    }

    /// Whether something about a known account is recorded that must not be lost among what anybody can make happen.
    pub fn records_of(&self, account: UserId) -> bool {
        let mut grave = self.grave.lock().unwrap_or_else(PoisonError::into_inner);
        grave.admit_of_account(&account.to_string(), self.db.clock().now())
    }

    /// Tells what was only counted, and sweeps what is old.
    pub async fn keep_audit_log(&self) -> Result<(), Error> {
        let call = Call::of_service(Role::User, "keep the audit log");
        let ended = {
            let mut minute = self.flood.lock().unwrap_or_else(PoisonError::into_inner);
            minute.end(self.db.clock().now())
        };
        if let Some(uncounted) = ended {
            let most: Vec<String> =
                uncounted.most.iter().map(|(source, count)| format!("{source}:{count}")).collect();
            let act = Act::new("sign_in.uncounted").saying(format!(
                "events={} sources={}",
                uncounted.events,
                most.join(",")
            ));
            self.db
                .transact(&call, act, |tx, act| async move { Ok(audit::record(&tx, &act).await?) })
                .await?;
        }
        // What was recorded while its actor was being erased.
        let forgotten = self.db.transact(&call, (), |tx, _| async move {
            for user in audit::erased_since(&tx, tx.now() - LATE).await? {
                audit::forget(&tx, user).await?;
            }
            Ok(())
        });
        forgotten.await?;
        let keep = self.audit_retention;
        loop {
            let swept = self
                .db
                .transact(&call, keep, |tx, keep| async move {
                    Ok(audit::prune(&tx, tx.now() - *keep, SWEEP).await?)
                })
                .await?;
            if swept < SWEEP {
                return Ok(());
            }
        }
    }
}

/// Whom limits count together; empty where it is not known who calls.
pub fn source(call: &Call) -> String {
    call.client_address().map(source::source).unwrap_or_default()
}

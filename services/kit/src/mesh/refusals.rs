//! Refused access of staff's methods, for the audit log: counted by user and method, and told to the user service every few
//! seconds. A refusal changes nothing, so there is no transaction that it could be recorded with; what a killed process
//! had counted is lost.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use contracts::{
    access::Who,
    user::{AuditRecord, RecordAuditEventsRequest, audit_service_client::AuditServiceClient},
};
use tokio::time::Instant;

use crate::{Call, Caller, Context, Fault, Role, Time, access::Method, client::Client, id::AuditId};

/// How often they are told.
const TELL: Duration = Duration::from_secs(5);
/// How long more refusals of the same user and method are counted before they are told again: somebody who goes on asking
/// must not fill the log.
const AGAIN: Duration = Duration::from_secs(600);
/// Users and methods that are told apart until then; more are not recorded.
const MOST: usize = 500;
/// Of so many it is known that they were told lately.
const TOLD: usize = 5_000;
/// How long the user service may take.
const WITHIN: Duration = Duration::from_secs(5);

/// What was refused since it was told last; cheap to clone.
#[derive(Clone, Default)]
pub struct Refusals(Arc<Mutex<Counted>>);

/// By user and method.
type Counted = HashMap<(String, Arc<str>), Refused>;

/// Refusals of one user and method.
struct Refused {
    /// The first of them.
    record: AuditRecord,
    count: u64,
}

/// A detail, with the key by which a program acts for its user.
pub(super) fn with_key(caller: &Caller, detail: &str) -> String {
    match caller {
        Caller::ApiKey { key, .. } => format!("{detail} key={key}").trim_start().to_owned(),
        _ => detail.to_owned(),
    }
}

impl Refusals {
    /// Notes that a user was refused: what is staff's or another service's, or what its API key is not for.
    pub fn note(&self, method: &Method, caller: &Caller, client: &Client, request_id: &str, now: Time) {
        let by_key = matches!(caller, Caller::ApiKey { .. });
        if !(by_key || matches!(method.who, Who::Staff | Who::Admin | Who::Mesh)) || caller.is_service() {
            return;
        }
        let Some(user) = caller.user() else { return };
        let mut all = self.all();
        let key = (user.to_string(), method.path.clone());
        if all.len() >= MOST && !all.contains_key(&key) {
            return;
        }
        let refused = all.entry(key).or_insert_with(|| Refused {
            record: AuditRecord {
                id: AuditId::at(now).to_string(),
                kind: "access.refused".to_owned(),
                actor: caller.actor(),
                user_id: user.to_string(),
                ip_address: client.address.map(|address| address.to_string()).unwrap_or_default(),
                user_agent: client.agent.as_deref().unwrap_or_default().to_owned(),
                request_id: request_id.to_owned(),
                target: method.path.to_string(),
                detail: with_key(caller, ""),
                create_time: Some(now.into()),
            },
            count: 0,
        });
        refused.count += 1;
    }

    /// Tells the user service of them, as long as the process runs.
    pub fn tell(&self, context: &Context, as_role: Role) {
        let user = AuditServiceClient::new(context.mesh.own_conn(as_role, Role::User));
        let refusals = self.clone();
        let told = Arc::new(Mutex::new(HashMap::new()));
        context.tasks.every(format!("{as_role}.refusals"), TELL, move || {
            let (refusals, mut user, told) = (refusals.clone(), user.clone(), told.clone());
            async move {
                let taken =
                    refusals.take(&mut told.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
                if taken.is_empty() {
                    return Ok(());
                }
                let records = taken.values().map(|refused| AuditRecord {
                    detail: format!("count={} {}", refused.count, refused.record.detail)
                        .trim_end()
                        .to_owned(),
                    ..refused.record.clone()
                });
                let request = RecordAuditEventsRequest { records: records.collect() };
                let call = Call::of_service(as_role, "refusals").within(WITHIN);
                let sent = user.record_audit_events(call.request(request)).await;
                sent.map(|_| ()).map_err(|status| {
                    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                    told.retain(|key, _| !taken.contains_key(key));
                    refusals.put_back(taken);
                    Fault::of(&status)
                })
            }
        });
    }

    /// Takes what is to be told now; of whom and what something was told lately, the rest waits.
    fn take(&self, told: &mut HashMap<(String, Arc<str>), Instant>, now: Instant) -> Counted {
        told.retain(|_, at| now < *at + AGAIN);
        let mut all = self.all();
        let (waits, due) = std::mem::take(&mut *all).into_iter().partition(|(key, _)| told.contains_key(key));
        *all = waits;
        // Beyond that many, some are told more often.
        let free = TOLD.saturating_sub(told.len());
        told.extend(due.keys().take(free).map(|key| (key.clone(), now)));
        due
    }

    /// Keeps what could not be told for the next time. Its ids are the same, so that what was told all the same is there
    /// once.
    fn put_back(&self, taken: Counted) {
        let mut all = self.all();
        for (key, refused) in taken {
            let count = refused.count;
            match all.get_mut(&key) {
                Some(newer) => newer.count += count,
                None => drop(all.insert(key, refused)),
            }
        }
    }

    fn all(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

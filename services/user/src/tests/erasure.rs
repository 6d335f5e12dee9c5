//! What erasing leaves of a person in the audit log, and what is remembered of sessions until then.

use contracts::user::{
    AuditEvent, AuditRecord, DeleteUserRequest, ListAuditEventsRequest, ListSessionsRequest,
    RecordAuditEventsRequest, SignOutRequest, Tokens, audit_service_client::AuditServiceClient,
};
use kit::{Call, Role, id::AuditId};

use super::{House, Replica, by, id_of, outcome};

/// What another service hands down of an act.
fn record(replica: &Replica, actor: &str) -> AuditRecord {
    AuditRecord {
        id: AuditId::at(replica.clock.now()).to_string(),
        kind: "refund.requested".to_owned(),
        actor: actor.to_owned(),
        ip_address: "203.0.113.7".to_owned(),
        user_agent: "shopper/1".to_owned(),
        request_id: "hers".to_owned(),
        target: "pay_1".to_owned(),
        create_time: Some(replica.clock.now().into()),
        ..AuditRecord::default()
    }
}

async fn hand_down(replica: &Replica, record: AuditRecord) {
    hand_down_as(replica, Role::Payment, record).await;
}

async fn hand_down_as(replica: &Replica, role: Role, record: AuditRecord) {
    let mut log = AuditServiceClient::new(replica.mesh.conn(role, Role::User));
    let call = Call::of_service(role, "a test");
    let request = RecordAuditEventsRequest { records: vec![record] };
    outcome(log.record_audit_events(call.request(request)).await).unwrap();
}

async fn acts_of(replica: &Replica, admin: &Tokens, actor: &str) -> Vec<AuditEvent> {
    let request = ListAuditEventsRequest { actor: actor.to_owned(), ..Default::default() };
    let mut log = AuditServiceClient::new(replica.conn.clone());
    outcome(log.list_audit_events(by(admin, request)).await).unwrap().audit_events
}

#[tokio::test]
async fn where_an_erased_user_acted_from_is_forgotten_and_what_comes_late_comes_without_it() {
    let replica = House::new().await.replica().await;
    replica.register("ana").await;
    let (ana, admin) = (replica.sign_in("ana").await, replica.sign_in("admin").await);
    let (id, staff) = (id_of(&ana), id_of(&admin));
    let (before, late, of_staff) = (record(&replica, &id), record(&replica, &id), record(&replica, &staff));
    hand_down(&replica, before.clone()).await;
    hand_down(&replica, of_staff.clone()).await;
    assert!(acts_of(&replica, &admin, &id).await.iter().any(|act| act.ip_address == "203.0.113.7"));
    let gone = DeleteUserRequest { id: "me".to_owned(), etag: String::new() };
    outcome(replica.users().delete_user(by(&ana, gone)).await).unwrap();
    hand_down(&replica, late.clone()).await;
    let acts = acts_of(&replica, &admin, &id).await;
    for wanted in [&before.id, &late.id] {
        let act = acts.iter().find(|act| act.id == *wanted).expect("what was done stays");
        assert_eq!((&*act.kind, &*act.target), ("refund.requested", "pay_1"));
    }
    for act in &acts {
        assert_eq!((&*act.ip_address, &*act.user_agent, &*act.request_id), ("", "", ""), "{}", act.kind);
    }
    assert!(acts.iter().any(|act| act.kind == "user.erased"));
    let others = acts_of(&replica, &admin, &staff).await;
    let other = others.iter().find(|act| act.id == of_staff.id).unwrap();
    assert_eq!(other.ip_address, "203.0.113.7", "somebody else's");
}

#[tokio::test]
async fn a_role_reports_its_own_acts_as_they_happen_and_no_others() {
    let replica = House::new().await.replica().await;
    replica.register("ana").await;
    let (ana, admin) = (replica.sign_in("ana").await, replica.sign_in("admin").await);
    let id = id_of(&ana);
    let good = record(&replica, &id);
    hand_down(&replica, good.clone()).await;
    let forged = |change: fn(&mut AuditRecord)| {
        let mut record = AuditRecord { user_id: id.clone(), ..record(&replica, &id) };
        change(&mut record);
        record
    };
    let later = replica.clock.now() + std::time::Duration::from_secs(600);
    for (role, record) in [
        (Role::Payment, forged(|record| record.kind = "user.erased".to_owned())),
        (Role::Payment, forged(|record| record.kind = "sign_in.succeeded".to_owned())),
        (Role::Article, forged(|_| {})),
        (Role::Payment, forged(|record| record.create_time = Some(kit::Time(0).into()))),
        (
            Role::Payment,
            AuditRecord {
                id: AuditId::at(later).to_string(),
                create_time: Some(later.into()),
                ..forged(|_| {})
            },
        ),
    ] {
        hand_down_as(&replica, role, record).await;
    }
    let acts = acts_of(&replica, &admin, &id).await;
    assert!(acts.iter().all(|act| act.kind.starts_with("sign_in.") || act.id == good.id), "{acts:?}");
    let kept = acts.iter().find(|act| act.id == good.id).unwrap();
    assert_eq!((&*kept.ip_address, &*kept.request_id), ("203.0.113.7", "hers"));
}

#[tokio::test]
async fn sessions_that_ended_are_listed_where_they_are_asked_for() {
    let replica = House::new().await.replica().await;
    replica.register("ana").await;
    let (here, there) = (replica.sign_in("ana").await, replica.sign_in("ana").await);
    outcome(replica.auth().sign_out(by(&there, SignOutRequest {})).await).unwrap();
    let list = async |include_ended| {
        let request = ListSessionsRequest { user_id: "me".to_owned(), include_ended, ..Default::default() };
        let sessions = outcome(replica.auth().list_sessions(by(&here, request)).await).unwrap().sessions;
        sessions.iter().map(|session| session.ended_time.is_some()).collect::<Vec<_>>()
    };
    assert_eq!(list(false).await, [false]);
    assert_eq!(list(true).await, [true, false]);
}

//! AuditService: who did what.

use contracts::{
    article::{StockReason, UpdateArticleRequest},
    payment::RefundPaymentRequest,
    user::{
        AuditEvent, ChangePasswordRequest, DeleteUserRequest, DisableUserRequest, ListAuditEventsRequest,
        RefreshRequest, RevokeSessionsRequest, Role, SetRolesRequest, UpdateUserRequest, User,
    },
};

use crate::support::{Code, Refused, Setup, Shopper, eur, shop::PASSWORD, until};

on_both_edges!(
    what_users_and_administrators_do_is_recorded_with_its_source,
    what_other_services_do_arrives_once,
    a_flood_of_bad_sign_ins_is_counted_and_not_kept,
    only_administrators_read_it_page_by_page,
);

async fn events(admin: &Shopper, request: ListAuditEventsRequest) -> Vec<AuditEvent> {
    admin.list_audit_events(request).await.expect("the audit log").body.audit_events
}

async fn of(admin: &Shopper, user_id: &str) -> Vec<AuditEvent> {
    let request = ListAuditEventsRequest { user_id: user_id.into(), page_size: 1000, ..Default::default() };
    events(admin, request).await
}

fn kinds(events: &[AuditEvent]) -> Vec<&str> {
    events.iter().rev().map(|event| event.kind.as_str()).collect()
}

/// Covers: user.audit-log.
async fn what_users_and_administrators_do_is_recorded_with_its_source(setup: Setup) {
    let mesh = setup.start().await;
    let admin = mesh.admin().await;
    let ada = mesh.shopper().await;
    let id = ada.user.id.clone();
    mesh.client().sign_in_as(&ada.user.username, "wrong password").await.unwrap_err();
    ada.change_password(ChangePasswordRequest {
        id: "me".into(),
        old_password: PASSWORD.into(),
        new_password: "long enough 2".into(),
    })
    .await
    .unwrap();
    let email = format!("new-{}", ada.user.email);
    let user = Some(User { id: id.clone(), email, ..Default::default() });
    ada.update_user(UpdateUserRequest { user, update_mask: None }).await.unwrap();
    let token = ada.tokens.refresh_token.clone();
    let refresh = |token: &str| ada.refresh(RefreshRequest { refresh_token: token.into() });
    let second = refresh(&token).await.unwrap().body.refresh_token;
    refresh(&second).await.unwrap();
    refresh(&token).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    admin.revoke_sessions(RevokeSessionsRequest { user_id: id.clone(), keep_current: false }).await.unwrap();
    let roles = vec![Role::Customer.into(), Role::Staff.into()];
    admin.set_roles(SetRolesRequest { id: id.clone(), roles, role_ids: vec![] }).await.unwrap();
    admin.disable_user(DisableUserRequest { id: id.clone() }).await.unwrap();
    let before = of(&admin, &id).await;
    for event in &before {
        assert!(event.id.starts_with("aud_") && !event.request_id.is_empty(), "{event:?}");
        assert_eq!(event.ip_address, "127.0.0.1", "{event:?}");
    }
    admin.delete_user(DeleteUserRequest { id: id.clone(), ..Default::default() }).await.unwrap();
    let all = of(&admin, &id).await;
    assert_eq!(
        kinds(&all),
        [
            "sign_in.succeeded",
            "sign_in.failed",
            "password.changed",
            "email.changed",
            "refresh_token.reused",
            "session.revoked",
            "roles.changed",
            "user.disabled",
            "user.erased"
        ]
    );
    for event in &all {
        // Where she acted from went with her; where the administrator did is there.
        let by_admin = event.actor == admin.user.id;
        assert_eq!(event.ip_address, if by_admin { "127.0.0.1" } else { "" }, "{event:?}");
        assert_eq!(event.request_id.is_empty(), !by_admin, "{event:?}");
        let text = format!("{event:?}");
        assert!(!text.contains(PASSWORD) && !text.contains("example.com"), "{text}");
        assert!(!text.contains(&ada.user.username), "{text}");
    }
    let by = |kind: &str| all.iter().find(|event| event.kind == kind).unwrap();
    assert_eq!(by("sign_in.failed").actor, "anonymous");
    assert_eq!(by("password.changed").actor, id);
    assert_eq!(by("roles.changed").actor, admin.user.id);
    assert_eq!(by("roles.changed").detail, "from=ROLE_CUSTOMER to=ROLE_CUSTOMER,ROLE_STAFF");
}

/// Covers: user.audit-log.
async fn what_other_services_do_arrives_once(setup: Setup) {
    let mesh = setup.start().await;
    let (admin, ada) = (mesh.admin().await, mesh.shopper().await);
    let mut article = admin.stocked(eur(10), 5).await;
    admin.adjust(&article.id, -1, StockReason::Correction).await.unwrap();
    let order = ada.order(&article.id, 1, "sim_approve").await.unwrap().body;
    let payment = admin.payments(&order.id).await.remove(0);
    let refund = RefundPaymentRequest { id: payment.id.clone(), ..Default::default() };
    admin.refund_payment(refund).await.unwrap();
    article.price = Some(eur(12));
    article.etag.clear();
    let update_mask = Some(prost_types::FieldMask { paths: vec!["price".into()] });
    admin.update_article(UpdateArticleRequest { article: Some(article.clone()), update_mask }).await.unwrap();
    let kind: Vec<String> = ["stock.adjusted", "refund.requested", "price.changed"].map(Into::into).into();
    let found = until("they arrive", || async {
        let request = ListAuditEventsRequest { kind: kind.clone(), ..Default::default() };
        Some(events(&admin, request).await).filter(|events| events.len() >= 3)
    })
    .await;
    let mut seen = kinds(&found);
    seen.sort_unstable();
    assert_eq!(seen, ["price.changed", "refund.requested", "stock.adjusted"]);
    for event in &found {
        assert_eq!((event.actor.as_str(), event.ip_address.as_str()), (admin.user.id.as_str(), "127.0.0.1"));
        let target = if event.kind == "refund.requested" { &payment.id } else { &article.id };
        assert_eq!(&event.target, target);
    }
    let refund = found.iter().find(|event| event.kind == "refund.requested").unwrap();
    assert_eq!(refund.user_id, ada.user.id);
}

/// Covers: user.audit-log.
async fn a_flood_of_bad_sign_ins_is_counted_and_not_kept(setup: Setup) {
    let mesh = setup.start().await;
    let admin = mesh.admin().await;
    for number in 0..40 {
        mesh.client().sign_in_as(&format!("nobody-{number}"), "wrong password").await.unwrap_err();
    }
    let kind = vec!["sign_in.failed".to_owned()];
    let kept = events(&admin, ListAuditEventsRequest { kind, ..Default::default() }).await.len();
    assert!((1..=20).contains(&kept), "{kept}: ten of a minute, in two minutes at the most");
}

/// Covers: user.audit-log, access.
async fn only_administrators_read_it_page_by_page(setup: Setup) {
    let mesh = setup.start().await;
    let (admin, ada) = (mesh.admin().await, mesh.shopper().await);
    let staff = crate::users::with_roles(&mesh, "bob", &[Role::Staff]).await;
    for caller in [&ada, &staff] {
        caller.list_audit_events(ListAuditEventsRequest::default()).await.denied();
    }
    let kind = vec!["access.refused".to_owned()];
    let refused = until("refusals are told", || async {
        let request = ListAuditEventsRequest { kind: kind.clone(), ..Default::default() };
        Some(events(&admin, request).await).filter(|events| events.len() >= 2)
    })
    .await;
    for event in &refused {
        assert!(event.target.ends_with("AuditService/ListAuditEvents"), "{event:?}");
        assert!([&ada.user.id, &staff.user.id].contains(&&event.actor), "{event:?}");
    }
    let nobody = mesh.client().list_audit_events(ListAuditEventsRequest::default()).await;
    nobody.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    let all = events(&admin, ListAuditEventsRequest::default()).await;
    assert!(all.len() >= 4, "{all:?}");
    let (mut paged, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListAuditEventsRequest { page_size: 2, page_token, ..Default::default() };
        let page = admin.list_audit_events(request).await.unwrap().body;
        paged.extend(page.audit_events);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(paged, all);
    let middle = &all[1];
    let since = ListAuditEventsRequest { after: middle.create_time, ..Default::default() };
    assert_eq!(events(&admin, since).await, all[..=1]);
    let until_then = ListAuditEventsRequest { before: middle.create_time, ..Default::default() };
    assert_eq!(events(&admin, until_then).await, all[2..]);
    let by = ListAuditEventsRequest { actor: admin.user.id.clone(), ..Default::default() };
    assert!(events(&admin, by).await.iter().all(|event| event.actor == admin.user.id));
    let wrong = ListAuditEventsRequest {
        after: middle.create_time,
        before: Some(prost_types::Timestamp::default()),
        ..Default::default()
    };
    assert!(
        admin.list_audit_events(wrong).await.unwrap_err().fields.iter().any(|field| field.contains("after"))
    );
}

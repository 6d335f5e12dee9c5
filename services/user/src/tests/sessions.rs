//! Refreshing and signing out.

use std::time::Duration;

use contracts::user::{
    GetUserRequest, ListSessionsRequest, RefreshRequest, RevokeSessionRequest, RevokeSessionsRequest,
    Session, SignOutRequest, Tokens, UpdateUserRequest, User,
};
use kit::Fault;
use tonic::{Code, Request};

use super::{House, Replica, by, events, keyed, keys_of, outcome};

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn refresh(replica: &Replica, tokens: &Tokens) -> Result<Tokens, Fault> {
    outcome(replica.auth().refresh(RefreshRequest { refresh_token: tokens.refresh_token.clone() }).await)
}

/// The same from another address.
async fn refresh_from(address: &str, replica: &Replica, tokens: &Tokens) -> Result<Tokens, Fault> {
    let mut request = Request::new(RefreshRequest { refresh_token: tokens.refresh_token.clone() });
    request.metadata_mut().insert("x-feira-client-address", address.parse().unwrap());
    outcome(replica.auth().refresh(request).await)
}

async fn sessions(replica: &Replica, tokens: &Tokens) -> Vec<Session> {
    let request = ListSessionsRequest { user_id: "me".to_owned(), ..Default::default() };
    outcome(replica.auth().list_sessions(by(tokens, request)).await).unwrap().sessions
}

async fn works(replica: &Replica, tokens: &Tokens) -> bool {
    outcome(replica.users().get_user(by(tokens, GetUserRequest { id: "me".to_owned() })).await).is_ok()
}

#[tokio::test]
async fn a_refresh_token_works_once_and_its_reuse_ends_the_session() {
    let replica = House::new().await.replica().await;
    replica.register("ana").await;
    let (first, other) = (replica.sign_in("ana").await, replica.sign_in("ana").await);
    let second = refresh(&replica, &first).await.unwrap();
    assert_ne!(second.refresh_token, first.refresh_token);
    assert!(works(&replica, &first).await && works(&replica, &second).await);
    replica.clock.advance(Duration::from_secs(11));
    assert_eq!(refresh(&replica, &first).await.unwrap_err().code, Code::Unauthenticated);
    assert_eq!(events(&replica.db).await, ["KeysChanged", "UserChanged", "UserChanged", "AccessRevoked"]);
    assert!(!works(&replica, &second).await);
    assert!(refresh(&replica, &second).await.is_err());
    assert!(works(&replica, &other).await);
}

#[tokio::test]
async fn a_refresh_whose_answer_was_lost_is_answered_alike_for_some_seconds() {
    let replica = House::new().await.replica().await;
    replica.register("ana").await;
    let first = replica.sign_in("ana").await;
    let second = refresh(&replica, &first).await.unwrap();
    replica.clock.advance(Duration::from_secs(9));
    let again = refresh(&replica, &first).await.unwrap();
    assert_eq!(again.refresh_token, second.refresh_token);
    assert!(works(&replica, &again).await);
    let third = refresh(&replica, &again).await.unwrap();
    assert_ne!(third.refresh_token, second.refresh_token);
    // The next one was used, so its answer did come: this is a copy.
    assert!(refresh(&replica, &first).await.is_err());
    assert!(!works(&replica, &third).await && refresh(&replica, &third).await.is_err());
}

#[tokio::test]
async fn a_refresh_is_not_repeated_for_another_client() {
    let replica = House::new().await.replica().await;
    replica.register("ana").await;
    let first = replica.sign_in("ana").await;
    let second = refresh_from("192.0.2.1", &replica, &first).await.unwrap();
    assert!(refresh_from("192.0.2.1", &replica, &first).await.is_ok());
    assert!(refresh_from("192.0.2.2", &replica, &first).await.is_err());
    assert!(refresh_from("192.0.2.1", &replica, &second).await.is_err(), "the session has ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn refreshes_at_once_give_the_same_token_and_its_reuse_ends_the_session() {
    let house = House::new().await;
    let replicas = [house.replica().await, house.replica().await];
    replicas[0].register("ana").await;
    for _ in 0..5 {
        let tokens = replicas[0].sign_in("ana").await;
        let tries: Vec<_> = (0..8)
            .map(|place| {
                let (replica, tokens) = (replicas[place % 2].clone(), tokens.clone());
                tokio::spawn(async move { refresh(&replica, &tokens).await.ok() })
            })
            .collect();
        let mut won = Vec::new();
        for one in tries {
            won.extend(one.await.unwrap());
        }
        assert_eq!(won.len(), 8);
        assert!(won.iter().all(|tokens| tokens.refresh_token == won[0].refresh_token));
        let next = refresh(&replicas[0], &won[0]).await.unwrap();
        assert!(refresh(&replicas[1], &tokens).await.is_err());
        assert!(refresh(&replicas[0], &next).await.is_err(), "the session has ended");
    }
}

#[tokio::test]
async fn a_session_expires_when_it_idles_and_when_it_is_old() {
    let replica = House::new().await.replica().await;
    replica.register("ana").await;
    let (idle, mut used) = (replica.sign_in("ana").await, replica.sign_in("ana").await);
    for _ in 0..3 {
        replica.clock.advance(29 * DAY);
        used = refresh(&replica, &used).await.unwrap();
    }
    assert!(refresh(&replica, &idle).await.is_err());
    replica.clock.advance(3 * DAY);
    assert!(refresh(&replica, &used).await.is_err());
}

#[tokio::test]
async fn an_access_token_expires_after_ten_minutes() {
    let replica = House::new().await.replica().await;
    replica.register("ana").await;
    let tokens = replica.sign_in("ana").await;
    replica.clock.advance(Duration::from_secs(599));
    assert!(works(&replica, &tokens).await);
    // Clocks differ: `--clock-leeway`, a minute by default.
    replica.clock.advance(Duration::from_secs(62));
    assert!(!works(&replica, &tokens).await);
    assert!(works(&replica, &refresh(&replica, &tokens).await.unwrap()).await);
}

#[tokio::test]
async fn signing_out_ends_this_session_at_once_and_no_other() {
    let replica = House::new().await.replica().await;
    replica.register("ana").await;
    let (here, there) = (replica.sign_in("ana").await, replica.sign_in("ana").await);
    outcome(replica.auth().sign_out(keyed("k", by(&here, SignOutRequest {}))).await).unwrap();
    assert!(!works(&replica, &here).await && works(&replica, &there).await);
    assert!(refresh(&replica, &here).await.is_err());
    outcome(replica.auth().sign_out(by(&here, SignOutRequest {})).await).unwrap();
}

#[tokio::test]
async fn signing_out_late_ends_the_session_too_and_a_forged_token_ends_none() {
    let replica = House::new().await.replica().await;
    replica.register("ana").await;
    let tokens = replica.sign_in("ana").await;
    replica.clock.advance(DAY);
    let mut forged = tokens.clone();
    forged.access_token.replace_range(forged.access_token.len() - 8.., "AAAAAAAA");
    let refused = outcome(replica.auth().sign_out(by(&forged, SignOutRequest {})).await).unwrap_err();
    assert_eq!(refused.code, Code::Unauthenticated);
    assert!(!works(&replica, &tokens).await, "it lets nobody in any more");
    outcome(replica.auth().sign_out(by(&tokens, SignOutRequest {})).await).unwrap();
    assert!(refresh(&replica, &tokens).await.is_err());
}

#[tokio::test]
async fn sessions_are_listed_with_their_clients_and_ended_one_by_one_or_all_but_ones_own() {
    let replica = House::new().await.replica().await;
    replica.register("ana").await;
    let (old, tokens) = (replica.sign_in("ana").await, replica.sign_in("ana").await);
    replica.clock.advance(Duration::from_secs(60));
    let old = refresh_from("192.0.2.7", &replica, &old).await.unwrap();
    let listed = sessions(&replica, &tokens).await;
    assert_eq!(listed.iter().map(|it| it.current).collect::<Vec<_>>(), [true, false], "the newest first");
    assert_eq!(listed[1].ip_address, "192.0.2.7");
    assert!(listed[1].last_used_time.unwrap().seconds == listed[1].create_time.unwrap().seconds + 60);

    let end = |id: &str| RevokeSessionRequest { user_id: "me".to_owned(), id: id.to_owned() };
    outcome(replica.auth().revoke_session(by(&tokens, end(&listed[1].id))).await).unwrap();
    assert!(!works(&replica, &old).await && works(&replica, &tokens).await);
    let again = outcome(replica.auth().revoke_session(by(&tokens, end(&listed[1].id))).await);
    assert_eq!(again.unwrap_err().code, Code::NotFound);

    let other = replica.sign_in("ana").await;
    let all = RevokeSessionsRequest { user_id: "me".to_owned(), keep_current: true };
    outcome(replica.auth().revoke_sessions(by(&tokens, all)).await).unwrap();
    assert!(!works(&replica, &other).await && refresh(&replica, &other).await.is_err());
    assert!(works(&replica, &tokens).await, "not even refreshed");
    assert_eq!(sessions(&replica, &tokens).await.len(), 1);
    let all = RevokeSessionsRequest { user_id: "me".to_owned(), keep_current: false };
    outcome(replica.auth().revoke_sessions(by(&tokens, all)).await).unwrap();
    assert!(!works(&replica, &tokens).await && refresh(&replica, &tokens).await.is_err());
}

#[tokio::test]
async fn one_session_more_than_a_user_may_have_ends_the_oldest() {
    let house = House::new().await;
    let options = crate::Options { sessions_per_user: 2, ..House::options() };
    let replica = house.replica_with(&options, keys_of(7)).await.unwrap();
    replica.register("ana").await;
    replica.register("bob").await;
    let bob = replica.sign_in("bob").await;
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(replica.sign_in("ana").await);
    }
    assert!(!works(&replica, &all[0]).await && refresh(&replica, &all[0]).await.is_err());
    assert!(works(&replica, &all[1]).await && works(&replica, &all[2]).await && works(&replica, &bob).await);
    assert_eq!(sessions(&replica, &all[2]).await.len(), 2);
}

#[tokio::test]
async fn however_often_somebody_signs_in_and_out_a_few_sessions_are_remembered() {
    let replica = House::new().await.replica().await;
    replica.register("ana").await;
    let count = async || {
        use sea_orm::{EntityTrait, PaginatorTrait};
        crate::store::entities::session::Entity::find().count(replica.db.read()).await.unwrap()
    };
    let kept = replica.sign_in("ana").await;
    for _ in 0..110 {
        let tokens = replica.sign_in("ana").await;
        outcome(replica.auth().sign_out(by(&tokens, SignOutRequest {})).await).unwrap();
    }
    assert!(count().await <= 102, "{}", count().await);
    assert!(works(&replica, &kept).await, "what is not over stays");
}

#[tokio::test]
async fn of_a_session_that_is_refreshed_all_the_time_so_many_tokens_are_remembered() {
    use kit::{Call, Role, Time, Writer};
    use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter};

    use crate::store::entities::{refresh_token as token, session};
    let replica = House::new().await.replica().await;
    replica.register("ana").await;
    let tokens = replica.sign_in("ana").await;
    let id = session::Entity::find().one(replica.db.read()).await.unwrap().unwrap().id;
    let writer = Writer::<crate::error::Error>::from(replica.db.clone());
    let call = Call::of_service(Role::User, "fill");
    let filled = writer.transact(&call, id, |tx, id| async move {
        for some in 0..5 {
            let rows = (0..1_000).map(|number| {
                let hash = crate::credentials::TokenHash(format!("{some}-{number}"));
                let used_time = Some(Time(i64::from(some * 1_000 + number)));
                token::Model { used_time, ..token::Model::fresh(hash, *id) }.into_active_model().reset_all()
            });
            token::Entity::insert_many(rows).exec_without_returning(&*tx).await?;
        }
        crate::store::sessions::forget_used(&tx, *id).await?;
        Ok(())
    });
    filled.await.unwrap();
    let used = token::Entity::find().filter(token::Column::UsedTime.is_not_null());
    assert_eq!(used.count(replica.db.read()).await.unwrap(), 4_500);
    refresh(&replica, &tokens).await.expect("the one that is not used stays");
}

#[tokio::test]
async fn a_repeat_is_answered_when_the_last_sign_in_is_too_long_ago_for_another_change() {
    let replica = House::new().await.replica().await;
    replica.register("ana").await;
    let tokens = replica.sign_in("ana").await;
    let change = |email: &str, key: &str| {
        let user = User { id: "me".to_owned(), email: email.to_owned(), ..User::default() };
        let request = UpdateUserRequest { user: Some(user), update_mask: None };
        let (request, users) = (keyed(key, by(&tokens, request)), replica.users());
        async move { outcome({ users }.update_user(request).await) }
    };
    let changed = change("new@example.com", "k").await.unwrap();
    replica.clock.advance(Duration::from_secs(620));
    assert_eq!(change("new@example.com", "k").await.unwrap(), changed);
    assert_eq!(change("other@example.com", "k").await.unwrap_err().reason.as_str(), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(
        change("other@example.com", "l").await.unwrap_err().reason.as_str(),
        "REAUTHENTICATION_REQUIRED"
    );
}

#[tokio::test]
async fn rubbish_is_no_refresh_token_and_a_key_stores_no_tokens() {
    let replica = House::new().await.replica().await;
    replica.register("ana").await;
    for bad in ["x", "frt_", &format!("frt_{}", "A".repeat(43))] {
        let rubbish = Tokens { refresh_token: bad.to_owned(), ..Tokens::default() };
        assert_eq!(refresh(&replica, &rubbish).await.unwrap_err().code, Code::Unauthenticated);
    }
    let request = || {
        let message = contracts::user::SignInRequest {
            login: "ana".to_owned(),
            password: super::PASSWORD.to_owned(),
            ..Default::default()
        };
        keyed("k", tonic::Request::new(message))
    };
    let first = outcome(replica.auth().sign_in(request()).await).unwrap();
    let second = outcome(replica.auth().sign_in(request()).await).unwrap();
    assert_ne!(first.refresh_token, second.refresh_token);
}

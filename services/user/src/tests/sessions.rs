//! Refreshing and signing out.

use std::time::Duration;

use contracts::user::{GetUserRequest, RefreshRequest, SignOutRequest, Tokens};
use kit::Fault;
use tonic::Code;

use super::{House, Replica, by, events, keyed, outcome};

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn refresh(replica: &Replica, tokens: &Tokens) -> Result<Tokens, Fault> {
    outcome(replica.auth().refresh(RefreshRequest { refresh_token: tokens.refresh_token.clone() }).await)
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
    assert_eq!(refresh(&replica, &first).await.unwrap_err().code, Code::Unauthenticated);
    assert_eq!(events(&replica.db).await, ["KeysChanged", "AccessRevoked"]);
    assert!(!works(&replica, &second).await);
    assert!(refresh(&replica, &second).await.is_err());
    assert!(works(&replica, &other).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_refreshes_at_once_at_most_one_wins_and_the_session_ends() {
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
        assert_eq!(won.len(), 1);
        assert!(refresh(&replicas[0], &won[0]).await.is_err());
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
    assert!(outcome(replica.auth().sign_out(by(&here, SignOutRequest {})).await).is_err());
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
        let message =
            contracts::user::SignInRequest { login: "ana".to_owned(), password: super::PASSWORD.to_owned() };
        keyed("k", tonic::Request::new(message))
    };
    let first = outcome(replica.auth().sign_in(request()).await).unwrap();
    let second = outcome(replica.auth().sign_in(request()).await).unwrap();
    assert_ne!(first.refresh_token, second.refresh_token);
}

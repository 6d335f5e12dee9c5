//! Signing in, and failing to.

use std::time::Duration;

use tonic::Code;

use super::{House, PASSWORD, keys_of};

#[tokio::test]
async fn username_and_email_sign_in_without_regard_to_case() {
    let replica = House::new().await.replica().await;
    let user = replica.register("Ana").await;
    for login in ["ana", "ANA", "Ana@Example.com"] {
        let tokens = replica.try_sign_in(login, PASSWORD).await.unwrap();
        assert_eq!(tokens.user.as_ref(), Some(&user));
        assert_eq!((tokens.token_type.as_str(), tokens.expires_in), ("Bearer", 600));
        assert!(tokens.refresh_token.starts_with("frt_"));
    }
}

#[tokio::test]
async fn a_wrong_password_an_unknown_user_and_a_disabled_one_look_the_same() {
    let replica = House::new().await.replica().await;
    replica.register("ana").await;
    let disabled = replica.register("bia").await;
    replica.disable(&disabled).await;
    let mut faults = Vec::new();
    for (login, password) in
        [("ana", "wrong"), ("nobody", PASSWORD), ("bia", PASSWORD), ("no@body.example", "x")]
    {
        let fault = replica.try_sign_in(login, password).await.unwrap_err();
        faults.push((fault.code, fault.reason, fault.message, fault.metadata));
    }
    assert_eq!(faults[0].0, Code::Unauthenticated);
    assert!(faults.iter().all(|one| *one == faults[0]));
}

#[tokio::test]
async fn ten_failures_throttle_a_login_on_every_replica_until_the_window_ends() {
    let house = House::new().await;
    let replicas = [house.replica().await, house.replica().await];
    for login in ["ana", "nobody"] {
        replicas[0].register(if login == "ana" { "ana" } else { "eva" }).await;
        for place in 0..10 {
            let fault = replicas[place % 2].try_sign_in(login, "wrong").await.unwrap_err();
            assert_eq!(fault.code, Code::Unauthenticated, "{place}");
        }
        for replica in &replicas {
            let fault = replica.try_sign_in(&login.to_uppercase(), PASSWORD).await.unwrap_err();
            assert_eq!(fault.reason.as_str(), "RATE_LIMITED");
            assert_eq!(fault.retry_after, Some(Duration::from_secs(900)));
        }
    }
    replicas[0].sign_in("eva").await;
    house.clock.advance(Duration::from_secs(900));
    replicas[1].sign_in("ana").await;
}

#[tokio::test]
async fn a_success_forgets_the_failures_and_only_they_count() {
    let replica = House::new().await.replica().await;
    replica.register("ana").await;
    for _ in 0..3 {
        for _ in 0..9 {
            replica.try_sign_in("ana", "wrong").await.unwrap_err();
        }
        replica.sign_in("ana").await;
    }
    for _ in 0..20 {
        replica.sign_in("ana").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_at_once_gets_no_more_verdicts_than_guessing_in_turn() {
    let house = House::new().await;
    let replicas = [house.replica().await, house.replica().await];
    replicas[0].register("ana").await;
    let tries: Vec<_> = (0..40)
        .map(|place| {
            let replica = replicas[place % 2].clone();
            tokio::spawn(async move { replica.try_sign_in("ana", "wrong").await.unwrap_err().code })
        })
        .collect();
    let mut verdicts = 0;
    for one in tries {
        match one.await.unwrap() {
            Code::Unauthenticated => verdicts += 1,
            code => assert_eq!(code, Code::ResourceExhausted),
        }
    }
    assert_eq!(verdicts, 10);
}

#[tokio::test]
async fn a_hash_by_other_parameters_is_made_anew_at_sign_in() {
    let house = House::new().await;
    house.replica().await.register("ana").await;
    let mut options = House::options();
    options.hashing.password_memory_kib = 16;
    let replica = house.replica_with(&options, keys_of(7)).await.unwrap();
    let hash = || async {
        let found = crate::store::users::by_login(replica.db.read(), "ana").await.unwrap();
        found.unwrap().password_hash.0
    };
    replica.try_sign_in("ana", "wrong").await.unwrap_err();
    assert!(hash().await.contains("m=8,"), "only who knows the password can have it hashed anew");
    let user = replica.sign_in("ana").await.user.unwrap();
    assert!(hash().await.contains("m=16,"));
    assert_eq!(replica.sign_in("ana").await.user, Some(user), "nothing that shows has changed");
}
